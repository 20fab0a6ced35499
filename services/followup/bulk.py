"""Decisions on many follow-ups in one transaction: one query to load, one statement to save, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.followup.domain.state import Followup
from shared.bus.commands import Commands
from shared.bus.handlers import Decided
from shared.decision import Decision, Moment, Refusal
from shared.store import outbox
from shared.store.aggregate import Stored
from shared.store.outbox import OutboxRow
from shared.telemetry.tracing import current_traceparent


class Bulk:
    """Follow-ups, locked from `begin` to the end of the caller's transaction."""

    def __init__(
        self, connection: AsyncConnection, commands: Commands[Followup], stored: dict[UUID, Stored[Followup]]
    ) -> None:
        self._connection = connection
        self._commands = commands
        self._stored = stored
        self._states = {case_id: one.state for case_id, one in stored.items() if one.state is not None}
        self._changed: set[UUID] = set()
        self._decided: list[Decided] = []
        self._rows: list[OutboxRow] = []
        self.now = commands.aggregates.clock()

    @classmethod
    async def begin(cls, connection: AsyncConnection, commands: Commands[Followup], cases: Iterable[UUID]) -> Bulk:
        """Lock and load the follow-ups of these cases; those that don't exist are passed over."""
        ids = set(cases)
        return cls(connection, commands, await commands.aggregates.table.load(connection, ids) if ids else {})

    @property
    def states(self) -> Mapping[UUID, Followup]:
        """The follow-ups as decided so far."""
        return self._states

    def decide(self, case_id: UUID, decide: Callable[[Followup, Moment], Decision[Followup]]) -> Refusal | None:
        """Decide on one of the loaded follow-ups; returns the refusal, which changes nothing."""
        stored = self._stored[case_id]
        decision = decide(self._states[case_id], Moment(case_id, self.now))
        if decision.refusal is not None or not decision.events:
            return decision.refusal
        assert decision.state is not None
        change = self._commands.aggregates.change(case_id, stored.version, decision, self.now, current_traceparent())
        self._stored[case_id] = change.stored
        self._states[case_id] = decision.state
        self._changed.add(case_id)
        self._rows.extend(change.rows)
        self._decided.extend(change.decided)
        return None

    async def save(self) -> list[tuple[int, OutboxRow]]:
        """Save what was decided; the caller hands the rows to `Commands.committed` after its commit."""
        changed = [(case_id, self._stored[case_id]) for case_id in sorted(self._changed)]
        await self._commands.aggregates.save(self._connection, changed, self._decided)
        rows = await outbox.append(self._connection, self._rows)
        await self._commands.notify(self._connection, self._changed)
        return rows
