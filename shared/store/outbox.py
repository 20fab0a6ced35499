"""Writing decided events to the outbox, in the transaction that changes the state they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

NOTIFY_CHANNEL = "minsheng_outbox"


def telling(source: str) -> str:
    """The parts of a `WITH` that put the rows of `source` into the outbox; `told` has their id, case_id and sequence.

    `source` has the outbox's columns by name. For a service that stores and tells in one statement; a statement by
    itself is a transaction.
    """
    return f"""
        told AS (
            INSERT INTO outbox (topic, partition, case_id, sequence, type, "time", traceparent, payload)
            SELECT topic, partition, case_id, sequence, type, "time", traceparent, payload FROM {source}
            RETURNING id, partition, case_id, sequence
        ), told_pending AS (
            INSERT INTO outbox_pending (id, partition) SELECT id, partition FROM told
        )
    """  # noqa: S608 - the name is the code's own


_INSERT = sa.text(
    f"""
    WITH source AS (
        SELECT * FROM unnest(
            CAST(:topic AS text[]), CAST(:partition AS int[]), CAST(:case_id AS uuid[]), CAST(:sequence AS int[]),
            CAST(:type AS text[]), CAST(:time AS timestamptz[]), CAST(:traceparent AS text[]), CAST(:payload AS bytea[])
        ) AS t(topic, partition, case_id, sequence, type, "time", traceparent, payload)
    ), {telling("source")}
    SELECT id FROM told
    """  # noqa: S608 - as above
)
COUNTED = 1_000_000
"""More pending events are told as this many: the count must stay cheap in the outage that fills the outbox."""
_PENDING = sa.text("SELECT count(*) FROM (SELECT FROM outbox_pending LIMIT :most) AS pending")
_OLDEST = sa.text(
    """
    SELECT coalesce(max(extract(epoch FROM now() - outbox."time")), 0) FROM generate_series(0, :partitions - 1) AS place
    CROSS JOIN LATERAL (
        SELECT id FROM outbox_pending WHERE partition = place ORDER BY id LIMIT 1
    ) AS oldest JOIN outbox USING (id)
    """
)
_NOTIFY = sa.text(f"SELECT pg_notify('{NOTIFY_CHANNEL}', :partitions)")


class OutboxRow(NamedTuple):
    """One decided event, encoded. `topic` is logical; `sequence` counts this service's events of the case from 1."""

    topic: str
    partition: int
    case_id: UUID
    sequence: int
    type: str
    time: datetime
    traceparent: str | None
    payload: bytes


async def append(connection: AsyncConnection, rows: Sequence[OutboxRow]) -> list[tuple[int, OutboxRow]]:
    """Add events in order and return them with their ids.

    Ids are handed out here, before the commit: order by id holds for a case (its row is locked by the caller), not for
    the whole table.
    """
    if not rows:
        return []
    result = await connection.execute(
        _INSERT,
        {
            "topic": [row.topic for row in rows],
            "partition": [row.partition for row in rows],
            "case_id": [row.case_id for row in rows],
            "sequence": [row.sequence for row in rows],
            "type": [row.type for row in rows],
            "time": [row.time for row in rows],
            "traceparent": [row.traceparent for row in rows],
            "payload": [row.payload for row in rows],
        },
    )
    # unnest gives its rows in order and the identity column counts in that order, so the ids pair off when sorted.
    ids = sorted(result.scalars().all())
    return list(zip(ids, rows, strict=True))


def named(partitions: set[int]) -> str:
    """Partitions as the notification names them."""
    return ",".join(map(str, sorted(partitions)))


async def pending(connection: AsyncConnection, partitions: int) -> tuple[int, float]:
    """How many events are not acknowledged yet (at most `COUNTED`), and the age of the oldest in seconds."""
    depth = (await connection.execute(_PENDING, {"most": COUNTED})).scalar_one()
    age = (await connection.execute(_OLDEST, {"partitions": partitions})).scalar_one()
    return int(depth), max(0.0, float(age))


async def notify(connection: AsyncConnection, partitions: set[int]) -> None:
    """Wake whoever relays these partitions, once the transaction commits."""
    if partitions:
        await connection.execute(_NOTIFY, {"partitions": named(partitions)})
