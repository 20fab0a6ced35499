"""Analytics as the process that `minsheng analytics` starts: with its broker gone, come, and gone again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared import ports
from shared.privacy.keys import KeyRing, new_key
from shared.process import ChildProcess, spawn
from shared.store.migration import migrate
from shared.web.auth import Role, Staff, issue_token
from tests.support.analytics import DAY, SOURCES, Story
from tests.support.kafka import KafkaServer
from tests.support.kernel import PARTITIONS, Bench, until
from tests.support.places import PROJECT, scratch


class Analytics:
    """A running analytics, and the means to ask it."""

    def __init__(self, process: ChildProcess, client: httpx.AsyncClient) -> None:
        self.process = process
        self._client = client

    async def ask(self, path: str, **query: str) -> Any:
        answer = await self._client.get(path, params=query)
        return answer.json() if answer.status_code == 200 else None

    async def is_ready(self) -> bool:
        return await self.ask("/readyz") is not None


@asynccontextmanager
async def running(kafka: KafkaServer, database: str, prefix: str) -> AsyncIterator[Analytics]:
    staff, port = new_key("t1"), ports.pick(0, "analytics", remedy="free a port")
    environment = os.environ | {
        "MINSHENG_KAFKA": kafka.bootstrap,
        "MINSHENG_EMBEDDED": json.dumps(not kafka.real),
        "MINSHENG_ANALYTICS_DATABASE": database,
        "MINSHENG_ANALYTICS_PORT": str(port),
        "MINSHENG_TOPIC_PREFIX": prefix,
        "MINSHENG_PARTITIONS": str(PARTITIONS),
        "MINSHENG_SESSION_TIMEOUT_MS": "6000",
        "MINSHENG_STAFF_KEYS": staff,
        "MINSHENG_CHANNEL_KEYS": new_key("t1"),
        "MINSHENG_CALLBACK_KEYS": new_key("t1"),
    }
    analyst = Staff("s-1", "测试", Role.ANALYST)
    token = issue_token(KeyRing.parse(staff), analyst, now=datetime.now(UTC))
    with scratch("analytics") as folder:
        process = spawn(
            "analytics",
            [sys.executable, "-m", "services.analytics.app"],
            log=folder / "analytics.log",
            env=environment | {"MINSHENG_DATA_DIR": str(folder)},
            cwd=PROJECT,
        )
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as client:
            analytics = Analytics(process, client)
            try:
                yield analytics
            except BaseException:
                sys.stderr.write(process.log_tail())
                raise
            finally:
                await process.stop(signal.SIGTERM, grace=30.0)


async def tell(bench: Bench, story: Story) -> None:
    for topic, source in SOURCES.items():
        told = [one[1:] for one in story.told() if one[0] == topic]
        await bench.send(told, topic=topic, source=source)


async def test_it_serves_without_a_broker_and_goes_on_when_one_comes(
    own_kafka: KafkaServer, database: str, namespace: str
) -> None:
    await migrate("analytics", database)
    await own_kafka.kill()
    async with running(own_kafka, database, namespace) as analytics:

        async def answers() -> bool:
            try:
                return await analytics.ask("/healthz") is not None
            except httpx.ConnectError:
                return False

        await until(answers, what="HTTP up without a broker")
        assert (await analytics.ask("/v1/counts"))["rows"] == []
        assert not await analytics.is_ready()

        async def live_says_down() -> bool:
            live = await analytics.ask("/v1/live")
            return live["available"] is False and "is down" in live["reason"]

        await until(live_says_down, what="the live rate told as down")

        await own_kafka.start()
        bench = await Bench.open(own_kafka, database, namespace)
        try:
            story = Story(uuid4())
            await tell(bench, story)

            async def counted() -> bool:
                fact = await analytics.ask(f"/v1/cases/{story.case_id}")
                return fact is not None and fact["settlement"] == "satisfied" and fact["state"] == "closed"

            await until(counted, seconds=60, what="the case counted")
            await until(analytics.is_ready, seconds=60, what="readiness")

            async def public() -> bool:
                consumer_topics = [bench.topics.public(name) for name in SOURCES]
                ends = await _ends(own_kafka, consumer_topics)
                return ends == len(list(story.told()))

            await until(public, seconds=60, what="the public events")

            async def live_is_up() -> bool:
                live = await analytics.ask("/v1/live")
                return live["available"] is True and live["since"] is not None

            await until(live_is_up, seconds=60, what="the live rate up")
            rows = (await analytics.ask("/v1/counts", by="day,unit", **{"from": DAY, "to": DAY}))["rows"]
            assert [(row["unit"], row["received"], row["closed"]) for row in rows] == [("traffic", 1, 1)]

            await own_kafka.kill()
            await asyncio.wait_for(analytics.ask("/v1/counts"), 5)
            assert (await analytics.ask(f"/v1/cases/{story.case_id}"))["state"] == "closed"
            assert analytics.process.running
        finally:
            await bench.close()
    assert analytics.process.returncode == 0


async def _ends(kafka: KafkaServer, topics: list[str]) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    await consumer.start()
    try:
        places = [TopicPartition(topic, partition) for topic in topics for partition in range(PARTITIONS)]
        return sum((await consumer.end_offsets(places)).values())
    finally:
        await consumer.stop()
