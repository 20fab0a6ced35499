"""Which survey a reply answers: an SMS carries no reference, only the number that it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.followup.domain.followup import OPEN, Followup, Policy, Stage


@dataclass(frozen=True, slots=True)
class Asked:
    """A case about which a number was written to, in its `nth` round at last."""

    case_id: UUID
    nth: int


def match(asked: Iterable[Asked], states: Mapping[UUID, Followup], now: datetime, policy: Policy) -> Asked | None:
    """The survey that a reply answers, of those that its number got, the last written first.

    That is the last whose answer is awaited; else the last that still takes a late one; else simply the last, so that
    what a citizen adds afterwards stays with the case.
    """
    known = [one for one in asked if one.case_id in states]
    for fits in (_is_awaited, _takes_late_answer):
        for one in known:
            state = states[one.case_id]
            if state.round == one.nth and fits(state, now, policy):
                return one
    return known[0] if known else None


def takes_answer(one: Asked, states: Mapping[UUID, Followup], now: datetime, policy: Policy) -> bool:
    """Whether an answer to this survey would count now."""
    state = states[one.case_id]
    return state.round == one.nth and (_is_awaited(state, now, policy) or _takes_late_answer(state, now, policy))


def _is_awaited(state: Followup, _now: datetime, _policy: Policy) -> bool:
    return state.stage in OPEN


def _takes_late_answer(state: Followup, now: datetime, policy: Policy) -> bool:
    return (
        state.stage is Stage.SETTLED
        and not state.is_answered
        and state.settled_at is not None
        and now <= state.settled_at + policy.late
    )
