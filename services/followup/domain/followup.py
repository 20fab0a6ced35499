"""The follow-up of one case: rounds of asking, rectifications between them, and one settlement at the end.

A round has one answer, the first that counts. An answer counts for the round whose message the citizen got last: while
round 2 is decided but not yet sent, a reply still belongs to round 1, which has its answer, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.decision import Decider, Decision, Moment, refuse, unchanged
from shared.events.base import Event
from shared.events.case import CaseResolved
from shared.events.followup import (
    CaseSettled,
    RectificationOpened,
    SurveyAnswered,
    SurveyDelivered,
    SurveyMedium,
    SurveyRequested,
    SurveySent,
    SurveyUndeliverable,
    UnderstandingRecorded,
)
from shared.events.words import OfficerId, Satisfaction, Sealed, Settlement, UnitCode

NO_PHONE = "no-phone"
"""The requester left no number at all: nobody can be called either."""
NOT_SENT = "not-sent"
"""The gateway took no message within the whole window."""


class Stage(StrEnum):
    """Where a follow-up stands."""

    WAITING = "waiting"
    """Nothing has been asked yet; never stored."""
    ASKED = "asked"
    SENT = "sent"
    DELIVERED = "delivered"
    PHONE_DESK = "phone-desk"
    """No message gets through: an operator calls."""
    RECTIFICATION = "rectification"
    SETTLED = "settled"


OPEN = frozenset({Stage.ASKED, Stage.SENT, Stage.DELIVERED, Stage.PHONE_DESK})
"""An answer is awaited."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long follow-up waits, in elapsed time: citizens answer outside of working hours too."""

    answer: timedelta = timedelta(hours=72)
    """From the sending of a survey to giving up on an answer."""
    phone_desk: timedelta = timedelta(days=7)
    """From a failed message to giving up on a call."""
    late: timedelta = timedelta(days=30)
    """After a settlement without an answer, how long one still counts."""


class Answer(BaseModel):
    """What the citizen said to one round."""

    model_config = ConfigDict(frozen=True)

    round: int
    level: Satisfaction
    medium: SurveyMedium
    answered_at: datetime
    comment: str | None = None


class Followup(BaseModel):
    """The state: what the case told when it was resolved, and the fold of this service's own events."""

    model_config = ConfigDict(frozen=True)

    number: str
    unit: UnitCode
    requester: Sealed | None
    resolution: int
    """The case's own count of the resolution that was taken up last."""

    stage: Stage = Stage.WAITING
    round: int = 0
    """Surveys asked so far."""
    due: datetime | None = None
    answers: tuple[Answer, ...] = ()
    settlement: Settlement | None = None
    settled_at: datetime | None = None

    @property
    def wake_at(self) -> datetime | None:
        """When waiting is over."""
        return self.due

    @property
    def is_answered(self) -> bool:
        """Whether the current round has its answer."""
        return bool(self.answers) and self.answers[-1].round == self.round


def evolve(state: Followup | None, event: Event) -> Followup:
    """The state after one of this service's events."""
    assert state is not None, "a follow-up begins with what the case told"
    match event:
        case SurveyRequested():
            changes: dict[str, Any] = {"stage": Stage.ASKED, "round": event.round, "due": event.answer_by}
        case SurveySent():
            changes = {"stage": Stage.SENT, "due": event.answer_by or state.due}
        case SurveyDelivered():
            changes = {"stage": Stage.DELIVERED}
        case SurveyUndeliverable():
            changes = {"stage": Stage.PHONE_DESK, "due": event.call_by}
        case SurveyAnswered():
            answer = Answer(
                round=event.round,
                level=event.level,
                medium=event.medium,
                answered_at=event.answered_at,
                comment=event.comment,
            )
            changes = {"answers": (*state.answers, answer)}
        case RectificationOpened():
            changes = {"stage": Stage.RECTIFICATION, "due": None, "settlement": None, "settled_at": None}
        case UnderstandingRecorded():
            changes = {}
        case CaseSettled():
            changes = {
                "stage": Stage.SETTLED,
                "due": None,
                "settlement": event.settlement,
                "settled_at": event.settled_at,
            }
        case _:
            raise TypeError(f"{type(event).__name__} is no event of a follow-up.")
    return state.model_copy(update=changes)


_decided = Decider[Followup](evolve)


def resolved(state: Followup | None, event: CaseResolved, moment: Moment, policy: Policy) -> Decision[Followup]:
    """The unit told the citizen a result: ask, in the next round. Without a requester there is nobody to ask.

    A resolution that was taken up before, or that comes while a round is open or after the settlement, changes nothing.
    """
    if state is not None and (state.stage is not Stage.RECTIFICATION or event.round <= state.resolution):
        return unchanged(state)
    told = {"number": event.number, "unit": event.unit, "resolution": event.round}
    if state is None:
        begun = Followup(requester=event.requester, **told)
    else:
        begun = state.model_copy(update=told | {"requester": event.requester or state.requester})
    if begun.requester is None:
        return _decided(begun, _settled(begun, Settlement.UNREACHABLE, moment))
    return _decided(
        begun,
        SurveyRequested(round=begun.round + 1, unit=begun.unit, medium="sms", answer_by=moment.now + policy.answer),
    )


