"""The follow-up of one case: rounds of asking, rectifications between them, and one settlement at the end.

A round has one answer, the first that counts. An answer counts for the round whose message the citizen got last: while
round 2 is decided but not yet sent, a reply still belongs to round 1, which has its answer, and changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from services.followup.domain.messages import MessageKind, message_id_of
from services.followup.domain.state import (
    BY_MESSAGE,
    NO_PHONE,
    NOT_SENT,
    OPTED_OUT,
    UNCLEAR_AGAIN,
    UNCLEAR_ONLY,
    Followup,
    Origin,
    Policy,
    Stage,
    evolve,
)
from shared.decision import Decider, Decision, Moment, Refusal, refuse, unchanged
from shared.events.base import Event
from shared.events.case import CaseResolved
from shared.events.followup import (
    CaseSettled,
    RectificationOpened,
    ReferralEnded,
    SurveyAnswered,
    SurveyDelivered,
    SurveyMedium,
    SurveyOptedOut,
    SurveyReferred,
    SurveyRequested,
    SurveySent,
    SurveyUnclear,
    SurveyUndeliverable,
    UnderstandingRecorded,
)
from shared.events.words import OfficerId, Satisfaction, Settlement

_decided = Decider[Followup](evolve)


def resolved(
    state: Followup | None, event: CaseResolved, moment: Moment, policy: Policy, origin: Origin | None = None
) -> Decision[Followup]:
    """The unit told the citizen a result: ask, in the next round. With no way to anybody there is nobody to ask.

    A resolution that was taken up before, or that comes while a round is open or after the settlement, changes nothing.
    """
    if state is not None and (state.stage is not Stage.RECTIFICATION or event.round <= state.resolution):
        return unchanged(state)
    told: dict[str, Any] = {"number": event.number, "unit": event.unit, "resolution": event.round}
    if origin is not None:
        told |= {"channel": origin.channel, "family": origin.family}
    if state is None:
        begun = Followup(requester=event.requester, **told)
    else:
        begun = state.model_copy(update=told | {"requester": event.requester or state.requester})
    if begun.requester is None and begun.way_back is None:
        return _decided(begun, _settled(begun, Settlement.UNREACHABLE, moment))
    asking = partial(SurveyRequested, round=begun.round + 1, unit=begun.unit, answer_by=moment.now + policy.answer)
    if begun.requester is None:
        assert begun.way_back is not None
        asked = asking(medium=begun.way_back)
        return _decided(begun, asked, _undeliverable(asked.round, NO_PHONE, moment, call_by=None))
    if begun.opted_out:
        asked = asking(medium="phone")
        return _decided(begun, asked, _referred(begun, asked.round, OPTED_OUT, moment, policy))
    return _decided(begun, asking(medium="sms"))


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
    """No message can reach the citizen: the phone desk calls.

    Where nobody left a number, the case waits there for the way of its channel, for as long as it takes; with no such
    way the citizen can't be reached. Where follow-up doesn't know the channel, a person finds it out.
    """
    if state.stage not in (Stage.ASKED, Stage.SENT) or state.round != nth:
        return unchanged(state)
    call_by = None if reason == NO_PHONE else moment.now + policy.phone_desk
    failed = _undeliverable(nth, reason, moment, call_by=call_by)
    if reason == NO_PHONE and state.family is not None and state.way_back is None:
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
    by: OfficerId | None = None,
) -> Decision[Followup]:
    """The citizen answered the `nth` round (None: the current one): settles it, or opens a rectification.

    After a settlement without an answer, a dissatisfied one that was written within `policy.late` still opens a
    rectification, and a satisfied one is recorded without changing the settlement. `by` took a spoken answer down.
    """
    if (refusal := _not_open(state, nth)) is not None:
        return refusal
    late = state.settled_at is not None
    written = min(at, moment.now)
    if late and state.stage is not Stage.PHONE_DESK and not state.takes_late_answer(written, policy):
        return refuse(
            state,
            "too-late",
            f"Case {state.number} was settled more than {policy.late.days} days ago. Take it up as a new request.",
        )
    answer = SurveyAnswered(
        round=state.round,
        unit=state.unit,
        answered_at=written,
        level=level,
        medium=medium,
        comment=comment,
        recorded_by=by,
    )
    if not level.is_satisfied:
        return _decided(state, answer, RectificationOpened(round=state.round, unit=state.unit, opened_at=moment.now))
    if late:
        return _decided(state, answer)
    return _decided(state, answer, _settled(state, Settlement.SATISFIED, moment))


def recorded(
    state: Followup,
    moment: Moment,
    policy: Policy,
    *,
    level: Satisfaction,
    comment: str | None,
    medium: SurveyMedium,
    by: OfficerId,
) -> Decision[Followup]:
    """A person of the phone desk asked the citizen, and takes the answer down."""
    if (refusal := _not_open(state, None)) is not None:
        return refusal
    if (hindrance := not_on_desk(state)) is not None:
        return Decision(state, refusal=hindrance)
    return answered(state, moment, policy, nth=None, level=level, comment=comment, medium=medium, at=moment.now, by=by)


def given_up(state: Followup, moment: Moment, *, by: OfficerId) -> Decision[Followup]:
    """A person of the phone desk says that the citizen can't be reached."""
    if (hindrance := not_on_desk(state)) is not None:
        return Decision(state, refusal=hindrance)
    return _decided(state, _end_of_desk(state, moment, by))


