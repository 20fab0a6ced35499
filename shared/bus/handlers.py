"""What a service does with the events of a batch, inside the batch's transaction.

An aggregate service gives a reaction table and a store mapping; a projection service gives one function.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bus.envelope import Received
from shared.bus.partitioning import partition_of
from shared.bus.publisher import LARGEST_VALUE
from shared.decision import Decision, Moment
from shared.events.base import Event
from shared.store.aggregate import AggregateTable, Stored
from shared.store.engine import is_transient
from shared.store.outbox import OutboxRow
from shared.telemetry.tracing import SpanKind, carried, is_exported, span, spans

S = TypeVar("S", bound=BaseModel)


class RefusedEventError(Exception):
    """A reaction refused an event: it can't be applied as things stand, and is set aside for a person."""


class EventTooLargeError(Exception):
    """A decided event is larger than a record may be."""

    def __init__(self, event_type: str, size: int) -> None:
        super().__init__(f"{event_type} has {size:,} bytes, {LARGEST_VALUE:,} at most can be published")


@dataclass(slots=True)
class Outcome:
    """What came of the fresh events: rows for the outbox, and the events that could not be applied.

    After a failure, later events of the same case were not tried.
    """

    rows: list[OutboxRow] = field(default_factory=list)
    failures: list[tuple[Received, Exception]] = field(default_factory=list)


class Handler(Protocol):
    """Applies fresh events, in order, within the given transaction."""

    async def apply(self, connection: AsyncConnection, events: Sequence[Received]) -> Outcome:
        """Raises only where the whole batch is in doubt: then all of it is rolled back."""
        ...


Reaction = Callable[[S | None, Any, Moment], Decision[S]]
"""`(state | None, event, moment) -> Decision`; a refusal sets the event aside."""

Effects = Callable[[AsyncConnection, Sequence["Decided"]], Awaitable[None]]
"""Writes what follows from decided events, a message to send for example, in the same transaction."""


@dataclass(frozen=True, slots=True)
class Decided:
    """An event that this service just decided, and the state it led to."""

    case_id: UUID
    sequence: int
    event: Event
    state: BaseModel


class Change(NamedTuple, Generic[S]):
    """What a decision makes of one case: what to store, what to tell, and what effects are to know."""

    stored: Stored[S]
    rows: list[OutboxRow]
    decided: list[Decided]


def utc_now() -> datetime:
    """The clock that decisions get unless a test gives another."""
    return datetime.now(UTC)


