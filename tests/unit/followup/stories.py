"""Follow-ups in the stages that tests begin with, reached by the same decisions that lead there in service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.followup.domain import followup
from services.followup.domain.state import Followup, Policy
from shared.decision import Decision, Moment
from shared.events.case import CaseResolved
from shared.events.words import Satisfaction

CASE = UUID("019355aa-0000-7000-8000-000000000001")
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
POLICY = Policy()
MESSAGE = "message-1"


def at(**later: float) -> Moment:
    """The moment this much after the start."""
    return Moment(CASE, START + timedelta(**later))


def resolution(nth: int = 1, *, requester: str | None = "sealed", unit: str = "traffic") -> CaseResolved:
    return CaseResolved(
        round=nth,
        unit=unit,
        officer="officer-1",
        resolved_at=START,
        in_time=True,
        result="done",
        number="261124-0004217-8",
        requester=requester,
    )


def state_of(decision: Decision[Followup]) -> Followup:
    assert decision.refusal is None
    assert decision.state is not None
    return decision.state


def asked() -> Followup:
    return state_of(followup.resolved(None, resolution(), at(), POLICY))


def sent() -> Followup:
    return state_of(followup.sent(asked(), at(minutes=1), POLICY, nth=1, message_id=MESSAGE))


def undeliverable() -> Followup:
    return state_of(followup.undeliverable(sent(), at(minutes=2), POLICY, nth=1, reason="no-such-number"))


def answer(state: Followup, level: Satisfaction, moment: Moment, nth: int | None = None) -> Decision[Followup]:
    return followup.answered(state, moment, POLICY, nth=nth, level=level, comment=None, medium="sms", at=moment.now)


def rectifying() -> Followup:
    return state_of(answer(sent(), Satisfaction.DISSATISFIED, at(hours=1)))


def unanswered() -> Followup:
    return state_of(followup.wake(sent(), at(days=4), POLICY))
