"""The public topics on a real broker and database: public fields alone, each case in order, none lost, fenced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from pydantic import SecretStr

from shared.bus.batch import record_of
from shared.bus.consumer import BatchConsumer
from shared.bus.kernel import Kernel
from shared.bus.progress import FencedError
from shared.bus.public_feed import NAME, PublicFeed, PublicProjector
from shared.bus.publisher import Outgoing, Publisher
from shared.events.insight import DayCounted
from shared.events.topics import LOGICAL
from shared.settings import Settings
from shared.store.migration import migrate
from tests.support.analytics import CITIZENS_WORDS, RECEIVED_AT, SOURCES, Story, stories
from tests.support.kafka import KafkaServer
from tests.support.kernel import PARTITIONS, Bench, until

SECRETS = (CITIZENS_WORDS, "c2VhbGVk", "5f0f2a526d0e5c0a9a572f6b1c7f5d11", "o-1", "m-1", "已劝离", "26030200000018")


@pytest.fixture
async def bench(kafka: KafkaServer, database: str, namespace: str) -> AsyncIterator[Bench]:
    await migrate("analytics", database)
    bench = await Bench.open(kafka, database, namespace)
    yield bench
    await bench.close()


class Running:
    """A feed at work."""

    def __init__(self, bench: Bench) -> None:
        self.kernel = Kernel(
            "analytics",
            Settings(
                kafka=bench.kafka.bootstrap,
                analytics_database=SecretStr(bench.database),
                topic_prefix=bench.prefix,
                partitions=PARTITIONS,
                session_timeout_ms=6_000,
                embedded=not bench.kafka.real,
            ),
            emits=(),
        )
        self.feed = PublicFeed(self.kernel)
        self._task = asyncio.create_task(self.feed.consumer.run())

    @property
    def consumer(self) -> BatchConsumer:
        return self.feed.consumer

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.feed.close()
        await self.kernel.close()


async def send(bench: Bench, told: Sequence[Story]) -> None:
    for topic, source in SOURCES.items():
        of_topic = [one[1:] for story in told for one in story.told() if one[0] == topic]
        await bench.send(of_topic, topic=topic, source=source)


async def public(bench: Bench) -> list[tuple[str, int, dict[str, bytes], bytes, bytes]]:
    """What lies on the public topics: logical topic, partition, headers, key, value."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bench.kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        names = {bench.topics.public(logical): logical for logical in LOGICAL}
        places = [TopicPartition(name, partition) for name in names for partition in range(PARTITIONS)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found = []
        await consumer.seek_to_beginning(*places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for messages in (await consumer.getmany(timeout_ms=1000)).values():
                found += [(names[m.topic], m.partition, dict(m.headers), m.key, m.value) for m in messages]
        return found
    finally:
        await consumer.stop()


async def all_read(bench: Bench) -> bool:
    """Whether the feed's offsets stand at the end of every internal topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bench.kafka.bootstrap)
    await consumer.start()
    try:
        places = [
            TopicPartition(bench.topics.internal(logical), partition)
            for logical in LOGICAL
            for partition in range(PARTITIONS)
        ]
        ends = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    async with bench.engine.connect() as connection:
        rows = await connection.execute(
            sa.text("SELECT topic, partition, next_offset FROM offsets WHERE consumer = :name"), {"name": NAME}
        )
        stand = {TopicPartition(row[0], row[1]): row[2] for row in rows}
    return bool(stand == ends)


async def test_the_public_fields_alone_leave_with_the_same_attributes(bench: Bench) -> None:
    told = stories(20)
    await send(bench, told)
    day = DayCounted(
        day="2026-03-02", received=1, resolved=1, surveyed=1, answered=1, satisfied=1, measured_at=RECEIVED_AT
    )
    await bench.send([(uuid4(), 1, day)], topic="insights", source="/minsheng/analytics")
    running = Running(bench)
    await until(lambda: all_read(bench), what="the feed at the end of every topic")
    await running.stop()

    internal = {
        (logical, event.case_id, event.sequence): event
        for logical in LOGICAL
        for event in await bench.published(logical)
    }
    found = await public(bench)
    assert len(found) == len(internal) == sum(len(list(story.told())) for story in told) + 1
    for logical, partition, headers, key, value in found:
        event = next(
            one
            for (topic, case, sequence), one in internal.items()
            if topic == logical
            and headers["ce_subject"] == str(case).encode()
            and int(headers["ce_sequence"]) == sequence
        )
        assert (headers["ce_id"], headers["ce_source"], headers["ce_type"]) == (
            f"{event.case_id}-{event.sequence}".encode(),
            event.source.encode(),
            event.type.encode(),
        )
        assert (partition, key) == (event.partition, str(event.case_id).encode())
        assert value == event.event.public()
        for secret in SECRETS:
            assert secret.encode() not in value


async def test_a_header_of_the_bureaus_own_stays_inside(bench: Bench) -> None:
    story = Story(uuid4())
    record = bench.outgoing(story.case_id, 1, story.requests()[0])
    await bench.publisher.publish(
        [
            Outgoing(
                record.topic,
                record.partition,
                record.key,
                record.value,
                [*record.headers, ("x-officer", b"o-1")],
                record.timestamp,
            )
        ]
    )
    running = Running(bench)
    await until(lambda: all_read(bench), what="the feed at the end of every topic")
    await running.stop()
    (event,) = await public(bench)
    assert set(event[2]) == {name for name, _ in record.headers}


async def test_what_nobody_can_read_is_withheld_and_stops_nothing(bench: Bench) -> None:
    story = Story(uuid4())
    bad = bench.outgoing(uuid4(), 1, story.requests()[0], value=CITIZENS_WORDS.encode(), partition=0)
    good = bench.outgoing(uuid4(), 1, story.requests()[0], partition=0)
    await bench.publisher.publish([bad, good])
    running = Running(bench)
    await until(lambda: all_read(bench), what="the feed at the end of every topic")
    await running.stop()
    assert [event[3] for event in await public(bench)] == [good.key]


async def test_a_restarted_feed_goes_on_where_it_was(bench: Bench) -> None:
    first, second = stories(10), stories(10)
    await send(bench, first)
    running = Running(bench)
    await until(lambda: all_read(bench), what="the feed at the end of every topic")
    await running.stop()
    await send(bench, second)
    running = Running(bench)
    await until(lambda: all_read(bench), what="the feed at the end of every topic")
    await running.stop()
    ids = [(headers["ce_source"], headers["ce_id"]) for _, _, headers, _, _ in await public(bench)]
    assert len(ids) == len(set(ids)) == sum(len(list(story.told())) for story in (*first, *second))


async def test_events_are_public_before_their_offsets_move_and_none_of_a_lost_partition(bench: Bench) -> None:
    story = Story(uuid4())
    await bench.send([(story.case_id, 1, story.requests()[0])])
    topic = bench.topics.internal("requests")
    ids = await bench.identities.of([topic])
    reader = AIOKafkaConsumer(topic, bootstrap_servers=bench.kafka.bootstrap, auto_offset_reset="earliest")
    await reader.start()
    message = await reader.getone()
    await reader.stop()
    place = (topic, message.partition)
    async with bench.engine.begin() as connection:
        await connection.execute(
            sa.text("INSERT INTO offsets VALUES (:name, :topic, :partition, :id, :next)"),
            {
                "name": NAME,
                "topic": topic,
                "partition": message.partition,
                "id": ids[topic],
                "next": message.offset,
            },
        )

    async def stored() -> int:
        async with bench.engine.connect() as connection:
            found = await connection.scalar(
                sa.text("SELECT next_offset FROM offsets WHERE consumer = :name"), {"name": NAME}
            )
        assert isinstance(found, int)
        return found

    records = [record_of(message)]
    moves = {place: (message.offset, message.offset + 1)}
    unreachable = Publisher("127.0.0.1:1", client_id="nowhere", idempotent=False)
    with pytest.raises(KafkaConnectionError):
        await PublicProjector(bench.engine, unreachable, bench.topics).apply(records, moves, ids)
    assert await stored() == message.offset
    projector = PublicProjector(bench.engine, bench.publisher, bench.topics)
    await projector.apply(records, moves, ids)
    assert await stored() == message.offset + 1
    with pytest.raises(FencedError):
        await projector.apply(records, moves, ids)
    assert len(await public(bench)) == 1
