"""Dead letters: records set aside, why, and what became of them.

States: `failed` (could not be decoded or applied), `gap` (an event before it is missing), `waiting` (behind one of
those). An operator asks for `retry` or `discard`; the worker that owns the partition does it and leaves `applied`,
`superseded` (the same event came again and was applied) or `discarded`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bus.admission import Held, Record
from shared.bus.envelope import Headers, UndecodableError, decode
from shared.events.topics import DEAD_LETTERS
from shared.store.outbox import OutboxRow

NOTIFY_CHANNEL = "minsheng_dead_letters"
OPEN_STATES = ("failed", "gap", "waiting", "retry", "discard")
OPEN = f"({', '.join(map(repr, OPEN_STATES))})"
"""The open states as SQL: literals, so that the partial index serves."""
ANNOUNCED = "minsheng.dead-letter.v1"
NO_CASE = UUID(int=0)
"""Subject of the announcement of a record that names no case."""
LARGEST_COPY = 500_000
"""Bytes of a record's headers and value together that its announcement repeats; the table has all of a record."""
DETAIL_LIMIT = 4_000
"""Characters of trace kept with a dead letter."""

_INSERT = sa.text(
    """
    INSERT INTO dead_letters (consumer, topic, topic_id, partition, "offset", source, type, case_id, sequence,
                              key, value, headers, state, reason, detail)
    SELECT :consumer, topic, topic_id, partition, "offset", source, type, case_id, sequence,
           key, value, headers::jsonb, state, reason, detail
    FROM unnest(
        CAST(:topic AS text[]), CAST(:topic_id AS uuid[]), CAST(:partition AS int[]), CAST(:offset AS bigint[]),
        CAST(:source AS text[]), CAST(:type AS text[]), CAST(:case_id AS uuid[]), CAST(:sequence AS int[]),
        CAST(:key AS bytea[]), CAST(:value AS bytea[]), CAST(:headers AS text[]), CAST(:state AS text[]),
        CAST(:reason AS text[]), CAST(:detail AS text[])
    ) AS held(topic, topic_id, partition, "offset", source, type, case_id, sequence,
              key, value, headers, state, reason, detail)
    ON CONFLICT DO NOTHING
    RETURNING id, topic, partition, "offset"
    """
)
_COLUMNS = 'id, topic, partition, "offset", source, type, case_id, sequence, key, value, headers, state, reason, detail'
_ASKED = sa.text(
    """
    SELECT case_id, min(id), min(partition) FROM dead_letters
    WHERE consumer = :consumer AND partition = ANY(CAST(:partitions AS int[])) AND state IN ('retry', 'discard')
    GROUP BY case_id, CASE WHEN case_id IS NULL THEN id END ORDER BY 2 LIMIT :limit
    """
)
_OF_CASE = sa.text(
    f"""
    SELECT {_COLUMNS} FROM dead_letters WHERE consumer = :consumer AND case_id = :case_id
      AND state IN {OPEN} ORDER BY id FOR UPDATE
    """  # noqa: S608
)
_ONE = sa.text(f"SELECT {_COLUMNS} FROM dead_letters WHERE id = :id FOR UPDATE")  # noqa: S608
_SETTLE = sa.text(
    """
    UPDATE dead_letters SET state = :state, reason = coalesce(:reason, reason), detail = coalesce(:detail, detail),
        attempts = attempts + :attempt, updated_at = now()
    WHERE id = :id
    """
)
_REOPEN = sa.text(
    """
    UPDATE dead_letters SET state = 'retry', updated_at = now()
    WHERE consumer = :consumer AND case_id = ANY(CAST(:cases AS uuid[])) AND state = 'gap'
    """
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A stored dead letter, with the record as it came."""

    id: int
    state: str
    reason: str
    detail: str
    record: Record


async def store(
    connection: AsyncConnection, consumer: str, held: Sequence[Held], topic_ids: Mapping[str, UUID]
) -> list[OutboxRow]:
    """Set records aside; a record that already lies here is not stored twice.

    Returns one row for the topic of dead letters for each new one.
    """
    if not held:
        return []
    identities = [letter.record.identity for letter in held]
    result = await connection.execute(
        _INSERT,
        {
            "consumer": consumer,
            "topic": [letter.record.topic for letter in held],
            "topic_id": [topic_ids[letter.record.topic] for letter in held],
            "partition": [letter.record.partition for letter in held],
            "offset": [letter.record.offset for letter in held],
            "source": [identity.source for identity in identities],
            "type": [identity.type for identity in identities],
            "case_id": [identity.case_id if identity.is_known else None for identity in identities],
            "sequence": [identity.sequence if identity.is_known else None for identity in identities],
            "key": [letter.record.key for letter in held],
            "value": [letter.record.value for letter in held],
            "headers": [_headers_json(letter.record.headers) for letter in held],
            "state": [letter.state for letter in held],
            "reason": [letter.reason for letter in held],
            "detail": [_kept(letter.detail) for letter in held],
        },
    )
    places = {(row[1], row[2], row[3]): row[0] for row in result}
    now = datetime.now(UTC)
    return [
        _announcement(places[place], consumer, letter, now)
        for letter in held
        if (place := (letter.record.topic, letter.record.partition, letter.record.offset)) in places
    ]


def _announcement(letter_id: int, consumer: str, held: Held, now: datetime) -> OutboxRow:
    """What the topic of dead letters carries: where and why, and the record as it came, or its beginning."""
    record, identity = held.record, held.record.identity
    header_bytes = sum(len(name) + len(value or b"") for name, value in record.headers)
    room = LARGEST_COPY - header_bytes
    told = {
        "letter": letter_id,
        "consumer": consumer,
        "state": held.state,
        "reason": held.reason,
        "detail": _kept(held.detail),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        # A record may be as large as the broker takes; what tells of it must be taken, too.
        "headers": _written(record.headers) if room >= 0 else [],
        "value": None if record.value is None else base64.b64encode(record.value[: max(0, room)]).decode(),
        "complete": len(record.value or b"") <= room,
    }
    return OutboxRow(
        topic=DEAD_LETTERS,
        partition=record.partition,
        case_id=identity.case_id if identity.case_id is not None and identity.is_known else NO_CASE,
        sequence=letter_id,
        type=ANNOUNCED,
        time=now,
        traceparent=None,
        payload=json.dumps(told).encode(),
    )


async def retry_filled(connection: AsyncConnection, consumer: str, cases: Collection[UUID]) -> None:
    """Ask for what was held behind a hole to be tried again, now that the missing event was applied."""
    if cases:
        await connection.execute(_REOPEN, {"consumer": consumer, "cases": sorted(cases)})


async def asked(
    connection: AsyncConnection, consumer: str, partitions: Collection[int], limit: int = 100
) -> list[tuple[UUID | None, int, int]]:
    """Cases (or, where a record names no case, single letters) for which an operator asked for something.

    Each with its oldest letter and its partition.
    """
    rows = await connection.execute(_ASKED, {"consumer": consumer, "partitions": sorted(partitions), "limit": limit})
    return [(row[0], row[1], row[2]) for row in rows]


async def open_letters(
    connection: AsyncConnection, consumer: str, case_id: UUID | None, letter_id: int
) -> list[Letter]:
    """The open letters of a case in the order they came, locked; or one letter that names no case."""
    if case_id is None:
        rows = await connection.execute(_ONE, {"id": letter_id})
    else:
        rows = await connection.execute(_OF_CASE, {"consumer": consumer, "case_id": case_id})
    return [_letter(row) for row in rows]


async def settle(
    connection: AsyncConnection, letter_id: int, state: str, *, reason: str | None = None, detail: str | None = None
) -> None:
    """Give a letter its new state; a new reason where it failed again."""
    await connection.execute(
        _SETTLE,
        {
            "id": letter_id,
            "state": state,
            "reason": reason,
            "detail": None if detail is None else _kept(detail),
            "attempt": 1 if state in ("failed", "applied") else 0,
        },
    )


def _written(headers: Headers) -> list[list[str]]:
    return [[_without_nul(name), base64.b64encode(value or b"").decode()] for name, value in headers]


def _headers_json(headers: Headers) -> str:
    return json.dumps(_written(headers))


def _without_nul(text: str) -> str:
    # The database's text and JSON take every character but this one.
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _kept(detail: str) -> str:
    return _without_nul(detail)[:DETAIL_LIMIT]


def _letter(row: Any) -> Letter:
    headers = tuple((name, base64.b64decode(value)) for name, value in row.headers)
    received = error = None
    try:
        received = decode(row.topic, row.partition, row.offset, headers, row.value, row.key)
    except UndecodableError as undecodable:
        error = undecodable
    record = Record(row.topic, row.partition, row.offset, row.key, row.value, headers, received, error)
    return Letter(row.id, row.state, row.reason, row.detail, record)


@dataclass(frozen=True, slots=True)
class Listed:
    """A dead letter as an operator sees it: no content."""

    id: int
    consumer: str
    state: str
    reason: str
    topic: str
    partition: int
    offset: int
    type: str | None
    case_id: UUID | None
    sequence: int | None
    attempts: int
    created_at: datetime


_LIST = sa.text(
    """
    SELECT id, consumer, state, reason, topic, partition, "offset", type, case_id, sequence, attempts, created_at
    FROM dead_letters
    WHERE (CAST(:states AS text[]) IS NULL OR state = ANY(CAST(:states AS text[])))
      AND (CAST(:case_id AS uuid) IS NULL OR case_id = :case_id) AND id > :after
    ORDER BY id LIMIT :limit
    """
)
_ASK = sa.text(
    """
    UPDATE dead_letters SET state = :asked, updated_at = now()
    WHERE state IN ('failed', 'gap') AND (CAST(:ids AS bigint[]) IS NULL OR id = ANY(CAST(:ids AS bigint[])))
    RETURNING id
    """
)
_COUNT = sa.text("SELECT state, count(*) FROM dead_letters WHERE state = ANY(CAST(:states AS text[])) GROUP BY state")


async def listed(
    connection: AsyncConnection,
    *,
    states: Sequence[str] | None = None,
    case_id: UUID | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Listed]:
    """Dead letters in the order they came, after the id `after`."""
    rows = await connection.execute(
        _LIST,
        {"states": None if states is None else list(states), "case_id": case_id, "after": after, "limit": limit},
    )
    return [Listed(*row) for row in rows]


async def find(connection: AsyncConnection, letter_id: int) -> Letter | None:
    """One dead letter with its record."""
    row = (await connection.execute(_ONE, {"id": letter_id})).one_or_none()
    return None if row is None else _letter(row)


async def ask(connection: AsyncConnection, action: str, ids: Sequence[int] | None) -> list[int]:
    """Ask the owning worker to `retry` or `discard` these letters (None: all failed) and wake it; returns their ids."""
    if action not in ("retry", "discard"):
        raise ValueError("A dead letter is asked to 'retry' or 'discard'.")
    result = await connection.execute(_ASK, {"asked": action, "ids": None if ids is None else list(ids)})
    changed = sorted(result.scalars().all())
    if changed:
        await connection.execute(sa.text(f"SELECT pg_notify('{NOTIFY_CHANNEL}', '')"))
    return changed


async def counts(connection: AsyncConnection, states: Sequence[str]) -> dict[str, int]:
    """How many dead letters are in each of these states."""
    rows = await connection.execute(_COUNT, {"states": list(states)})
    return {row[0]: row[1] for row in rows}
