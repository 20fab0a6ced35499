"""The reckoning after a fault: sets in every database and on every topic are compared with what was promised."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.bus.envelope import Received, decode
from shared.events.topics import TopicNames
from shared.settings import Settings
from shared.store.engine import asyncpg_dsn
from tests.support.kernel import case_sequences, until
from tests.support.load import Journal

OUTBOXES = {"intake": "requests", "routing": "cases"}
"""The topic that each service's outbox goes to."""
SETTLE_SECONDS = 90.0

_EMITTED = "SELECT case_id, max(sequence) FROM outbox WHERE topic = $1 GROUP BY case_id"
_PENDING = "SELECT count(*) FROM outbox_pending"
_CURSORS = "SELECT case_id, sequence FROM cursors WHERE source = $1"
_IN_A_BATCH = """
    SELECT FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE starts_with(application_name, $1) AND relation = 'offsets'::regclass AND mode = 'RowExclusiveLock' AND granted
      AND state IN ('active', 'idle in transaction') AND wait_event_type = $2
"""


@dataclass(frozen=True, slots=True)
class Books:
    """What the databases hold, read at one moment of rest."""

    requests: list[tuple[str, str, UUID]]
    cases: dict[UUID, int]
    facts: list[UUID]
    daily: dict[str, int]
    counted: dict[str, int]
    dead_letters: dict[str, int]


