"""A kernel on real servers for tests: topics and a database of its own, workers to start and stop, events to send."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.bus.admin import TopicAdmin, wanted_topics
from shared.bus.batch import BatchApplier
from shared.bus.consumer import BatchConsumer
from shared.bus.envelope import Received, decode, headers_of
from shared.bus.handlers import Handler
from shared.bus.identity import TopicIdentities
from shared.bus.partitioning import partition_of
from shared.bus.publisher import Outgoing, Publisher
from shared.bus.relay import Relay
from shared.bus.retries import Retries
from shared.events.base import Event
from shared.events.topics import DEAD_LETTERS, TopicNames
from shared.store.engine import create_engine
from shared.telemetry.metrics import KernelMetrics
from tests.support.kafka import KafkaServer

SOURCE = "/minsheng/intake"
PARTITIONS = 4


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 30.0, what: str = "condition") -> None:
    """Wait until a condition on outside state holds; fails with its name after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what} did not come true within {seconds:g} s") from None


@dataclass(slots=True)
class Worker:
    """One running worker of the service under test."""

    consumer: BatchConsumer
    relay: Relay
    tasks: list[asyncio.Task[None]]
    close: Callable[[], Awaitable[None]]

    async def stop(self) -> None:
        """Stop in the order a service stops."""
        consuming, relaying = self.tasks
        for task in (consuming, relaying):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self.close()


@dataclass(slots=True)
class Bench:
    """One service under test: its names, database, and the means to feed and watch it."""

    kafka: KafkaServer
    database: str
    prefix: str
    engine: AsyncEngine
    publisher: Publisher
    identities: TopicIdentities
    name: str = "routing"
    workers: list[Worker] = field(default_factory=list)

    @classmethod
    async def open(cls, kafka: KafkaServer, database: str, prefix: str) -> Bench:
        """Create the topics."""
        bench = cls(
            kafka,
            database,
            prefix,
            create_engine(database),
            Publisher(kafka.bootstrap, client_id="test", idempotent=False),
            TopicIdentities(kafka.bootstrap),
        )
        await bench.create_topics()
        return bench

    @property
    def topics(self) -> TopicNames:
        """The topic names of this test."""
        return TopicNames(self.prefix)

    async def create_topics(self) -> None:
        """Create what is missing."""
        async with TopicAdmin(self.kafka.bootstrap) as admin:
            await admin.apply(wanted_topics(self.topics, partitions=PARTITIONS, replication=1, retention_hours=24))

    def worker(
        self,
        handler: Handler,
        *,
        reads: Sequence[str] = ("requests",),
        emits: Sequence[str] = ("cases",),
        publisher_class: type[Publisher] = Publisher,
    ) -> Worker:
        """Start a worker; several share the partitions."""
        engine = create_engine(self.database)
        metrics = KernelMetrics(self.name)
        identities = TopicIdentities(self.kafka.bootstrap)
        publisher = publisher_class(self.kafka.bootstrap, client_id=self.name, idempotent=self.kafka.real)
        relay = Relay(
            database=self.database,
            publisher=publisher,
            topics=self.topics,
            source=f"/minsheng/{self.name}",
            emits=(*emits, DEAD_LETTERS),
            topic_ids=identities.of,
            metrics=metrics,
            takeover_seconds=1.0,
        )
        consumer = BatchConsumer(
            name=self.name,
            group=f"{self.prefix}-{self.name}",
            bootstrap=self.kafka.bootstrap,
            topics=[self.topics.internal(topic) for topic in reads],
            engine=engine,
            applier=BatchApplier(engine, self.name, handler),
            identities=identities,
            metrics=metrics,
            relay=relay,
            retries=Retries(engine, self.name, handler),
            session_timeout_ms=6_000,
        )

        async def close() -> None:
            await publisher.close()
            await identities.close()
            await engine.dispose()

        worker = Worker(consumer, relay, [asyncio.create_task(consumer.run()), asyncio.create_task(relay.run())], close)
        self.workers.append(worker)
        return worker

    async def send(
        self, events: Sequence[tuple[UUID, int, Event]], *, topic: str = "requests", source: str = SOURCE
    ) -> None:
        """Publish events (case, sequence, event) as another service would."""
        await self.publisher.publish([self.outgoing(*event, topic=topic, source=source) for event in events])

    def outgoing(
        self,
        case_id: UUID,
        sequence: int,
        event: Event,
        *,
        topic: str = "requests",
        source: str = SOURCE,
        **changed: Any,
    ) -> Outgoing:
        """One record as it would be published; `changed` replaces its fields."""
        now = datetime.now(UTC)
        fields: dict[str, Any] = {
            "topic": self.topics.internal(topic),
            "partition": partition_of(case_id, PARTITIONS),
            "key": str(case_id).encode(),
            "value": event.encode(),
            "headers": headers_of(
                source=source, type=event.TYPE, case_id=case_id, sequence=sequence, time=now, traceparent=None
            ),
            "timestamp": int(now.timestamp() * 1000),
        }
        return Outgoing(**(fields | changed))

    async def published(self, topic: str = "cases") -> list[Received]:
        """Everything that lies on a topic now, partition by partition."""
        name = self.topics.internal(topic)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            places = [TopicPartition(name, partition) for partition in range(PARTITIONS)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            found: list[Received] = []
            for place in places:
                await consumer.seek_to_beginning(place)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for messages in (await consumer.getmany(timeout_ms=1000)).values():
                    found.extend(decode(m.topic, m.partition, m.offset, m.headers, m.value, m.key) for m in messages)
            return found
        finally:
            await consumer.stop()

    async def close(self) -> None:
        """Stop what still runs."""
        for worker in self.workers:
            if not worker.tasks[0].done():
                await worker.stop()
        await self.publisher.close()
        await self.identities.close()
        await self.engine.dispose()


def case_sequences(received: Sequence[Received]) -> dict[UUID, list[int]]:
    """The sequences of each case in the order in which they lie on the topic, first appearances only."""
    found: dict[UUID, list[int]] = {}
    for event in received:
        seen = found.setdefault(event.case_id, [])
        if event.sequence not in seen:
            seen.append(event.sequence)
    return found