def sent(state: Followup, moment: Moment, policy: Policy, *, nth: int, message_id: str) -> Decision[Followup]:
    """The carrier took the message of the `nth` round: the citizen's time to answer begins now."""
    if state.stage is not Stage.ASKED or state.round != nth:
        return unchanged(state)
    return _decided(state, _sent(state, moment, policy, message_id))


def delivered(
    state: Followup,
    moment: Moment,
    policy: Policy,
    *,
    nth: int,
    message_id: str,
    at: datetime,
) -> Decision[Followup]:
    """The citizen's device got the message. A receipt may overtake the record that the message was sent."""
    if state.stage not in (Stage.ASKED, Stage.SENT) or state.round != nth:
        return unchanged(state)
    reached = SurveyDelivered(round=nth, delivered_at=min(at, moment.now))
    if state.stage is Stage.ASKED:
        return _decided(state, _sent(state, moment, policy, message_id), reached)
    return _decided(state, reached)


def undeliverable(
    state: Followup,
    moment: Moment,
    policy: Policy,
    *,
    nth: int,
    reason: str,
) -> Decision[Followup]:
    """The message of a round can't reach the citizen: the phone desk calls, where there is a number to call."""
    if state.stage not in (Stage.ASKED, Stage.SENT) or state.round != nth:
        return unchanged(state)
    failed = SurveyUndeliverable(round=nth, failed_at=moment.now, reason=reason, call_by=moment.now + policy.phone_desk)
    if reason == NO_PHONE:
        return _decided(state, failed, _settled(state, Settlement.UNREACHABLE, moment))
    return _decided(state, failed)


def answered(
    state: Followup,
    moment: Moment,
    policy: Policy,
    *,
    nth: int | None,
    level: Satisfaction,
    comment: str | None,
    medium: SurveyMedium,
    at: datetime,
) -> Decision[Followup]:
    """The citizen answered the `nth` round (None: the current one): settles it, or opens a rectification.

    After a settlement without an answer, a dissatisfied one still opens a rectification within `policy.late`, and a
    satisfied one is recorded without changing the settlement.
    """
    if state.round == 0:
        return refuse(state, "not-asked", f"Case {state.number} has not been surveyed, so there is no round to answer.")
    if state.is_answered or (nth is not None and nth != state.round):
        return refuse(
            state,
            "already-answered",
            f"Round {nth or state.round} of case {state.number} has its answer. A new one can be given after the "
            "unit has resolved the case again.",
        )
    late = state.settled_at is not None
    if state.settled_at is not None and moment.now > state.settled_at + policy.late:
        return refuse(
            state,
            "too-late",
            f"Case {state.number} was settled more than {policy.late.days} days ago. Take it up as a new request.",
        )
    answer = SurveyAnswered(
        round=state.round,
        unit=state.unit,
        answered_at=min(at, moment.now),
        level=level,
        medium=medium,
        comment=comment,
    )
    if not level.is_satisfied:
        return _decided(state, answer, RectificationOpened(round=state.round, unit=state.unit, opened_at=moment.now))
    if late:
        return _decided(state, answer)
    return _decided(state, answer, _settled(state, Settlement.SATISFIED, moment))


def understood(state: Followup, moment: Moment, *, by: OfficerId, visit: bool, note: str | None) -> Decision[Followup]:
    """What can't be changed was explained in person and the citizen understood: ends a rectification."""
    if state.stage is not Stage.RECTIFICATION:
        return refuse(
            state,
            "no-rectification",
            f"Case {state.number} has no open rectification. Understanding can be recorded after a dissatisfied "
            "answer, until the unit resolves the case again.",
        )
    return _decided(
        state,
        UnderstandingRecorded(round=state.round, recorded_at=moment.now, recorded_by=by, visit=visit, note=note),
        _settled(state, Settlement.UNDERSTOOD, moment),
    )


def wake(state: Followup, moment: Moment, policy: Policy) -> Decision[Followup]:
    """Waiting is over: for the gateway, the phone desk calls; for an answer or a call, the case is settled."""
    if state.due is None or moment.now < state.due:
        return unchanged(state)
    if state.stage is Stage.ASKED:
        return undeliverable(state, moment, policy, nth=state.round, reason=NOT_SENT)
    if state.stage is Stage.PHONE_DESK:
        return _decided(state, _settled(state, Settlement.UNREACHABLE, moment))
    return _decided(state, _settled(state, Settlement.UNANSWERED, moment))


def _sent(state: Followup, moment: Moment, policy: Policy, message_id: str) -> SurveySent:
    return SurveySent(
        round=state.round, sent_at=moment.now, message_id=message_id, answer_by=moment.now + policy.answer
    )


def _settled(state: Followup, settlement: Settlement, moment: Moment) -> CaseSettled:
    return CaseSettled(rounds=state.round, unit=state.unit, settled_at=moment.now, settlement=settlement)
