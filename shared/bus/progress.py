"""Offsets and cursors: how far a consumer has come, kept with the state that it made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bus.admission import Blocked, CursorKey
from shared.bus.dead_letters import OPEN

Place = tuple[str, int]
"""(topic, partition)."""


class FencedError(Exception):
    """Another worker has moved this partition's offset: this one has lost it, and all of its batch is void."""

    def __init__(self, lost: int, of: int) -> None:
        super().__init__(f"{lost} of {of} partitions were read on by another worker; this batch is rolled back")


@dataclass(frozen=True, slots=True)
class StoredOffset:
    """Where reading goes on, and in which topic: a topic made anew under the same name has another id."""

    topic_id: UUID
    next_offset: int


_LOAD = sa.text(
    """
    SELECT topic, partition, topic_id, next_offset FROM offsets
    WHERE consumer = :consumer AND (topic, partition) IN (
        SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[])))
    """
)
_BEGIN = sa.text(
    """
    INSERT INTO offsets (consumer, topic, partition, topic_id, next_offset)
    VALUES (:consumer, :topic, :partition, :topic_id, :next_offset)
    ON CONFLICT (consumer, topic, partition)
    DO UPDATE SET topic_id = EXCLUDED.topic_id, next_offset = EXCLUDED.next_offset
    """
)
_MOVE = sa.text(
    """
    UPDATE offsets SET next_offset = moved.next_offset
    FROM unnest(
        CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:read AS bigint[]), CAST(:next AS bigint[]),
        CAST(:ids AS uuid[])
    ) AS moved(topic, partition, read_offset, next_offset, topic_id)
    WHERE offsets.consumer = :consumer AND offsets.topic = moved.topic AND offsets.partition = moved.partition
      AND offsets.next_offset = moved.read_offset AND offsets.topic_id = moved.topic_id
    """
)
_HOLD = sa.text(
    """
    SELECT count(*) FROM (
        SELECT 1 FROM offsets JOIN unnest(
            CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:read AS bigint[]), CAST(:ids AS uuid[])
        ) AS held(topic, partition, read_offset, topic_id)
        ON offsets.topic = held.topic AND offsets.partition = held.partition
          AND offsets.next_offset = held.read_offset AND offsets.topic_id = held.topic_id
        WHERE offsets.consumer = :consumer
        FOR UPDATE OF offsets
    ) AS still
    """
)
_CURSORS = sa.text(
    f"""
    SELECT case_id, source, sequence, NULL FROM cursors WHERE case_id = ANY(CAST(:cases AS uuid[]))
    UNION ALL
    SELECT case_id, source, -1, state FROM dead_letters
    WHERE consumer = :consumer AND case_id = ANY(CAST(:cases AS uuid[]))
      AND state IN {OPEN}
    """  # noqa: S608 - the states are the code's own
)
_SAVE_CURSORS = sa.text(
    """
    INSERT INTO cursors (case_id, source, sequence)
    SELECT * FROM unnest(CAST(:cases AS uuid[]), CAST(:sources AS text[]), CAST(:sequences AS int[]))
    ON CONFLICT (case_id, source) DO UPDATE SET sequence = EXCLUDED.sequence
    """
)


async def load_offsets(
    connection: AsyncConnection, consumer: str, places: Collection[Place]
) -> dict[Place, StoredOffset]:
    """The stored offsets of these partitions; those never read are absent."""
    rows = await connection.execute(
        _LOAD,
        {"consumer": consumer, "topics": [topic for topic, _ in places], "partitions": [part for _, part in places]},
    )
    return {(row[0], row[1]): StoredOffset(row[2], row[3]) for row in rows}


async def begin_offset(
    connection: AsyncConnection, consumer: str, place: Place, topic_id: UUID, next_offset: int
) -> None:
    """Start reading a partition at `next_offset`: the first time, or because the topic was made anew."""
    await connection.execute(
        _BEGIN,
        {
            "consumer": consumer,
            "topic": place[0],
            "partition": place[1],
            "topic_id": topic_id,
            "next_offset": next_offset,
        },
    )


async def move_offsets(
    connection: AsyncConnection,
    consumer: str,
    moves: Mapping[Place, tuple[int, int]],
    topic_ids: Mapping[str, UUID],
) -> None:
    """Move each partition from the offset this worker read to the next one; raises `FencedError` where it can't."""
    result = await connection.execute(
        _MOVE,
        {
            "consumer": consumer,
            "topics": [topic for topic, _ in moves],
            "partitions": [partition for _, partition in moves],
            "read": [read for read, _ in moves.values()],
            "next": [following for _, following in moves.values()],
            "ids": [topic_ids[topic] for topic, _ in moves],
        },
    )
    if result.rowcount != len(moves):
        raise FencedError(len(moves) - result.rowcount, len(moves))


async def hold_offsets(
    connection: AsyncConnection, consumer: str, positions: Mapping[Place, int], topic_ids: Mapping[str, UUID]
) -> None:
    """Keep every other worker from moving these partitions until the transaction ends.

    Raises `FencedError` where one has moved them past `positions` already.
    """
    held = await connection.scalar(
        _HOLD,
        {
            "consumer": consumer,
            "topics": [topic for topic, _ in positions],
            "partitions": [partition for _, partition in positions],
            "read": list(positions.values()),
            "ids": [topic_ids[topic] for topic, _ in positions],
        },
    )
    if held != len(positions):
        raise FencedError(len(positions) - int(held or 0), len(positions))


async def load_cursors(
    connection: AsyncConnection, consumer: str, cases: Collection[UUID]
) -> tuple[dict[CursorKey, int], dict[UUID, Blocked]]:
    """In one query: the last event applied of each case from each source, and the cases that are blocked."""
    cursors: dict[CursorKey, int] = {}
    blocked: dict[UUID, Blocked] = {}
    for case_id, source, sequence, state in await connection.execute(
        _CURSORS, {"consumer": consumer, "cases": sorted(set(cases))}
    ):
        if state is None:
            cursors[case_id, source] = sequence
            continue
        known = blocked.get(case_id, Blocked())
        if state == "gap":
            blocked[case_id] = Blocked(known.failed, known.gaps | {source})
        elif state == "waiting":
            # A waiting letter has its cause in another one; alone it must still hold the case.
            blocked[case_id] = known
        else:
            blocked[case_id] = Blocked(True, known.gaps)
    return cursors, blocked


async def save_cursors(connection: AsyncConnection, cursors: Mapping[CursorKey, int]) -> None:
    """Keep the last applied sequence of each (case, source), in one statement, in a fixed order of rows."""
    if not cursors:
        return
    keys = sorted(cursors)
    await connection.execute(
        _SAVE_CURSORS,
        {
            "cases": [case_id for case_id, _ in keys],
            "sources": [source for _, source in keys],
            "sequences": [cursors[key] for key in keys],
        },
    )