class Auditor:
    """Reads the databases and topics; services need not run for that, but must have come to rest."""

    def __init__(self, settings: Settings, outboxes: Mapping[str, str] = OUTBOXES) -> None:
        self._settings = settings
        self._outboxes = outboxes

    async def settled(self) -> None:
        """Return once every event was published and has arrived in analytics; raises `AssertionError`."""
        last = "nothing was read"

        async def rests() -> bool:
            nonlocal last
            last = await self._unsettled()
            return not last

        try:
            await until(rests, seconds=SETTLE_SECONDS, what="rest")
        except AssertionError:
            raise AssertionError(f"The deployment did not come to rest within {SETTLE_SECONDS:g} s: {last}") from None

    async def _unsettled(self) -> str:
        requests = await self._by_case("intake", _EMITTED, "requests")
        routed = await self._by_case("routing", _CURSORS, "/minsheng/intake")
        if lacking := set(requests) - set(routed):
            return f"{len(lacking)} requests are not in routing, for example {min(lacking)}"
        for service, topic in self._outboxes.items():
            if pending := (await self.fetch(service, _PENDING))[0][0]:
                return f"{pending} events of {service} are not published"
            emitted = await self._by_case(service, _EMITTED, topic)
            arrived = await self._by_case("analytics", _CURSORS, f"/minsheng/{service}")
            if behind := {case for case, last in emitted.items() if arrived.get(case) != last}:
                return f"{len(behind)} cases of {service} lag in analytics, for example {min(behind)}"
        return ""

    async def arrived(self, cases: Collection[UUID]) -> bool:
        """Whether these requests are cases, and analytics knows that they were assigned."""
        routed = await self.fetch("routing", "SELECT count(*) FROM cases WHERE case_id = ANY($1::uuid[])", list(cases))
        facts = await self.fetch(
            "analytics",
            "SELECT count(*) FROM facts WHERE assigned_at IS NOT NULL AND case_id = ANY($1::uuid[])",
            list(cases),
        )
        return bool(routed[0][0] == facts[0][0] == len(cases))

    @asynccontextmanager
    async def batch_held(self, service: str) -> AsyncIterator[None]:
        """While the block runs, a batch of this service has moved its offsets and can't go on to its commit."""
        connection = await self._connect(service)
        try:
            async with connection.transaction():
                # Against saving cursors, which comes after moving offsets; reading them is let through.
                await connection.execute("LOCK TABLE cursors IN SHARE MODE")
                await until(partial(self._in_a_batch, service, "Lock"), what="a batch waits to save its cursors")
                yield
        finally:
            await connection.close()

    async def stands_in_a_batch(self, service: str) -> bool:
        """Whether the database has done what a batch asked for last, and waits for the worker's next word."""
        return await self._in_a_batch(service, "Client")

    async def _in_a_batch(self, service: str, waits_for: str) -> bool:
        return bool(await self.fetch(service, _IN_A_BATCH, f"minsheng-{service}-", waits_for))

    async def books(self) -> Books:
        """Read everything."""
        requests = await self.fetch("intake", "SELECT channel, channel_request_id, case_id FROM requests")
        cases = await self.fetch("routing", "SELECT case_id, version FROM cases")
        facts = await self.fetch("analytics", "SELECT case_id FROM facts WHERE requested AND assigned_at IS NOT NULL")
        columns = ("received", "opened", "assigned", "resolved")
        sums = ", ".join(f"coalesce(sum({column}), 0)" for column in columns)
        daily = (await self.fetch("analytics", f"SELECT {sums} FROM daily"))[0]
        counted = (
            await self.fetch(
                "analytics",
                "SELECT count(*) FILTER (WHERE requested), count(opened_at), count(assigned_at),"
                " count(*) FILTER (WHERE resolutions > 0) FROM facts",
            )
        )[0]
        letters = {
            service: (await self.fetch(service, "SELECT count(*) FROM dead_letters"))[0][0]
            for service in ("intake", "routing", "analytics")
        }
        return Books(
            requests=[(row[0], row[1], row[2]) for row in requests],
            cases={row[0]: row[1] for row in cases},
            facts=[row[0] for row in facts],
            daily={column: int(value) for column, value in zip(columns, daily, strict=True)},
            counted=dict(zip(columns, counted, strict=True)),
            dead_letters=letters,
        )

    async def topic(self, logical: str) -> list[Received]:
        """Everything that lies on a topic now, partition by partition."""
        name = TopicNames(self._settings.topic_prefix).internal(logical)
        consumer = AIOKafkaConsumer(bootstrap_servers=self._settings.kafka, auto_offset_reset="earliest")
        await consumer.start()
        try:
            places = [TopicPartition(name, partition) for partition in range(self._settings.partitions)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            await consumer.seek_to_beginning(*places)
            found: list[Received] = []
            for place in places:
                while await consumer.position(place) < ends[place]:
                    for messages in (await consumer.getmany(place, timeout_ms=1000)).values():
                        found.extend(
                            decode(m.topic, m.partition, m.offset, m.headers, m.value, m.key) for m in messages
                        )
            return found
        finally:
            await consumer.stop()

    async def fetch(self, service: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows of a service's database."""
        connection = await self._connect(service)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def _by_case(self, service: str, query: str, argument: str) -> dict[UUID, int]:
        return {row[0]: row[1] for row in await self.fetch(service, query, argument)}

    async def _connect(self, service: str) -> asyncpg.Connection:
        return await asyncpg.connect(asyncpg_dsn(self._settings.database_for(service)), timeout=10)


async def audit(settings: Settings, journal: Journal) -> None:
    """Every accepted request is exactly once a case, exactly once in the totals, and its events are in order."""
    auditor = Auditor(settings)
    await auditor.settled()
    books = await auditor.books()
    accepted = set(journal.accepted.values())
    assert len(accepted) == len(journal.accepted) > 0, "two requests were given the same case"
    assert {(channel, own): case for channel, own, case in books.requests} == journal.accepted
    _same("routing", accepted, books.cases)
    _same("analytics", accepted, books.facts)
    resolved = sum(steps == 3 for steps in journal.handled.values())
    expected = {"received": len(accepted), "opened": len(accepted), "assigned": len(accepted), "resolved": resolved}
    assert books.daily == expected
    assert books.counted == expected
    assert books.dead_letters == {"intake": 0, "routing": 0, "analytics": 0}
    # Opened and assigned are two events, and each step of an officer is one more: a step counted twice would show.
    versions = {case: 2 + journal.handled.get(case, 0) for case in accepted}
    assert books.cases == versions
    # Its receipt, and where it was flagged, that.
    told = {row[0]: 1 + row[1] for row in await auditor.fetch("intake", "SELECT case_id, urgent::int FROM requests")}
    _in_order("requests", told, case_sequences(await auditor.topic("requests")))
    _in_order("cases", versions, case_sequences(await auditor.topic("cases")))


def _same(place: str, accepted: set[UUID], found: Mapping[UUID, int] | Sequence[UUID]) -> None:
    assert len(found) == len(set(found)), f"{place} has a case twice"
    lost, invented = accepted - set(found), set(found) - accepted
    assert not lost, f"{place} lacks {len(lost)} accepted requests, for example {min(lost)}"
    assert not invented, f"{place} has {len(invented)} cases that nobody was promised, for example {min(invented)}"


def _in_order(topic: str, last: Mapping[UUID, int], found: Mapping[UUID, list[int]]) -> None:
    wrong = {
        case: (found.get(case), count) for case, count in last.items() if found.get(case) != list(range(1, count + 1))
    }
    assert not wrong, f"{topic}: {len(wrong)} cases out of order or with holes, for example {next(iter(wrong.items()))}"
    assert set(found) == set(last), f"{topic} has cases that nobody was promised"
