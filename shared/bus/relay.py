"""The relay: publishes the outbox in order, for the partitions that this worker owns, and marks what is acknowledged.

Who owns input partition p relays outbox partition p and holds a PostgreSQL advisory lock for it. Lock, reading and
marking share one connection: when the connection is gone, so is the right to relay.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from uuid import UUID

import asyncpg
import structlog
from aiokafka.errors import KafkaError

from shared.bus import dead_letters
from shared.bus.backoff import Backoff
from shared.bus.envelope import headers_of
from shared.bus.pace import Pace
from shared.bus.publisher import Outgoing, Publisher
from shared.events.topics import TopicNames
from shared.store import outbox
from shared.store.engine import WRITING, application_of, asyncpg_dsn, is_transient
from shared.store.outbox import OutboxRow
from shared.telemetry.metrics import KernelMetrics

log = structlog.get_logger(__name__)

LOCK_SPACE = 0x6D73_7265
"""First key of the advisory locks (the second is the partition); any constant of this platform's own."""
ROUND_ROWS = 2_000
CACHE_ROWS = 50_000

_PENDING = """
    SELECT place, pending.id FROM unnest($1::int[]) AS place CROSS JOIN LATERAL (
        SELECT id FROM outbox_pending WHERE partition = place ORDER BY id LIMIT $2
    ) AS pending
"""
_ROWS = """
    SELECT id, topic, partition, case_id, sequence, type, "time", traceparent, payload
    FROM outbox WHERE id = ANY($1::bigint[])
"""
_MARK = """
    DELETE FROM outbox_pending USING unnest($1::int[], $2::bigint[]) AS sent(partition, id)
    WHERE outbox_pending.partition = sent.partition AND outbox_pending.id = sent.id
"""
_HOLDER = """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND objsubid = 2 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_END_ALL = """
    SELECT count(pg_terminate_backend(other.pid))
    FROM pg_stat_activity AS holder JOIN pg_stat_activity AS other USING (datname, application_name)
    WHERE holder.pid = $1 AND other.pid <> pg_backend_pid()
"""
_REBUILD = """
    INSERT INTO outbox_pending (partition, id)
    SELECT partition, id FROM outbox WHERE topic = $1 AND partition = $2 ON CONFLICT DO NOTHING
"""
_REMEMBER_TOPIC = """
    INSERT INTO relayed_topics (topic, partition, topic_id) VALUES ($1, $2, $3)
    ON CONFLICT (topic, partition) DO UPDATE SET topic_id = EXCLUDED.topic_id
