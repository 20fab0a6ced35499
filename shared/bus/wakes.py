"""Time as an actor: aggregates whose `wake_at` has come are decided anew, by any replica, each by one only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import UUID

import structlog
from pydantic import BaseModel

from shared.bus.commands import Commands
from shared.bus.handlers import Decided
from shared.decision import Decision, Moment
from shared.store import outbox
from shared.store.aggregate import Stored
from shared.store.outbox import OutboxRow

S = TypeVar("S", bound=BaseModel)

log = structlog.get_logger(__name__)

BATCH = 200
POSTPONE = timedelta(minutes=5)
"""How long a case is left alone whose waking failed, so that it can't starve the others."""


class Wakes(Generic[S]):
    """Runs `wake(state, moment) -> Decision` for what is due. Meant to be called by a timer."""

    def __init__(self, commands: Commands[S], wake: Callable[[S, Moment], Decision[S]]) -> None:
        self._commands = commands
        self._wake = wake

    async def sweep(self) -> int:
        """Wake everything that is due now; returns how many aggregates were looked at."""
        total = 0
        while True:
            looked_at = await self._batch()
            total += looked_at
            if looked_at < BATCH:
                return total

    async def _batch(self) -> int:
        aggregates = self._commands.aggregates
        now = aggregates.clock()
        rows: list[OutboxRow] = []
        changed: list[tuple[UUID, Stored[S]]] = []
        decided: list[Decided] = []
        async with self._commands.engine.begin() as connection:
            due = await aggregates.table.due(connection, now, BATCH)
            for case_id, stored in due:
                assert stored.state is not None
                try:
                    decision = self._wake(stored.state, Moment(case_id, now))
                    change = (
                        None
                        if decision.state is None
                        else aggregates.change(case_id, stored.version, decision, now, None)
                    )
                except Exception:
                    log.exception("wake_failed", case_id=str(case_id))
                    await aggregates.table.postpone(connection, case_id, now + POSTPONE)
                    continue
                if change is None or (not change.rows and decision.state.wake_at == stored.state.wake_at):  # type: ignore[union-attr, attr-defined]
                    # Nothing to do and nothing would change: without a later time it would be looked at for ever.
                    await aggregates.table.postpone(connection, case_id, now + POSTPONE)
                    continue
                rows.extend(change.rows)
                changed.append((case_id, change.stored))
                decided.extend(change.decided)
            await aggregates.save(connection, sorted(changed, key=lambda item: item[0]), decided)
            appended = await outbox.append(connection, rows)
            await self._commands.notify(connection, [row.case_id for row in rows])
        self._commands.committed(appended)
        return len(due)
