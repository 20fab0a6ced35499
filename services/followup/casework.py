"""What follow-up does with the events of cases: it remembers where each came in, and decides on resolutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.followup import store
from services.followup.domain import followup
from services.followup.domain.state import Followup, Origin, Policy
from shared.bus.envelope import Received
from shared.bus.handlers import AggregateHandler, Aggregates, Outcome
from shared.decision import Decision, Moment
from shared.events.case import CaseOpened, CaseResolved


class Casework:
    """The handler of the cases' topic."""

    def __init__(self, aggregates: Aggregates[Followup], policy: Policy) -> None:
        self._aggregates = aggregates
        self._policy = policy

    async def apply(self, connection: AsyncConnection, events: Sequence[Received]) -> Outcome:
        """Remember openings first: a case may be opened and resolved within one batch."""
        opened = [
            (one.case_id, Origin(one.event.channel, one.event.family))
            for one in events
            if isinstance(one.event, CaseOpened)
        ]
        if opened:
            await store.note_origins(connection, opened)
        resolved = {one.case_id for one in events if isinstance(one.event, CaseResolved)}
        origins = await store.origins_of(connection, resolved) if resolved else {}
        decide = partial(_resolved, policy=self._policy, origins=origins)
        return await AggregateHandler(self._aggregates, {CaseResolved: decide}).apply(connection, events)


def _resolved(
    state: Followup | None, event: CaseResolved, moment: Moment, *, policy: Policy, origins: Mapping[UUID, Origin]
) -> Decision[Followup]:
    return followup.resolved(state, event, moment, policy, origins.get(moment.case_id))
