"""Decisions on many follow-ups: each costs the same, however many are loaded."""

from __future__ import annotations

from collections.abc import ItemsView
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from services.followup.bulk import Bulk
from services.followup.domain.state import Followup
from shared.bus.handlers import Aggregates
from shared.decision import Decision, Moment, unchanged
from shared.events.words import Satisfaction
from shared.store.aggregate import Stored
from tests.unit.followup.stories import START, answer, sent


class Loaded(dict[UUID, Stored[Followup]]):
    """Counts how often all of it is gone through."""

    walks = 0

    def items(self) -> ItemsView[UUID, Stored[Followup]]:  # type: ignore[override]  # dict's own view has no public type
        self.walks += 1
        return super().items()


def bulk_of(loaded: Loaded) -> Bulk:
    aggregates: Any = Aggregates(SimpleNamespace(), partitions=1, clock=lambda: START)  # type: ignore[arg-type]
    commands: Any = SimpleNamespace(aggregates=aggregates)
    return Bulk(SimpleNamespace(), commands, loaded)  # type: ignore[arg-type]


def test_states_are_gathered_once_for_a_thousand_decisions() -> None:
    loaded = Loaded({UUID(int=n): Stored(sent(), 2) for n in range(1_000)})
    bulk = bulk_of(loaded)

    def nothing(state: Followup, _moment: Moment) -> Decision[Followup]:
        return unchanged(state)

    for n in range(1_000):
        assert bulk.states[UUID(int=n)] is not None
        bulk.decide(UUID(int=n), nothing)
    assert loaded.walks == 1


def test_the_states_are_those_after_each_decision() -> None:
    one, other = UUID(int=1), UUID(int=2)
    bulk = bulk_of(Loaded({one: Stored(sent(), 2), other: Stored(None, 0)}))
    assert other not in bulk.states
    bulk.decide(one, lambda state, moment: answer(state, Satisfaction.SATISFIED, moment))
    assert bulk.states[one].is_answered
