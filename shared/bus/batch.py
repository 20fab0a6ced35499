"""One batch, one transaction: offsets, cursors, state, outbox and dead letters commit together or not at all."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.bus import dead_letters
from shared.bus.admission import Blocked, CursorKey, Held, Record, admit
from shared.bus.envelope import UndecodableError, decode
from shared.bus.handlers import Handler, Outcome, apply_isolating
from shared.bus.progress import FencedError, Place, load_cursors, move_offsets, save_cursors
from shared.store import outbox
from shared.store.engine import is_transient
from shared.telemetry.tracing import trace_id

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a committed batch did."""

    events: int
    repeated: int
    dead: int
    filled: int
    rows: list[tuple[int, outbox.OutboxRow]]


def record_of(message: object) -> Record:
    """A Kafka message as a record, decoded where it can be."""
    received = error = None
    headers = tuple(message.headers)  # type: ignore[attr-defined]
    topic, partition, offset = message.topic, message.partition, message.offset  # type: ignore[attr-defined]
    key, value = message.key, message.value  # type: ignore[attr-defined]
    try:
        received = decode(topic, partition, offset, headers, value, key)
    except UndecodableError as undecodable:
        error = undecodable
    return Record(topic, partition, offset, key, value, headers, received, error)


class Applier(Protocol):
    """What a consumer does with a batch."""

    async def apply(
        self,
        records: Sequence[Record],
        moves: Mapping[Place, tuple[int, int]],
        topic_ids: Mapping[str, UUID],
    ) -> Applied:
        """Apply `records` and move the offsets from what was read to what comes next, both or neither."""
        ...


class BatchApplier:
    """Applies batches of one consumer to one service's database."""

    def __init__(self, engine: AsyncEngine, consumer: str, handler: Handler) -> None:
        self._engine = engine
        self._consumer = consumer
        self._handler = handler

    async def apply(
        self,
        records: Sequence[Record],
        moves: Mapping[Place, tuple[int, int]],
        topic_ids: Mapping[str, UUID],
    ) -> Applied:
        """Apply `records` and move the offsets from what was read to what comes next.

        Raises `FencedError` where another worker moved them first, and whatever the database raises when it is in
        trouble; in both cases nothing has happened.
        """
        try:
            return await self._apply(records, moves, topic_ids, isolating=False)
        except Exception as error:
            if not _is_from_an_event(error):
                raise
            log.warning("batch_isolating", consumer=self._consumer, records=len(records), error=type(error).__name__)
        return await self._apply(records, moves, topic_ids, isolating=True)

    async def _apply(
        self,
        records: Sequence[Record],
        moves: Mapping[Place, tuple[int, int]],
        topic_ids: Mapping[str, UUID],
        *,
        isolating: bool,
    ) -> Applied:
        async with self._engine.begin() as connection:
            await move_offsets(connection, self._consumer, moves, topic_ids)
            cursors: dict[CursorKey, int] = {}
            blocked: dict[UUID, Blocked] = {}
            cases = {case_id for record in records if (case_id := record.identity.case_id) is not None}
            if cases:
                cursors, blocked = await load_cursors(connection, self._consumer, cases)
            verdict = admit(records, cursors, blocked)
            fresh = [record.received for record in verdict.fresh if record.received is not None]
            if isolating:
                outcome = await apply_isolating(self._handler, connection, fresh)
            else:
                outcome = await self._handler.apply(connection, fresh)
            moved, held = _after(verdict.fresh, outcome)
            await save_cursors(connection, moved)
            dead = await dead_letters.store(
                connection, self._consumer, _in_order(records, [*verdict.held, *held]), topic_ids
            )
            filled = {case_id for case_id in verdict.filled if any(key[0] == case_id for key in moved)}
            await dead_letters.retry_filled(connection, self._consumer, filled)
            rows = await outbox.append(connection, [*outcome.rows, *dead])
        for received, error in outcome.failures:
            log.error(
                "event_set_aside",
                consumer=self._consumer,
                case_id=str(received.case_id),
                type=received.type,
                sequence=received.sequence,
                trace=trace_id(received.traceparent),
                error=type(error).__name__,
            )
        return Applied(len(fresh) - len(held), verdict.repeated, len(dead), len(filled), rows)


def _is_from_an_event(error: Exception) -> bool:
    """Whether looking at the events one by one can find the cause."""
    return not isinstance(error, FencedError) and not is_transient(error)


def _after(fresh: Iterable[Record], outcome: Outcome) -> tuple[dict[CursorKey, int], list[Held]]:
    """The cursors that the applied events move, and what is held: the failed events and those of their cases after."""
    failures = {(received.case_id, received.source, received.sequence): error for received, error in outcome.failures}
    cursors: dict[CursorKey, int] = {}
    held: list[Held] = []
    failed: set[UUID] = set()
    for record in fresh:
        received = record.received
        assert received is not None
        error = failures.get((received.case_id, received.source, received.sequence))
        if error is not None:
            failed.add(received.case_id)
            held.append(Held(record, "failed", type(error).__name__, describe(error)))
        elif received.case_id in failed:
            held.append(Held(record, "waiting", "case-waits", "an earlier event of this case is set aside"))
        else:
            cursors[received.case_id, received.source] = received.sequence
    return cursors, held


def _in_order(records: Sequence[Record], held: Sequence[Held]) -> list[Held]:
    """Held records in the order of the batch, so that dead letters of a case are numbered in the order they came."""
    places = {id(record): place for place, record in enumerate(records)}
    return sorted(held, key=lambda letter: places[id(letter.record)])


def describe(error: BaseException) -> str:
    """The trace of an error without the values it names: files, lines and functions, and the type of the error."""
    frames = traceback.extract_tb(error.__traceback__)
    told = [f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} in {frame.name}" for frame in frames[-12:]]
    message = str(error) if _is_safe(error) else ""
    return "\n".join([*told, f"{type(error).__qualname__}: {message}".rstrip(": ")])


def _is_safe(error: BaseException) -> bool:
    """Our own errors carry no content; those of libraries (validation, database) may quote the values at fault."""
    return type(error).__module__.startswith(("shared.", "services."))
