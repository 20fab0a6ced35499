"""The baseline: routing as one would write it by hand for this one purpose, with the guarantees of the platform.

Offsets move by compare-and-set in the transaction of cursors, cases and outbox; a relay under advisory locks publishes
with acks from all and then marks. What it lacks is everything that makes a kernel: dead letters, isolation of bad
events, retries, readiness, metrics, topics made anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import NoOffsetForPartitionError

from shared.bus.envelope import headers_of
from tests.benchmarks.workers.casework import SOURCE, Casework, Site, Told, incoming, mark

_CONSUMER = "routing"
_LOCKS = 7
_ROUND = 2_000
_NO_TOPIC_ID = "00000000-0000-0000-0000-000000000000"
_BEGIN = """
    INSERT INTO offsets (consumer, topic, partition, topic_id, next_offset) VALUES ($1, $2, $3, $4::text::uuid, 0)
    ON CONFLICT (consumer, topic, partition) DO NOTHING
"""
_OFFSETS = (
    "SELECT partition, next_offset FROM offsets WHERE consumer = $1 AND topic = $2 AND partition = ANY($3::int[])"
)
_MOVE = """
    UPDATE offsets SET next_offset = moved.next
    FROM unnest($3::int[], $4::bigint[], $5::bigint[]) AS moved(partition, read, next)
    WHERE consumer = $1 AND topic = $2 AND offsets.partition = moved.partition AND next_offset = moved.read
"""
_PENDING = """
    SELECT pending.id FROM unnest($1::int[]) AS place CROSS JOIN LATERAL (
        SELECT id FROM outbox_pending WHERE partition = place ORDER BY id LIMIT $2) AS pending
"""
_ROWS = """
    SELECT id, partition, case_id, sequence, type, "time", traceparent, payload FROM outbox WHERE id = ANY($1::bigint[])
"""


class Relay:
    """Publishes what the transactions left in the outbox."""

    def __init__(self, site: Site, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> None:
        self._topic = site.cases
        self._connection = connection
        self._producer = producer
        self._awake = asyncio.Event()
        self._known: dict[int, Told] = {}
        self.partitions: set[int] = set()

    def committed(self, told: Sequence[Told]) -> None:
        """These lie in the outbox now."""
        self._known.update((one.id, one) for one in told)
        self._awake.set()

    async def own(self, partitions: Collection[int]) -> None:
        """Relay these partitions."""
        for partition in partitions:
            await self._connection.execute("SELECT pg_advisory_lock($1, $2)", _LOCKS, partition)
        self.partitions = set(partitions)
        self._awake.set()

    async def run(self) -> None:
        """Relay until cancelled."""
        while True:
            self._awake.clear()
            if not self.partitions or not await self._round():
                await self._awake.wait()

    async def _round(self) -> int:
        limit = _ROUND // len(self.partitions)
        ids = [row[0] for row in await self._connection.fetch(_PENDING, sorted(self.partitions), limit)]
        if not ids:
            return 0
        missing = [one for one in ids if one not in self._known]
        for row in await self._connection.fetch(_ROWS, missing) if missing else ():
            self._known[row["id"]] = _told(row)
        told = [self._known.pop(one) for one in sorted(ids)]
        await publish(self._producer, self._topic, told)
        await mark(self._connection, told)
        return len(told)


def _told(row: asyncpg.Record) -> Told:
    key = str(row["case_id"]).encode()
    headers = headers_of(
        source=SOURCE,
        type=row["type"],
        case_id=row["case_id"],
        sequence=row["sequence"],
        time=row["time"],
        traceparent=row["traceparent"],
    )
    return Told(row["id"], row["partition"], key, row["payload"], headers)


async def publish(producer: AIOKafkaProducer, topic: str, told: Sequence[Told]) -> None:
    """Publish in order, a batch for each partition; returns when all are acknowledged."""
    places: dict[int, list[Told]] = {}
    for one in told:
        places.setdefault(one.partition, []).append(one)
    sent = []
    for partition, ones in places.items():
        batch = producer.create_batch()
        for one in ones:
            if batch.append(key=one.key, value=one.value, headers=one.headers, timestamp=None) is None:
                sent.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(key=one.key, value=one.value, headers=one.headers, timestamp=None)
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*sent)


class Loop(ConsumerRebalanceListener):  # type: ignore[misc]
    """Reads, decides, stores; batch after batch."""

    def __init__(self, site: Site, connection: asyncpg.Connection, relay: Relay) -> None:
        self._site = site
        self._connection = connection
        self._relay = relay
        self._casework = Casework(site)
        self._positions: dict[int, int] = {}
        self._assigned = asyncio.Event()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=site.kafka,
            group_id=site.group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            partition_assignment_strategy=[RangePartitionAssignor],
            session_timeout_ms=site.settings.session_timeout_ms,
            request_timeout_ms=site.settings.session_timeout_ms + 5_000,
            fetch_max_wait_ms=250,
        )

    async def run(self) -> None:
        """Consume until cancelled."""
        self._consumer.subscribe([self._site.requests], listener=self)
        await self._consumer.start()
        while True:
            try:
                fetched = await self._consumer.getmany(timeout_ms=500, max_records=_ROUND)
            except NoOffsetForPartitionError:
                await self._assigned.wait()
                continue
            if fetched:
                await self._apply(fetched)

    async def _apply(self, fetched: dict[TopicPartition, list[object]]) -> None:
        batch = [
            incoming(message.partition, message.headers, message.value)  # type: ignore[attr-defined]
            for messages in fetched.values()
            for message in messages
        ]
        moves = {tp.partition: messages[-1].offset + 1 for tp, messages in fetched.items()}  # type: ignore[attr-defined]
        async with self._connection.transaction():
            done = await self._connection.execute(
                _MOVE,
                _CONSUMER,
                self._site.requests,
                list(moves),
                [self._positions[partition] for partition in moves],
                list(moves.values()),
            )
            if int(done.split()[-1]) != len(moves):
                raise RuntimeError("another worker has read on")
            told = await self._casework.apply(self._connection, batch)
        self._positions.update(moves)
        self._relay.committed(told)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """The benchmark never takes a partition away."""
        self._assigned.clear()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Go on at the stored offsets."""
        places = [tp.partition for tp in assigned]
        async with self._connection.transaction():
            for partition in places:
                await self._connection.execute(_BEGIN, _CONSUMER, self._site.requests, partition, _NO_TOPIC_ID)
        for partition, following in await self._connection.fetch(_OFFSETS, _CONSUMER, self._site.requests, places):
            self._consumer.seek(TopicPartition(self._site.requests, partition), following)
            self._positions[partition] = following
        await self._relay.own(places)
        self._assigned.set()


async def main() -> None:
    """Run the loop and its relay."""
    site = Site()
    producer = AIOKafkaProducer(
        bootstrap_servers=site.kafka, acks="all", enable_idempotence=True, max_batch_size=256 * 1024
    )
    await producer.start()
    relaying = await site.connect()
    await relaying.execute("SET synchronous_commit = off")
    relay = Relay(site, relaying, producer)
    loop = Loop(site, await site.connect(), relay)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(relay.run())
        tasks.create_task(loop.run())


if __name__ == "__main__":
    uvloop.run(main())