class Aggregates(Generic[S]):
    """Loads, decides, and saves aggregates with their events; shared by event batches, commands and timers."""

    def __init__(
        self,
        table: AggregateTable[S],
        *,
        partitions: int,
        effects: Effects | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.table = table
        self.clock = clock
        self.partitions = partitions
        self._effects = effects

    def rows_of(
        self,
        case_id: UUID,
        version: int,
        events: Sequence[Event],
        now: datetime,
        traceparent: str | None,
        partition: int | None = None,
    ) -> list[OutboxRow]:
        """The outbox rows of a decision on a case whose stored version is `version`."""
        place = partition_of(case_id, self.partitions) if partition is None else partition
        rows = [
            OutboxRow(event.TOPIC, place, case_id, version + nth, event.TYPE, now, carried(traceparent), event.encode())
            for nth, event in enumerate(events, start=1)
        ]
        for row in rows:
            if len(row.payload) > LARGEST_VALUE:
                # The broker would refuse it for ever, and with it everything behind it in the partition.
                raise EventTooLargeError(row.type, len(row.payload))
        return rows

    def change(
        self,
        case_id: UUID,
        version: int,
        decision: Decision[S],
        now: datetime,
        traceparent: str | None,
        partition: int | None = None,
    ) -> Change[S]:
        """What a decision makes of a case whose stored version is `version`."""
        assert decision.state is not None
        rows = self.rows_of(case_id, version, decision.events, now, traceparent, partition)
        decided: list[Decided] = []
        if self._effects is not None:
            decided = [
                Decided(case_id, row.sequence, event, decision.state)
                for row, event in zip(rows, decision.events, strict=True)
            ]
        return Change(Stored(decision.state, version + len(rows)), rows, decided)

    async def save(
        self, connection: AsyncConnection, changed: Sequence[tuple[UUID, Stored[S]]], decided: Sequence[Decided]
    ) -> None:
        """Save states in one statement, and what follows from their events."""
        await self.table.save(connection, changed)
        if self._effects is not None and decided:
            await self._effects(connection, decided)


class AggregateHandler(Generic[S]):
    """Runs a reaction table over a batch: one query to load, one statement to save, whatever the batch's size."""

    def __init__(self, aggregates: Aggregates[S], reactions: Mapping[type[Event], Reaction[S]]) -> None:
        self._aggregates = aggregates
        self._reactions = dict(reactions)

    async def apply(self, connection: AsyncConnection, events: Sequence[Received]) -> Outcome:
        """Decide each event on the state that the one before it left."""
        outcome = Outcome()
        relevant = [received for received in events if type(received.event) in self._reactions]
        if not relevant:
            return outcome
        states = await self._aggregates.table.load(connection, {received.case_id for received in relevant})
        now = self._aggregates.clock()
        changed: dict[UUID, Stored[S]] = {}
        decided: list[Decided] = []
        failed: set[UUID] = set()
        for received in relevant:
            case_id = received.case_id
            if case_id in failed:
                continue
            stored: Stored[S] = changed.get(case_id) or states.get(case_id) or Stored(None, 0)
            try:
                if is_exported(received.traceparent):
                    with span(received.type, received.traceparent, kind=SpanKind.CONSUMER) as traceparent:
                        change = self._decide(received, stored, now, traceparent)
                else:
                    change = self._decide(received, stored, now, received.traceparent)
            except Exception as error:  # noqa: BLE001 - whatever one event raises is told of that event alone
                failed.add(case_id)
                outcome.failures.append((received, error))
                continue
            if change is None:
                continue
            outcome.rows.extend(change.rows)
            changed[case_id] = change.stored
            decided.extend(change.decided)
        await self._aggregates.save(connection, sorted(changed.items()), decided)
        return outcome

    def _decide(
        self, received: Received, stored: Stored[S], now: datetime, traceparent: str | None
    ) -> Change[S] | None:
        """What one event makes of its case; None where nothing comes of it."""
        case_id = received.case_id
        decision = self._reactions[type(received.event)](stored.state, received.event, Moment(case_id, now))
        if decision.refusal is not None:
            raise RefusedEventError(f"{decision.refusal.code}: {decision.refusal.reason}")
        if not decision.events:
            return None
        return self._aggregates.change(case_id, stored.version, decision, now, traceparent, received.partition)


Project = Callable[[Sequence[Received], AsyncConnection], Awaitable[None]]
"""`project(batch, transaction)`: a projection service's one function."""


class ProjectionHandler:
    """Runs a projection over the whole batch."""

    def __init__(self, project: Project) -> None:
        self._project = project

    async def apply(self, connection: AsyncConnection, events: Sequence[Received]) -> Outcome:
        """A projection either takes the batch or raises; the caller then finds the event at fault."""
        if events:
            with spans((received.type, received.traceparent) for received in events):
                await self._project(events, connection)
        return Outcome()


async def apply_isolating(handler: Handler, connection: AsyncConnection, events: Sequence[Received]) -> Outcome:
    """Apply a batch of which something is bad, halving it by case until the bad events are alone.

    Each part runs in a savepoint. Costs a few more round trips for each bad event, and none where all are good.
    """
    cases: dict[UUID, list[Received]] = {}
    for received in events:
        cases.setdefault(received.case_id, []).append(received)
    return await _halve(handler, connection, list(cases.values()))


async def _halve(handler: Handler, connection: AsyncConnection, cases: list[list[Received]]) -> Outcome:
    if not cases:
        return Outcome()
    if len(cases) == 1:
        return await _one_by_one(handler, connection, cases[0])
    events = [received for case in cases for received in case]
    try:
        async with connection.begin_nested():
            return await handler.apply(connection, events)
    except Exception as error:
        if is_transient(error):
            raise
    middle = len(cases) // 2
    first = await _halve(handler, connection, cases[:middle])
    second = await _halve(handler, connection, cases[middle:])
    return Outcome(first.rows + second.rows, first.failures + second.failures)


async def _one_by_one(handler: Handler, connection: AsyncConnection, events: list[Received]) -> Outcome:
    outcome = Outcome()
    for received in events:
        try:
            async with connection.begin_nested():
                step = await handler.apply(connection, [received])
        except Exception as error:
            if is_transient(error):
                raise
            outcome.failures.append((received, error))
            return outcome
        outcome.rows.extend(step.rows)
        outcome.failures.extend(step.failures)
        if step.failures:
            return outcome
    return outcome