"""


class Relay:
    """Relays one service's outbox. `run` goes on until cancelled; every failure is retried with backoff."""

    def __init__(
        self,
        *,
        database: str,
        publisher: Publisher,
        topics: TopicNames,
        source: str,
        emits: Collection[str],
        topic_ids: Callable[[Collection[str]], Awaitable[dict[str, UUID]]],
        metrics: KernelMetrics,
        takeover_seconds: float = 5.0,
        application: str | None = None,
    ) -> None:
        """`application` names the connections of this process, so that whoever replaces it can end all of them."""
        self._dsn = asyncpg_dsn(database)
        self._publisher = publisher
        self._topics = topics
        self._source = source
        self._emits = tuple(emits)
        self._topic_ids = topic_ids
        self._metrics = metrics
        self._takeover_seconds = takeover_seconds
        self._application = application or application_of("relay")
        self._wanted: frozenset[int] = frozenset()
        self._held: set[int] = set()
        self._denied_since: dict[int, float] = {}
        self._cache: dict[int, OutboxRow] = {}
        self._awake = asyncio.Event()
        self._settled = asyncio.Condition()
        self._next_look = 0.0
        self.on_dead_letters_asked: Callable[[], None] = lambda: None
        self.trouble: str | None = "has not started yet"

    def want(self, partitions: Iterable[int]) -> None:
        """Relay these partitions from now on; the locks are taken as soon as their holders let go."""
        self._wanted = frozenset(partitions)
        self._awake.set()

    async def release(self, partitions: Collection[int]) -> None:
        """Stop relaying these partitions; returns when what was being published is acknowledged and marked."""
        self.want(self._wanted - set(partitions))
        async with self._settled:
            await self._settled.wait_for(lambda: not self._held & set(partitions))

    def holds(self, partition: int) -> bool:
        """Whether this worker relays the partition now."""
        return partition in self._held

    def committed(self, rows: Sequence[tuple[int, OutboxRow]]) -> None:
        """Rows that a transaction of this process just committed: publish them, without reading them back."""
        if len(self._cache) < CACHE_ROWS:
            self._cache.update((row_id, row) for row_id, row in rows if row.partition in self._held)
        if rows:
            self._awake.set()

    async def run(self) -> None:
        """Relay until cancelled."""
        backoff = Backoff()
        while True:
            try:
                connection = await asyncpg.connect(
                    self._dsn,
                    timeout=5,
                    command_timeout=60,
                    target_session_attrs=WRITING,
                    server_settings={"application_name": self._application},
                )
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                self._in_trouble(error)
                await backoff.wait()
                continue
            try:
                await self._serve(connection, backoff)
            except Exception as error:
                if not isinstance(error, KafkaError) and not is_transient(error):
                    log.exception("relay_failed")
                self._in_trouble(error)
                await self._let_go(connection)
                await backoff.wait()
            except BaseException:
                await self._let_go(connection)
                await self._publisher.close()
                raise

    def _in_trouble(self, error: BaseException) -> None:
        self.trouble = f"relaying waits for {type(error).__name__}: {str(error)[:200]}"
        log.warning("relay_waits", error=type(error).__name__)

    async def _let_go(self, connection: asyncpg.Connection) -> None:
        connection.terminate()
        self._cache.clear()
        self._denied_since.clear()
        async with self._settled:
            self._held.clear()
            self._settled.notify_all()

    async def _serve(self, connection: asyncpg.Connection, backoff: Backoff) -> None:
        # Losing the last marks in a crash publishes those events again, which cursors absorb; an fsync for each
        # round would buy nothing.
        await connection.execute("SET synchronous_commit = off")
        await connection.add_listener(outbox.NOTIFY_CHANNEL, self._on_notify)
        await connection.add_listener(dead_letters.NOTIFY_CHANNEL, self._on_asked)
        # What was asked while nobody listened.
        self.on_dead_letters_asked()
        pace = Pace()
        while True:
            await pace.begin()
            self._awake.clear()
            await self._adjust(connection)
            published = await self._round(connection)
            await self._look_for_new_topics(connection)
            self.trouble = None
            backoff.reset()
            if published:
                continue
            # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2 if self._denied_since else 1.0):
                    await self._awake.wait()

    def _on_notify(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if any(part.isdigit() and int(part) in self._held for part in str(payload).split(",")):
            self._awake.set()

    def _on_asked(self, *_: object) -> None:
        self.on_dead_letters_asked()

    async def _adjust(self, connection: asyncpg.Connection) -> None:
        """Bring the locks held in line with the partitions wanted."""
        for partition in sorted(self._held - self._wanted):
            await connection.execute("SELECT pg_advisory_unlock($1, $2)", LOCK_SPACE, partition)
            async with self._settled:
                self._held.discard(partition)
                self._settled.notify_all()
        for partition in list(self._denied_since):
            if partition not in self._wanted:
                del self._denied_since[partition]
        gained: list[int] = []
        for partition in sorted(self._wanted - self._held):
            if await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", LOCK_SPACE, partition):
                self._denied_since.pop(partition, None)
                gained.append(partition)
            else:
                await self._take_over(connection, partition)
        if gained:
            await self._rebuild_new_topics(connection, gained)
            self._held.update(gained)

    async def _take_over(self, connection: asyncpg.Connection, partition: int) -> None:
        """End the connections of a holder that the group has given up on: a frozen or cut-off worker never lets go.

        All of them, not only the one with the lock: a batch that stands open in it holds the offsets of the partition.
        """
        since = self._denied_since.setdefault(partition, time.monotonic())
        if time.monotonic() - since < self._takeover_seconds:
            return
        pid = await connection.fetchval(_HOLDER, LOCK_SPACE, partition)
        if pid is not None:
            ended = await connection.fetchval(_END_ALL, pid)
            log.warning("relay_takes_over", partition=partition, connections=ended)
        self._denied_since[partition] = time.monotonic()

    async def _rebuild_new_topics(self, connection: asyncpg.Connection, partitions: Sequence[int]) -> None:
        """Publish everything kept again where a topic was made anew since this outbox was last relayed to it."""
        ids = await self._topic_ids([self._topics.internal(name) for name in self._emits])
        for name in self._emits:
            topic_id = ids[self._topics.internal(name)]
            for partition in partitions:
                known = await connection.fetchval(
                    "SELECT topic_id FROM relayed_topics WHERE topic = $1 AND partition = $2", name, partition
                )
                if known == topic_id:
                    continue
                async with connection.transaction():
                    if known is not None:
                        done = await connection.execute(_REBUILD, name, partition)
                        log.info("topic_rebuilt", topic=name, partition=partition, events=int(done.split()[-1]))
                    await connection.execute(_REMEMBER_TOPIC, name, partition, topic_id)

    async def _round(self, connection: asyncpg.Connection) -> int:
        """Publish the oldest pending events of each held partition; returns how many."""
        if not self._held:
            return 0
        per_partition = max(1, ROUND_ROWS // len(self._held))
        pending = await connection.fetch(_PENDING, sorted(self._held), per_partition)
        if not pending:
            return 0
        ids = [(record[0], record[1]) for record in pending]
        rows = await self._rows(connection, [row_id for _, row_id in ids])
        await self._publisher.publish([self._outgoing(rows[row_id]) for _, row_id in sorted(ids)])
        await connection.execute(_MARK, [place for place, _ in ids], [row_id for _, row_id in ids])
        for _, row_id in ids:
            self._cache.pop(row_id, None)
        self._metrics.relayed.inc(len(ids))
        return len(ids)

    async def _rows(self, connection: asyncpg.Connection, ids: Sequence[int]) -> dict[int, OutboxRow]:
        found = {row_id: self._cache[row_id] for row_id in ids if row_id in self._cache}
        missing = [row_id for row_id in ids if row_id not in found]
        if missing:
            for record in await connection.fetch(_ROWS, missing):
                found[record["id"]] = OutboxRow(*tuple(record)[1:])
        return found

    def _outgoing(self, row: OutboxRow) -> Outgoing:
        key = str(row.case_id)
        return Outgoing(
            topic=self._topics.internal(row.topic),
            partition=row.partition,
            key=key.encode(),
            value=bytes(row.payload),
            headers=headers_of(
                source=self._source,
                type=row.type,
                case_id=row.case_id,
                sequence=row.sequence,
                time=row.time,
                traceparent=row.traceparent,
            ),
            # The broker refuses a record stamped well ahead of its clock, for ever; `ce_time` says when it was decided.
            timestamp=int(min(row.time.timestamp(), time.time()) * 1000),
        )

    async def _look_for_new_topics(self, connection: asyncpg.Connection) -> None:
        """Every few seconds: whether a topic was made anew under our feet."""
        if time.monotonic() < self._next_look or not self._held:
            return
        self._next_look = time.monotonic() + 5
        await self._rebuild_new_topics(connection, sorted(self._held))