def not_on_desk(state: Followup) -> Refusal | None:
    """Why nobody of the phone desk has anything to do with the case, if so."""
    if state.stage is Stage.PHONE_DESK:
        return None
    return Refusal(
        "not-on-desk",
        f"Case {state.number} is not on the phone desk's list (it is {state.stage.value}), so nobody has to be called "
        "about it. Take another case of the list.",
    )


def unclear(
    state: Followup, moment: Moment, policy: Policy, *, nth: int, asked_again: bool, at: datetime
) -> Decision[Followup]:
    """A reply to the `nth` round can't be understood: the citizen is asked once more, then a person asks.

    `asked_again`: it was written after the citizen got that question. What was written before it is no answer to it,
    and what belongs to an answered round, or to one that a person has in hand, is kept for people to read.
    """
    written = min(at, moment.now)
    awaited = state.stage in BY_MESSAGE or (state.stage is Stage.SETTLED and state.takes_late_answer(written, policy))
    if nth != state.round or not awaited:
        return unchanged(state)
    if asked_again:
        return _decided(state, _referred(state, nth, UNCLEAR_AGAIN, moment, policy))
    if state.unclear:
        return unchanged(state)
    events = [
        *_sent_as_its_reply_shows(state, moment, policy),
        SurveyUnclear(
            round=nth,
            unit=state.unit,
            replied_at=written,
            answer_by=None if state.settled_at is None else moment.now + policy.answer,
        ),
    ]
    if state.opted_out:
        events.append(_referred(state, nth, OPTED_OUT, moment, policy))
    return _decided(state, *events)


def opted_out(state: Followup, moment: Moment, policy: Policy, *, nth: int, at: datetime) -> Decision[Followup]:
    """The citizen, who got the message of the `nth` round, wants no more messages about this case.

    A person takes over what only a message could have brought to its end: a round whose message is not out yet, and one
    with unclear replies, which would be asked about.
    """
    if state.opted_out:
        return unchanged(state)
    events: list[Event] = []
    if nth == state.round:
        events += _sent_as_its_reply_shows(state, moment, policy)
    events.append(SurveyOptedOut(round=state.round, opted_out_at=min(at, moment.now)))
    unasked = state.stage is Stage.ASKED and nth != state.round
    asked_again = state.unclear and state.due is not None and state.stage is not Stage.PHONE_DESK
    if unasked or asked_again:
        events.append(_referred(state, state.round, OPTED_OUT, moment, policy))
    return _decided(state, *events)


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
    """Waiting is over: for the gateway or for a clear answer, a person asks; for any answer or a call, it ends."""
    if state.due is None or moment.now < state.due:
        return unchanged(state)
    if state.stage is Stage.ASKED:
        return undeliverable(state, moment, policy, nth=state.round, reason=NOT_SENT)
    if state.stage is Stage.PHONE_DESK:
        return _decided(state, _end_of_desk(state, moment, None))
    if state.unclear:
        return _decided(state, _referred(state, state.round, UNCLEAR_ONLY, moment, policy))
    return _decided(state, _settled(state, Settlement.UNANSWERED, moment))


def _not_open(state: Followup, nth: int | None) -> Decision[Followup] | None:
    if state.round == 0:
        return refuse(state, "not-asked", f"Case {state.number} has not been surveyed, so there is no round to answer.")
    if state.is_answered or (nth is not None and nth != state.round):
        return refuse(
            state,
            "already-answered",
            f"Round {nth or state.round} of case {state.number} has its answer. A new one can be given after the "
            "unit has resolved the case again.",
        )
    return None


def _sent(state: Followup, moment: Moment, policy: Policy, message_id: str) -> SurveySent:
    return SurveySent(
        round=state.round, sent_at=moment.now, message_id=message_id, answer_by=moment.now + policy.answer
    )


def _sent_as_its_reply_shows(state: Followup, moment: Moment, policy: Policy) -> list[Event]:
    """A reply may overtake the record that its message was sent."""
    if state.stage is not Stage.ASKED:
        return []
    message_id = message_id_of(moment.case_id, state.round, MessageKind.SURVEY)
    return [_sent(state, moment, policy, str(message_id))]


def _undeliverable(nth: int, reason: str, moment: Moment, *, call_by: datetime | None) -> SurveyUndeliverable:
    return SurveyUndeliverable(round=nth, failed_at=moment.now, reason=reason, call_by=call_by)


def _referred(state: Followup, nth: int, reason: str, moment: Moment, policy: Policy) -> SurveyReferred:
    return SurveyReferred(
        round=nth, unit=state.unit, referred_at=moment.now, reason=reason, call_by=moment.now + policy.phone_desk
    )


def _end_of_desk(state: Followup, moment: Moment, by: OfficerId | None) -> Event:
    if state.settled_at is not None:
        return ReferralEnded(round=state.round, ended_at=moment.now, recorded_by=by)
    return _settled(state, Settlement.UNREACHABLE, moment, by)


def _settled(state: Followup, settlement: Settlement, moment: Moment, by: OfficerId | None = None) -> CaseSettled:
    return CaseSettled(
        rounds=state.round, unit=state.unit, settled_at=moment.now, settlement=settlement, recorded_by=by
    )
