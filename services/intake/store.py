"""Intake's database: requests, once for each (channel, channel_request_id), with their events in the outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.intake.domain import progress
from services.intake.domain.progress import Course, RequestState, Step
from shared.bus.envelope import Received
from shared.bus.partitioning import partition_of
from shared.bus.relay import Relay
from shared.events.request import RequestEvent, RequestFlagged, RequestReceived
from shared.store import outbox
from shared.store.outbox import OutboxRow

# All of it is one statement, and so one transaction in one round trip: under load the time goes into those.
# `requests_once` alone may be met again: any other clash is a fault, and must not be taken for a repetition.
_ACCEPT = sa.text(
    f"""
    WITH posted AS (
        SELECT * FROM unnest(
            CAST(:case_id AS uuid[]), CAST(:channel AS text[]), CAST(:channel_request_id AS text[]),
            CAST(:number AS text[]), CAST(:fingerprint AS text[]), CAST(:urgent AS boolean[]),
            CAST(:received_at AS timestamptz[]), CAST(:partition AS int[]), CAST(:traceparent AS text[]),
            CAST(:payload AS bytea[]), CAST(:screening AS text[]), CAST(:flag AS bytea[])
        ) AS t(case_id, channel, channel_request_id, number, fingerprint, urgent, received_at, partition, traceparent,
               payload, screening, flag)
    ), accepted AS (
        INSERT INTO requests (case_id, channel, channel_request_id, number, fingerprint, urgent, state,
                              received_at, updated_at, screening, sequence)
        SELECT case_id, channel, channel_request_id, number, fingerprint, urgent, CAST(:state AS text),
               received_at, received_at, screening, CASE WHEN flag IS NULL THEN 1 ELSE 2 END
        FROM posted
        ON CONFLICT ON CONSTRAINT requests_once DO NOTHING
        RETURNING case_id
    ), events AS (
        SELECT CAST(:topic AS text) AS topic, partition, case_id, 1 AS sequence, CAST(:type AS text) AS type,
               received_at AS "time", traceparent, payload
        FROM posted JOIN accepted USING (case_id)
        UNION ALL
        SELECT CAST(:topic AS text), partition, case_id, 2, CAST(:flag_type AS text), received_at, traceparent, flag
        FROM posted JOIN accepted USING (case_id) WHERE flag IS NOT NULL
        -- Ids are handed out in this order, and the relay publishes in the order of ids.
        ORDER BY sequence
    ), {outbox.telling("events")}, woken AS (
        SELECT pg_notify('{outbox.NOTIFY_CHANNEL}', CAST(:wake AS text)) WHERE CAST(:wake AS text) <> ''
    )
    SELECT told.id, told.case_id, told.sequence FROM told LEFT JOIN woken ON true
    """  # noqa: S608 - made of the code's own parts
)
_EARLIER = sa.text(
    """
    SELECT channel, channel_request_id, case_id, number, received_at, urgent, fingerprint
    FROM requests JOIN unnest(CAST(:channel AS text[]), CAST(:channel_request_id AS text[]))
        AS t(channel, channel_request_id) USING (channel, channel_request_id)
    """
)
_SERIALS = sa.text("SELECT nextval('case_serials') FROM generate_series(1, :count)")
_READ = "SELECT case_id, number, channel, unit, received_at, steps::text, progress::text FROM requests WHERE "
_READ_BY_ID = sa.text(f"{_READ} case_id = :key")
_READ_BY_NUMBER = sa.text(f"{_READ} number = :key")
# One order for all writers: of two workers none waits for the other in a circle.
_LOAD = sa.text(
    """
    SELECT case_id, unit, received_at, steps::text, progress::text FROM requests
    WHERE case_id = ANY(CAST(:cases AS uuid[])) ORDER BY case_id FOR UPDATE
    """
)
_SAVE = sa.text(
    """
    UPDATE requests AS r SET progress = t.progress::jsonb, steps = '[]', state = t.state, unit = t.unit,
        updated_at = t.updated_at
    FROM unnest(
        CAST(:case_id AS uuid[]), CAST(:progress AS text[]), CAST(:state AS text[]), CAST(:unit AS text[]),
        CAST(:updated_at AS timestamptz[])
    ) AS t(case_id, progress, state, unit, updated_at)
    WHERE r.case_id = t.case_id
    """
)
_FORMER_STEPS = TypeAdapter(list[Step])


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that is ready to be stored. Its events are made once the number is known."""

    case_id: UUID
    channel: str
    channel_request_id: str
    fingerprint: str
    urgent: bool
    screening: str
    """The version of the screen that looked at it."""
    received_at: datetime
    traceparent: str | None
    number: Callable[[int], str]
    event: Callable[[str], RequestReceived]
    flag: Callable[[str], RequestFlagged] | None
    """Tells of the screen's flag, where there is one."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The request that the database holds for a submission: this very one, or an earlier one of the same id."""

    case_id: UUID
    number: str
    received_at: datetime
    urgent: bool
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One request as citizens and channels may see it; steps in the order in which they happened."""

    case_id: UUID
    number: str
    channel: str
    state: RequestState
    unit: str | None
    received_at: datetime
    updated_at: datetime
    steps: tuple[Step, ...]


class Serials:
    """Serial numbers of cases, taken from the database's sequence some at a time.

    What a process has in reserve is lost with it: numbers have holes, and no two cases share one.
    """

    def __init__(self, reserve: int = 1_000) -> None:
        self._reserve = reserve
        self._kept: list[int] = []

    async def take(self, connection: AsyncConnection, count: int) -> list[int]:
        """`count` numbers that nobody else gets. A sequence never goes back, even when a transaction does."""
        while len(self._kept) < count:
            rows = await connection.execute(_SERIALS, {"count": count - len(self._kept) + self._reserve})
            self._kept.extend(rows.scalars())
        taken, self._kept = self._kept[:count], self._kept[count:]
        return taken


class RequestStore:
    """Reads and writes requests. `partitions` is the number of partitions of every topic."""

    def __init__(self, engine: AsyncEngine, relay: Relay | None, *, partitions: int) -> None:
        self._engine = engine
        self._committing = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._relay = relay
        self._partitions = partitions
        self._serials = Serials()

    async def accept(self, submissions: Sequence[Submission]) -> list[Stored]:
        """Store what is new, with its events, in one transaction; returns what is stored now, in order.

        May be repeated: what a lost connection left stored is found again.
        """
        try:
            return await self._accept(submissions)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        # The database was restarted, and this connection of the pool had not noticed; by now all of them are new.
        return await self._accept(submissions)

    async def _accept(self, submissions: Sequence[Submission]) -> list[Stored]:
        # Every writer goes through the keys in the same order: of two replicas none waits for the other in a circle.
        ordered = sorted(submissions, key=_key)
        async with self._committing.connect() as connection:
            serials = await self._serials.take(connection, len(ordered))
            numbers = [submission.number(serial) for submission, serial in zip(ordered, serials, strict=True)]
            rows = [self._row(submission, number) for submission, number in zip(ordered, numbers, strict=True)]
            flags = [self._flag(submission, number) for submission, number in zip(ordered, numbers, strict=True)]
            ids = await self._insert(connection, ordered, numbers, rows, flags)
            stored = {
                _key(one): Stored(one.case_id, number, one.received_at, one.urgent, one.fingerprint)
                for one, number in zip(ordered, numbers, strict=True)
            }
            earlier = [one for one in ordered if (one.case_id, 1) not in ids]
            if earlier:
                # Those that were there before take the place of what was to be stored.
                stored |= await self._earlier(connection, earlier)
        if self._relay is not None:
            told = (row for row in (*rows, *flags) if row is not None)
            self._relay.committed([(ids[key], row) for row in told if (key := (row.case_id, row.sequence)) in ids])
        return [stored[_key(submission)] for submission in submissions]

    async def _insert(
        self,
        connection: AsyncConnection,
        submissions: Sequence[Submission],
        numbers: Sequence[str],
        rows: Sequence[OutboxRow],
        flags: Sequence[OutboxRow | None],
    ) -> dict[tuple[UUID, int], int]:
        """Store and tell; returns the outbox ids of the events of the requests that are new, by case and sequence."""
        relay = self._relay
        others = {row.partition for row in rows if relay is None or not relay.holds(row.partition)}
        result = await connection.execute(
            _ACCEPT,
            {
                "state": RequestState.RECEIVED.value,
                "topic": RequestReceived.TOPIC,
                "type": RequestReceived.TYPE,
                "wake": outbox.named(others),
                "case_id": [one.case_id for one in submissions],
                "channel": [one.channel for one in submissions],
                "channel_request_id": [one.channel_request_id for one in submissions],
                "number": list(numbers),
                "fingerprint": [one.fingerprint for one in submissions],
                "urgent": [one.urgent for one in submissions],
                "received_at": [one.received_at for one in submissions],
                "partition": [row.partition for row in rows],
                "traceparent": [row.traceparent for row in rows],
                "payload": [row.payload for row in rows],
                "screening": [one.screening for one in submissions],
                "flag_type": RequestFlagged.TYPE,
                "flag": [None if row is None else row.payload for row in flags],
            },
        )
        return {(row[1], row[2]): row[0] for row in result}

    async def _earlier(
        self, connection: AsyncConnection, submissions: Sequence[Submission]
    ) -> dict[tuple[str, str], Stored]:
        rows = await connection.execute(
            _EARLIER,
            {
                "channel": [one.channel for one in submissions],
                "channel_request_id": [one.channel_request_id for one in submissions],
            },
        )
        return {(row[0], row[1]): Stored(*tuple(row)[2:]) for row in rows}

    def _row(self, submission: Submission, number: str) -> OutboxRow:
        return self._told(submission, submission.event(number), 1)

    def _flag(self, submission: Submission, number: str) -> OutboxRow | None:
        return None if submission.flag is None else self._told(submission, submission.flag(number), 2)

    def _told(self, submission: Submission, event: RequestEvent, sequence: int) -> OutboxRow:
        return OutboxRow(
            topic=event.TOPIC,
            partition=partition_of(submission.case_id, self._partitions),
            case_id=submission.case_id,
            sequence=sequence,
            type=event.TYPE,
            time=submission.received_at,
            traceparent=submission.traceparent,
            payload=event.encode(),
        )

    async def by_id(self, case_id: UUID) -> Progress | None:
        """The request of a case id, or None."""
        return await self._read(_READ_BY_ID, case_id)

    async def by_number(self, number: str) -> Progress | None:
        """The request of a case number in its written form, or None."""
        return await self._read(_READ_BY_NUMBER, number)

    async def _read(self, statement: sa.TextClause, key: object) -> Progress | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement, {"key": key})).one_or_none()
        if row is None:
            return None
        course, received_at = _course(row.unit, row.steps, row.progress), row.received_at
        return Progress(
            case_id=row.case_id,
            number=row.number,
            channel=row.channel,
            state=course.state,
            unit=course.unit,
            received_at=received_at,
            updated_at=course.updated_at(received_at),
            steps=course.steps(received_at),
        )


def _key(submission: Submission) -> tuple[str, str]:
    return submission.channel, submission.channel_request_id


async def advance(connection: AsyncConnection, events: Sequence[Received]) -> int:
    """Carry requests on by what was told of them, in order; returns of how many cases there is no request here."""
    told: dict[UUID, list[Received]] = {}
    for received in events:
        told.setdefault(received.case_id, []).append(received)
    if not told:
        return 0
    columns: dict[str, list[Any]] = {name: [] for name in ("case_id", "progress", "state", "unit", "updated_at")}
    for case_id, unit, received_at, steps, kept in await connection.execute(_LOAD, {"cases": list(told)}):
        course = _course(unit, steps, kept)
        for received in told.pop(case_id):
            course = progress.advance(course, received.event, received.sequence, received.time)
        columns["case_id"].append(case_id)
        columns["progress"].append(course.model_dump_json(exclude_defaults=True))
        columns["state"].append(course.state.value)
        columns["unit"].append(course.unit)
        columns["updated_at"].append(course.updated_at(received_at))
    if columns["case_id"]:
        await connection.execute(_SAVE, columns)
    return len(told)


def _course(unit: str | None, steps: str, kept: str | None) -> Course:
    course = Course() if kept is None else Course.model_validate_json(kept)
    # Steps stand here of requests that nothing was told of since they were kept in one list.
    return course if steps == "[]" else progress.with_former_steps(course, _FORMER_STEPS.validate_json(steps), unit)
