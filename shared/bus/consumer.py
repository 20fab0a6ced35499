"""The consumer: reads the assigned partitions and applies batch after batch, each in one transaction.

Offsets live in the service's database. On assignment the consumer seeks to them; what it commits to Kafka afterwards
only serves lag monitoring. Nothing here gives up: a transient failure is retried for ever and shows in readiness.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.bus.backoff import Backoff
from shared.bus.batch import Applier, record_of
from shared.bus.identity import TopicIdentities
from shared.bus.pace import Pace
from shared.bus.progress import FencedError, Place, begin_offset, load_offsets
from shared.bus.relay import Relay
from shared.bus.retries import Retries
from shared.store.engine import is_transient
from shared.telemetry.metrics import KernelMetrics

log = structlog.get_logger(__name__)

IDLE_MS = 500
IDENTITY_SECONDS = 30.0
KAFKA_COMMIT_SECONDS = 5.0
STOP_SECONDS = 10.0


class _TopicMadeAnewError(Exception):
    """A topic that is being read has another identity now; reading starts over."""


class BatchConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """One consumer of a service: a name for its offsets, the topics it reads, and what it does with a batch."""

    def __init__(
        self,
        *,
        name: str,
        group: str,
        bootstrap: str,
        topics: Sequence[str],
        engine: AsyncEngine,
        applier: Applier,
        identities: TopicIdentities,
        metrics: KernelMetrics,
        relay: Relay | None = None,
        retries: Retries | None = None,
        session_timeout_ms: int = 10_000,
        max_records: int = 2_000,
    ) -> None:
        self.name = name
        self._group = group
        self._bootstrap = bootstrap
        self._topics = tuple(topics)
        self._engine = engine
        self._applier = applier
        self._identities = identities
        self._metrics = metrics
        self._relay = relay
        self._retries = retries
        self._session_timeout_ms = session_timeout_ms
        self._max_records = max_records
        self._consumer: AIOKafkaConsumer | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._ids: dict[str, UUID] = {}
        self._busy = asyncio.Lock()
        self._generation = 0
        self._joined = False
        self._taken = asyncio.Event()
        self.trouble: str | None = "has not joined its consumer group yet"
        if relay is not None and retries is not None:
            relay.on_dead_letters_asked = retries.wake

    async def run(self) -> None:
        """Consume until cancelled."""
        backoff = Backoff()
        while True:
            try:
                await self._session(backoff)
            except FencedError as error:
                self._metrics.fenced.inc()
                log.warning("worker_fenced", consumer=self.name, reason=str(error))
                self.trouble = "was fenced and joins its consumer group again"
            except _TopicMadeAnewError as error:
                log.warning("topic_made_anew", consumer=self.name, topic=str(error))
            except OffsetOutOfRangeError as error:
                await self._explain_out_of_range(error)
                await backoff.wait()
            except Exception as error:  # noqa: BLE001 - a worker never gives up; what it can't do shows in readiness
                self._waits_for(error)
                await backoff.wait()

    def _waits_for(self, error: Exception) -> None:
        self.trouble = f"waits for {type(error).__name__}: {str(error)[:200]}"
        if isinstance(error, (KafkaError, OSError, TimeoutError)) or is_transient(error):
            log.warning("consumer_waits", consumer=self.name, error=type(error).__name__)
        else:
            log.exception("consumer_failed", consumer=self.name)

    async def _explain_out_of_range(self, error: OffsetOutOfRangeError) -> None:
        places = ", ".join(f"{tp.topic}[{tp.partition}]" for tp in (error.args[0] if error.args else ()))
        self.trouble = (
            f"stands at an offset that {places} no longer has: retention deleted events before they were read. "
            "Emit them again with `minsheng republish`, then move on with `minsheng offsets reset`."
        )
        log.error("offset_out_of_range", consumer=self.name, partitions=places)

    async def _session(self, backoff: Backoff) -> None:
        """From joining the group to the first failure."""
        self._ids = await self._identities.of(self._topics)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self._group,
            client_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            partition_assignment_strategy=[RangePartitionAssignor],
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=max(500, self._session_timeout_ms // 6),
            max_poll_interval_ms=300_000,
            metadata_max_age_ms=30_000,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=1024 * 1024,
            request_timeout_ms=max(20_000, self._session_timeout_ms + 5_000),
        )
        self._consumer = consumer
        consumer.subscribe(self._topics, listener=self)
        try:
            await consumer.start()
            await self._consume(consumer, backoff)
        finally:
            await self._leave(consumer)
            self._consumer = None
            self._joined = False
            for tp in self._positions:
                self._metrics.forget_lag(tp.topic, tp.partition)
            self._positions.clear()
            if self._relay is not None:
                self._relay.want(())

    async def _leave(self, consumer: AIOKafkaConsumer) -> None:
        """Stop the client, which leaves the group; whatever goes wrong in it must not end or hold up this one.

        While the broker is away, the client's own cancelled fetches come out of `stop` as a `CancelledError`, which
        looks like an order to this task; its connections are then still open.
        """
        stopping = asyncio.ensure_future(consumer.stop())
        await asyncio.wait({stopping}, timeout=STOP_SECONDS)
        if stopping.done() and not stopping.cancelled() and stopping.exception() is None:
            return
        error = "none" if not stopping.done() or stopping.cancelled() else type(stopping.exception()).__name__
        log.warning("kafka_client_abandoned", consumer=self.name, done=stopping.done(), error=error)
        stopping.cancel()
        closing = asyncio.ensure_future(consumer._client.close())
        await asyncio.wait({closing}, timeout=STOP_SECONDS)
        if not closing.done():
            closing.cancel()
        elif not closing.cancelled() and (failure := closing.exception()) is not None:
            log.warning("kafka_connections_left", consumer=self.name, error=type(failure).__name__)

    async def _consume(self, consumer: AIOKafkaConsumer, backoff: Backoff) -> None:
        check_identity = time.monotonic() + IDENTITY_SECONDS
        tell_kafka = 0.0
        pace = Pace()
        while True:
            await pace.begin()
            generation = self._generation
            try:
                fetched = await consumer.getmany(timeout_ms=IDLE_MS, max_records=self._max_records)
            except NoOffsetForPartitionError:
                # The client asked Kafka where to begin before the stored offsets were sought; only those count.
                await self._taken.wait()
                continue
            if self._joined:
                self.trouble = None
                backoff.reset()
            if generation != self._generation:
                self._seek_back(consumer, fetched)
            elif fetched:
                await self._apply_until_done(fetched)
            if self._retries is not None and self._positions:
                async with self._busy:
                    await self._retries.work(self._places(), self._ids, self._relay)
            now = time.monotonic()
            if now >= tell_kafka:
                tell_kafka = now + KAFKA_COMMIT_SECONDS
                await self._tell_kafka(consumer)
            if now >= check_identity:
                check_identity = now + IDENTITY_SECONDS
                await self._check_identity()

    def _places(self) -> dict[Place, int]:
        return {(tp.topic, tp.partition): position for tp, position in self._positions.items()}

    def _seek_back(self, consumer: AIOKafkaConsumer, fetched: Collection[TopicPartition]) -> None:
        """Drop what was read across a new assignment: it may not begin at the stored offset."""
        for tp in fetched:
            if tp in self._positions:
                consumer.seek(tp, self._positions[tp])

    async def _apply_until_done(self, fetched: dict[TopicPartition, list[object]]) -> None:
        records = [record_of(message) for messages in fetched.values() for message in messages]
        generation = self._generation
        backoff = Backoff()
        while True:
            try:
                async with self._busy:
                    if generation != self._generation:
                        # The partitions were given out again while this batch waited; whoever has them reads it anew.
                        return
                    await self._apply_once(fetched, records)
                self.trouble = None
                return
            except FencedError:
                raise
            except Exception as error:
                if not is_transient(error):
                    raise
                self._waits_for(error)
                self._metrics.retries("batch").inc()
                await backoff.wait()

    async def _apply_once(self, fetched: dict[TopicPartition, list[object]], records: Sequence[object]) -> None:
        moves: dict[Place, tuple[int, int]] = {}
        for tp, messages in fetched.items():
            read = self._positions.get(tp)
            if read is None:
                raise FencedError(1, len(fetched))
            moves[tp.topic, tp.partition] = (read, messages[-1].offset + 1)  # type: ignore[attr-defined]
        started = time.perf_counter()
        applied = await self._applier.apply(records, moves, self._ids)  # type: ignore[arg-type]
        for (topic, partition), (_, following) in moves.items():
            self._positions[TopicPartition(topic, partition)] = following
        if self._relay is not None:
            self._relay.committed(applied.rows)
        if applied.filled and self._retries is not None:
            self._retries.wake()
        self._metrics.batch_seconds.observe(time.perf_counter() - started)
        self._metrics.applied.inc(applied.events)
        self._metrics.repeated.inc(applied.repeated)
        self._metrics.dead_letters.inc(applied.dead)

    async def _tell_kafka(self, consumer: AIOKafkaConsumer) -> None:
        for tp, position in self._positions.items():
            end = consumer.highwater(tp)
            if end is not None:
                self._metrics.lag(tp.topic, tp.partition).set(max(0, end - position))
        if not self._positions:
            return
        try:
            await consumer.commit(dict(self._positions))
        except KafkaError as error:
            # Only monitoring reads it; a rebalance refuses it rightly, and a dead broker shows in fetching.
            log.info("kafka_offsets_not_told", consumer=self.name, error=type(error).__name__)

    async def _check_identity(self) -> None:
        ids = await self._identities.of(self._topics)
        for topic, topic_id in ids.items():
            if self._ids.get(topic) != topic_id:
                raise _TopicMadeAnewError(topic)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Let the batch in hand commit, then give the partitions up."""
        self._generation += 1
        self._taken.clear()
        async with self._busy:
            for tp in revoked:
                self._positions.pop(tp, None)
                self._metrics.forget_lag(tp.topic, tp.partition)
        if self._relay is not None and revoked:
            await self._relay.release({tp.partition for tp in revoked})

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Seek to the stored offsets; a partition never read, or of a topic made anew, starts at its beginning."""
        consumer = self._consumer
        if consumer is None:
            return
        if not assigned:
            # More workers than partitions: this one stands by, which is fine.
            self._joined = True
            return
        # Before anything is awaited: without a position of ours, the client would look for one in Kafka and fetch from
        # there, and what it had fetched would be applied as if it stood at the stored offset.
        for tp in assigned:
            consumer.pause(tp)
            consumer.seek(tp, 0)
        backoff = Backoff()
        while True:
            try:
                async with self._busy:
                    await self._take(consumer, list(assigned))
                break
            except Exception as error:  # noqa: BLE001 - raised here it would end the client's own task in silence
                self._waits_for(error)
                await backoff.wait()
        self._joined = True
        if self._relay is not None:
            self._relay.want({tp.partition for tp in assigned})
        if self._retries is not None:
            self._retries.wake()

    async def _take(self, consumer: AIOKafkaConsumer, assigned: list[TopicPartition]) -> None:
        self._ids = await self._identities.of(self._topics)
        places = [(tp.topic, tp.partition) for tp in assigned]
        async with self._engine.connect() as connection:
            stored = await load_offsets(connection, self.name, places)
        fresh = [
            tp
            for tp in assigned
            if (place := stored.get((tp.topic, tp.partition))) is None or place.topic_id != self._ids[tp.topic]
        ]
        starts = await consumer.beginning_offsets(fresh) if fresh else {}
        async with self._engine.begin() as connection:
            for tp in fresh:
                await begin_offset(connection, self.name, (tp.topic, tp.partition), self._ids[tp.topic], starts[tp])
        self._generation += 1
        for tp in assigned:
            following = starts[tp] if tp in starts else stored[tp.topic, tp.partition].next_offset
            consumer.seek(tp, following)
            self._positions[tp] = following
            consumer.resume(tp)
        self._taken.set()
