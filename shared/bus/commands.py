"""Commands from people: decided on the locked aggregate, committed with their events before the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.bus.handlers import Aggregates
from shared.bus.partitioning import partition_of
from shared.bus.relay import Relay
from shared.decision import Decision, Moment, Refusal
from shared.events.base import Event
from shared.store import outbox
from shared.store.outbox import OutboxRow
from shared.telemetry.tracing import current_traceparent

S = TypeVar("S", bound=BaseModel)


class CommandRefusedError(Exception):
    """The domain refuses the command; nothing has changed."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.reason}")
        self.refusal = refusal


class StaleVersionError(Exception):
    """The case has changed since the caller read it."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"version {expected} was expected, the case is at version {found}")
        self.expected = expected
        self.found = found


class UnknownCaseError(Exception):
    """This service has no case of that id."""


@dataclass(frozen=True, slots=True)
class Executed(Generic[S]):
    """A command that was carried out: the state, its version, the events, and the rows to hand to the relay."""

    state: S
    version: int
    events: tuple[Event, ...]
    rows: list[tuple[int, OutboxRow]]


class Commands(Generic[S]):
    """Executes commands on one service's aggregates."""

    def __init__(self, engine: AsyncEngine, aggregates: Aggregates[S], relay: Relay | None) -> None:
        self.engine = engine
        self.aggregates = aggregates
        self._relay = relay

    async def execute(
        self,
        case_id: UUID,
        decide: Callable[[S, Moment], Decision[S]],
        *,
        expected_version: int | None = None,
    ) -> Executed[S]:
        """Decide and commit in a transaction of its own, then wake the relay.

        Raises `UnknownCaseError`, `StaleVersionError` or `CommandRefusedError`.
        """
        async with self.engine.begin() as connection:
            executed = await self.within(connection, case_id, decide, expected_version=expected_version)
        self.committed(executed.rows)
        return executed

    async def within(
        self,
        connection: AsyncConnection,
        case_id: UUID,
        decide: Callable[[S, Moment], Decision[S]],
        *,
        expected_version: int | None = None,
    ) -> Executed[S]:
        """The same in the caller's transaction; the caller calls `committed(executed.rows)` after its commit."""
        stored = (await self.aggregates.table.load(connection, [case_id])).get(case_id)
        if stored is None or stored.state is None:
            raise UnknownCaseError(str(case_id))
        if expected_version is not None and stored.version != expected_version:
            raise StaleVersionError(expected_version, stored.version)
        now = self.aggregates.clock()
        decision = decide(stored.state, Moment(case_id, now))
        if decision.refusal is not None:
            raise CommandRefusedError(decision.refusal)
        state = decision.state
        assert state is not None
        if not decision.events:
            return Executed(state, stored.version, (), [])
        change = self.aggregates.change(case_id, stored.version, decision, now, current_traceparent())
        await self.aggregates.save(connection, [(case_id, change.stored)], change.decided)
        appended = await outbox.append(connection, change.rows)
        await self.notify(connection, [case_id])
        return Executed(state, change.stored.version, decision.events, appended)

    async def notify(self, connection: AsyncConnection, cases: Iterable[UUID]) -> None:
        """Wake the relays of other workers at commit, where this process is not the one that relays."""
        partitions = {partition_of(case_id, self.aggregates.partitions) for case_id in cases}
        if self._relay is not None:
            partitions = {partition for partition in partitions if not self._relay.holds(partition)}
        await outbox.notify(connection, partitions)

    def committed(self, rows: list[tuple[int, OutboxRow]]) -> None:
        """Hand committed rows to this process's relay."""
        if self._relay is not None:
            self._relay.committed(rows)
