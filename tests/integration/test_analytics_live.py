"""The live rate on a real broker: what it counts, and that it outlives brokers, topics and apps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from services.analytics.live import STOP_SECONDS, WINDOW_SECONDS, LiveApp, LiveRate
from services.analytics.settings import AnalyticsSettings
from shared.settings import Settings
from tests.support.analytics import Story
from tests.support.kafka import KafkaServer
from tests.support.kernel import PARTITIONS, Bench, until


def settings_for(kafka: KafkaServer, prefix: str) -> AnalyticsSettings:
    return AnalyticsSettings(
        kafka=kafka.bootstrap,
        topic_prefix=prefix,
        partitions=PARTITIONS,
        session_timeout_ms=6_000,
        embedded=not kafka.real,
    )


@asynccontextmanager
async def counting(live: LiveRate) -> AsyncIterator[LiveRate]:
    task = asyncio.create_task(live.run())
    try:
        yield live
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await live.close()


@asynccontextmanager
async def topics_on(kafka: KafkaServer, prefix: str) -> AsyncIterator[Bench]:
    # The bench's database is not used here.
    bench = await Bench.open(kafka, "postgresql://nobody@127.0.0.1:1/none", prefix)
    try:
        yield bench
    finally:
        await bench.close()


def is_up(live: LiveRate) -> Callable[[], Awaitable[bool]]:
    async def up() -> bool:
        return live.read().trouble is None

    return up


async def send(bench: Bench, at: float, **requests: int) -> None:
    """So many requests of each family, at a time."""
    records = [
        bench.outgoing(uuid4(), 1, Story(uuid4(), family=family).requests()[0], timestamp=int(at * 1000))
        for family, number in requests.items()
        for _ in range(number)
    ]
    await bench.publisher.publish(records)


def total(live: LiveRate, now: float) -> int:
    return live.read(now).rate_per_minute or 0


async def counts_again(bench: Bench, live: LiveRate) -> None:
    """Wait until requests are counted: some may pass unheard while a group joins anew, so they are sent again."""

    async def heard() -> bool:
        at = time.time()
        await send(bench, at + 70, website=1)
        return total(live, at + 70 + WINDOW_SECONDS) > 0

    await until(heard, seconds=60, what="a request counted")


async def test_requests_are_counted_by_window_minute_and_family(kafka: KafkaServer, namespace: str) -> None:
    async with topics_on(kafka, namespace) as bench, counting(LiveRate(settings_for(kafka, namespace))) as live:
        await until(is_up(live), what="the live part up")
        since = live.read().since
        assert since is not None
        minute = since // 60 * 60 + 60
        await send(bench, minute + 5, wechat=3, website=2)
        await send(bench, minute + 15, wechat=4)
        await send(bench, minute + 65, wechat=1)

        async def all_heard() -> bool:
            return sum(one.requests for one in live.read(minute + 130).minutes) == 10

        await until(all_heard, what="ten requests counted")
        full = live.read(minute + 61)
        assert (full.rate_per_minute, full.by_family) == (9, {"wechat": 7, "website": 2})
        moved = live.read(minute + 71)
        assert (moved.rate_per_minute, moved.by_family) == (5, {"wechat": 5})
        assert [(one.start, one.requests, one.complete) for one in live.read(minute + 61).minutes] == [
            (minute, 9, True),
            (minute + 60, 1, False),
        ]
        # A window that began before the counting did would show too little.
        assert live.read(since + 30.0).rate_per_minute is None


async def test_events_that_are_published_again_are_counted_once(kafka: KafkaServer, namespace: str) -> None:
    async with topics_on(kafka, namespace) as bench, counting(LiveRate(settings_for(kafka, namespace))) as live:
        await until(is_up(live), what="the live part up")
        since = live.read().since
        assert since is not None
        minute = since // 60 * 60 + 60
        records = [
            bench.outgoing(uuid4(), 1, Story(uuid4()).requests()[0], timestamp=(minute + nth) * 1000)
            for nth in range(5)
        ]
        await bench.publisher.publish(records)
        # As `republish` does; the last one says that all have been heard.
        await bench.publisher.publish(records)
        await bench.publisher.publish([*records, records[0]])
        await send(bench, minute + 61, website=PARTITIONS * 4)

        async def all_heard() -> bool:
            return [one.requests for one in live.read(minute + 130).minutes][1] == PARTITIONS * 4

        await until(all_heard, what="the last requests counted")
        assert [one.requests for one in live.read(minute + 130).minutes][:2] == [5, PARTITIONS * 4]


async def test_a_broker_that_is_not_there_is_waited_for(own_kafka: KafkaServer, namespace: str) -> None:
    await own_kafka.kill()
    async with counting(LiveRate(settings_for(own_kafka, namespace))) as live:

        async def down() -> bool:
            return "is down" in (live.read().trouble or "")

        await until(down, what="the live part down")
        await own_kafka.start()
        async with topics_on(own_kafka, namespace) as bench:
            await until(is_up(live), seconds=60, what="the live part up")
            await counts_again(bench, live)


async def test_a_broker_that_dies_is_waited_for(own_kafka: KafkaServer, namespace: str) -> None:
    async with topics_on(own_kafka, namespace) as bench, counting(LiveRate(settings_for(own_kafka, namespace))) as live:
        await until(is_up(live), what="the live part up")
        await counts_again(bench, live)
        await own_kafka.kill()

        async def down() -> bool:
            return live.read().trouble is not None

        await until(down, what="the live part down")
        await own_kafka.start()
        # The embedded broker forgets its topics; the real one has kept them.
        await bench.create_topics()
        await until(is_up(live), seconds=60, what="the live part up")
        await counts_again(bench, live)


async def test_an_app_that_crashes_is_followed_by_another(kafka: KafkaServer, namespace: str) -> None:
    made: list[LiveApp] = []

    def make(settings: Settings) -> LiveApp:
        made.append(LiveApp(settings))
        return made[-1]

    async with topics_on(kafka, namespace) as bench:
        live = LiveRate(settings_for(kafka, namespace), make=make)
        async with counting(live):
            await until(is_up(live), what="the live part up")
            await made[0].app.crash(RuntimeError("an agent died"))

            async def followed() -> bool:
                return len(made) == 2 and live.read().trouble is None

            await until(followed, seconds=60, what="another app up")
            await counts_again(bench, live)
        assert made[0].app.crashed


# Faust's consumer thread ends with the cancellation that it was stopped by.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_stopping_does_not_wait_for_a_broker_that_is_gone(own_kafka: KafkaServer, namespace: str) -> None:
    async with topics_on(own_kafka, namespace):
        async with counting(LiveRate(settings_for(own_kafka, namespace))) as live:
            await until(is_up(live), what="the live part up")
            await own_kafka.kill()
            begun = time.monotonic()
        assert time.monotonic() - begun < STOP_SECONDS + 10
