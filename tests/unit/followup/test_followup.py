"""The rounds of a follow-up, event by event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from services.followup.domain import followup
from services.followup.domain.state import NO_PHONE, Followup, Stage, evolve
from shared.decision import Decision, Moment
from shared.events.base import Event
from shared.events.followup import (
    CaseSettled,
    RectificationOpened,
    ReferralEnded,
    SurveyAnswered,
    SurveyDelivered,
    SurveyOptedOut,
    SurveyReferred,
    SurveyRequested,
    SurveySent,
    SurveyUnclear,
    SurveyUndeliverable,
    UnderstandingRecorded,
)
from shared.events.words import Satisfaction, Settlement
from tests.unit.followup.stories import (
    MESSAGE,
    POLICY,
    START,
    answer,
    asked,
    at,
    rectifying,
    resolution,
    sent,
    state_of,
    unanswered,
    undeliverable,
)


def kinds(decision: Decision[Followup]) -> tuple[type[Event], ...]:
    return tuple(type(event) for event in decision.events)


def test_a_resolution_asks_the_citizen() -> None:
    decision = followup.resolved(None, resolution(), at(), POLICY)
    assert decision.events == (
        SurveyRequested(round=1, unit="traffic", medium="sms", answer_by=START + timedelta(hours=72)),
    )
    state = state_of(decision)
    assert (state.stage, state.round, state.number) == (Stage.ASKED, 1, "261124-0004217-8")
    assert state.wake_at == START + timedelta(hours=72)


def test_nobody_to_ask_is_settled_at_once() -> None:
    decision = followup.resolved(None, resolution(requester=None), at(), POLICY)
    assert decision.events == (
        CaseSettled(rounds=0, unit="traffic", settled_at=START, settlement=Settlement.UNREACHABLE),
    )
    assert state_of(decision).wake_at is None


@pytest.mark.parametrize("state", [asked(), sent(), undeliverable(), rectifying(), unanswered()])
def test_a_repeated_resolution_changes_nothing(state: Followup) -> None:
    decision = followup.resolved(state, resolution(), at(hours=5), POLICY)
    assert decision.events == ()
    assert decision.state == state


def test_the_time_to_answer_counts_from_the_sending() -> None:
    decision = followup.sent(asked(), at(hours=10), POLICY, nth=1, message_id=MESSAGE)
    (event,) = decision.events
    assert isinstance(event, SurveySent)
    assert event.answer_by == START + timedelta(hours=82)
    assert state_of(decision).wake_at == START + timedelta(hours=82)


def test_sending_again_changes_nothing() -> None:
    assert followup.sent(sent(), at(hours=1), POLICY, nth=1, message_id=MESSAGE).events == ()


def test_a_receipt_that_overtakes_the_sending_tells_both() -> None:
    decision = followup.delivered(asked(), at(minutes=1), POLICY, nth=1, message_id=MESSAGE, at=START)
    assert kinds(decision) == (SurveySent, SurveyDelivered)
    state = state_of(decision)
    assert state.stage is Stage.DELIVERED
    assert followup.sent(state, at(minutes=2), POLICY, nth=1, message_id=MESSAGE).events == ()


def test_a_receipt_from_the_future_is_dated_now() -> None:
    decision = followup.delivered(
        sent(), at(minutes=1), POLICY, nth=1, message_id=MESSAGE, at=START + timedelta(days=1)
    )
    assert decision.events == (SurveyDelivered(round=1, delivered_at=START + timedelta(minutes=1)),)


def test_a_receipt_counts_once_and_failure_after_delivery_not_at_all() -> None:
    state = state_of(followup.delivered(sent(), at(minutes=1), POLICY, nth=1, message_id=MESSAGE, at=START))
    assert followup.delivered(state, at(minutes=2), POLICY, nth=1, message_id=MESSAGE, at=START).events == ()
    assert followup.undeliverable(state, at(minutes=2), POLICY, nth=1, reason="expired").events == ()


def test_undeliverable_goes_to_the_phone_desk() -> None:
    decision = followup.undeliverable(sent(), at(hours=1), POLICY, nth=1, reason="no-such-number")
    assert kinds(decision) == (SurveyUndeliverable,)
    state = state_of(decision)
    assert state.stage is Stage.PHONE_DESK
    assert state.wake_at == START + timedelta(hours=1, days=7)


def test_without_a_phone_and_a_way_back_nobody_can_call_either() -> None:
    state = asked().model_copy(update={"family": "letters-visits"})
    decision = followup.undeliverable(state, at(minutes=1), POLICY, nth=1, reason=NO_PHONE)
    assert kinds(decision) == (SurveyUndeliverable, CaseSettled)
    assert state_of(decision).settlement is Settlement.UNREACHABLE


@pytest.mark.parametrize("family", ["wechat", "weibo", None])
def test_without_a_phone_the_case_waits_for_its_channel_s_way(family: str | None) -> None:
    state = asked().model_copy(update={"family": family})
    decision = followup.undeliverable(state, at(minutes=1), POLICY, nth=1, reason=NO_PHONE)
    assert kinds(decision) == (SurveyUndeliverable,)
    waiting = state_of(decision)
    assert (waiting.stage, waiting.wake_at) == (Stage.PHONE_DESK, None)
    assert kinds(followup.given_up(waiting, at(days=90), by="op-1")) == (CaseSettled,)


def test_who_took_an_answer_down_is_told() -> None:
    decision = followup.recorded(
        undeliverable(), at(hours=1), POLICY, level=Satisfaction.SATISFIED, comment=None, medium="phone", by="op-1"
    )
    assert isinstance(decision.events[0], SurveyAnswered)
    assert decision.events[0].recorded_by == "op-1"
    assert state_of(decision).answers[0].recorded_by == "op-1"


@pytest.mark.parametrize("state", [asked(), sent(), unanswered()])
def test_only_what_is_on_the_desk_is_recorded_or_given_up(state: Followup) -> None:
    recorded = followup.recorded(
        state, at(hours=1), POLICY, level=Satisfaction.SATISFIED, comment=None, medium="phone", by="op-1"
    )
    for decision in (recorded, followup.given_up(state, at(hours=1), by="op-1")):
        assert decision.refusal is not None
        assert decision.refusal.code == "not-on-desk"


def test_what_was_written_in_time_counts_though_it_arrives_late() -> None:
    decision = followup.answered(
        unanswered(),
        at(days=40),
        POLICY,
        nth=1,
        level=Satisfaction.DISSATISFIED,
        comment=None,
        medium="sms",
        at=START + timedelta(days=20),
    )
    assert kinds(decision) == (SurveyAnswered, RectificationOpened)


def unclear(state: Followup, moment: Moment, *, asked_again: bool = False) -> Decision[Followup]:
    return followup.unclear(state, moment, POLICY, nth=state.round, asked_again=asked_again, at=moment.now)


def test_an_unclear_reply_is_asked_about_and_the_next_one_is_a_person_s_task() -> None:
    first = unclear(sent(), at(hours=1))
    assert kinds(first) == (SurveyUnclear,)
    assert state_of(first).wake_at == sent().wake_at
    assert unclear(state_of(first), at(hours=2)).events == (), "written before the question, it is no answer to it"
    second = unclear(state_of(first), at(hours=3), asked_again=True)
    (referred,) = second.events
    assert isinstance(referred, SurveyReferred)
    assert (referred.reason, referred.call_by) == ("unclear-again", START + timedelta(days=7, hours=3))
    assert unclear(state_of(second), at(hours=4), asked_again=True).events == ()


def test_a_question_that_went_out_before_this_was_told_by_events_counts() -> None:
    decision = unclear(sent(), at(hours=1), asked_again=True)
    assert kinds(decision) == (SurveyReferred,)


def test_an_unclear_reply_shows_that_its_message_was_sent() -> None:
    decision = unclear(asked(), at(minutes=1))
    assert kinds(decision) == (SurveySent, SurveyUnclear)
    assert state_of(decision).stage is Stage.SENT


def test_a_settled_case_with_an_unclear_reply_goes_to_the_desk_and_back() -> None:
    late = unclear(unanswered(), at(days=10))
    assert state_of(late).wake_at == START + timedelta(days=13)
    referred = followup.wake(state_of(late), at(days=13), POLICY)
    assert kinds(referred) == (SurveyReferred,)
    ended = followup.wake(state_of(referred), at(days=20), POLICY)
    assert kinds(ended) == (ReferralEnded,)
    state = state_of(ended)
    assert (state.stage, state.settlement, state.wake_at) == (Stage.SETTLED, Settlement.UNANSWERED, None)
    satisfied = answer(state_of(referred), Satisfaction.SATISFIED, at(days=14))
    assert kinds(satisfied) == (SurveyAnswered,)
    assert (state_of(satisfied).stage, state_of(satisfied).wake_at) == (Stage.SETTLED, None)
    dissatisfied = answer(state_of(referred), Satisfaction.DISSATISFIED, at(days=14))
    assert kinds(dissatisfied) == (SurveyAnswered, RectificationOpened)


@pytest.mark.parametrize("state", [rectifying(), undeliverable()])
def test_an_unclear_reply_that_nobody_waits_for_changes_nothing(state: Followup) -> None:
    assert unclear(state, at(hours=2)).events == ()


def opt_out(state: Followup, moment: Moment, nth: int = 1) -> Decision[Followup]:
    return followup.opted_out(state, moment, POLICY, nth=nth, at=moment.now)


def test_an_opt_out_is_told_once_and_leaves_the_waiting() -> None:
    decision = opt_out(sent(), at(hours=1))
    assert kinds(decision) == (SurveyOptedOut,)
    assert state_of(decision).stage is Stage.SENT
    assert opt_out(state_of(decision), at(hours=2)).events == ()


def test_who_opted_out_is_called_where_a_message_would_ask() -> None:
    unclear_first = opt_out(state_of(unclear(sent(), at(hours=1))), at(hours=2))
    assert kinds(unclear_first) == (SurveyOptedOut, SurveyReferred)
    out_first = unclear(state_of(opt_out(sent(), at(hours=1))), at(hours=2))
    assert kinds(out_first) == (SurveyUnclear, SurveyReferred)
    second = state_of(followup.resolved(rectifying(), resolution(2), at(days=2), POLICY))
    assert kinds(opt_out(second, at(days=3), nth=1)) == (SurveyOptedOut, SurveyReferred)
    next_round = followup.resolved(state_of(opt_out(rectifying(), at(days=1))), resolution(2), at(days=2), POLICY)
    assert kinds(next_round) == (SurveyRequested, SurveyReferred)
    assert isinstance(next_round.events[0], SurveyRequested)
    assert next_round.events[0].medium == "phone"


@pytest.mark.parametrize("make", [asked, sent, undeliverable])
@pytest.mark.parametrize("level", [one for one in Satisfaction if one.is_satisfied])
def test_a_satisfied_answer_settles(make: Callable[[], Followup], level: Satisfaction) -> None:
    decision = answer(make(), level, at(hours=2))
    assert kinds(decision) == (SurveyAnswered, CaseSettled)
    state = state_of(decision)
    assert (state.stage, state.settlement, state.wake_at) == (Stage.SETTLED, Settlement.SATISFIED, None)


@pytest.mark.parametrize("make", [asked, sent, undeliverable])
@pytest.mark.parametrize("level", [one for one in Satisfaction if not one.is_satisfied])
def test_a_dissatisfied_answer_opens_a_rectification(make: Callable[[], Followup], level: Satisfaction) -> None:
    decision = answer(make(), level, at(hours=2))
    assert kinds(decision) == (SurveyAnswered, RectificationOpened)
    state = state_of(decision)
    assert (state.stage, state.settlement, state.wake_at) == (Stage.RECTIFICATION, None, None)


def test_the_next_resolution_asks_in_the_next_round() -> None:
    decision = followup.resolved(rectifying(), resolution(2, unit="household"), at(days=2), POLICY)
    (event,) = decision.events
    assert isinstance(event, SurveyRequested)
    assert (event.round, event.unit) == (2, "household")
    assert state_of(decision).unit == "household"


def test_a_round_has_one_answer() -> None:
    decision = answer(rectifying(), Satisfaction.SATISFIED, at(hours=2))
    assert decision.refusal is not None
    assert decision.refusal.code == "already-answered"


def test_an_answer_to_an_earlier_round_is_not_one_to_this() -> None:
    second = state_of(followup.resolved(rectifying(), resolution(2), at(days=2), POLICY))
    decision = answer(second, Satisfaction.SATISFIED, at(days=3), nth=1)
    assert decision.refusal is not None
    assert decision.refusal.code == "already-answered"
    assert state_of(answer(second, Satisfaction.SATISFIED, at(days=3), nth=2)).settlement is Settlement.SATISFIED


def test_understanding_ends_a_rectification() -> None:
    decision = followup.understood(rectifying(), at(days=1), by="officer-1", visit=True, note="visited")
    assert kinds(decision) == (UnderstandingRecorded, CaseSettled)
    assert state_of(decision).settlement is Settlement.UNDERSTOOD
    assert decision.events[0].model_dump()["note"] == "visited"


@pytest.mark.parametrize("state", [asked(), sent(), undeliverable(), unanswered()])
def test_understanding_needs_an_open_rectification(state: Followup) -> None:
    decision = followup.understood(state, at(days=1), by="officer-1", visit=False, note=None)
    assert decision.refusal is not None
    assert decision.refusal.code == "no-rectification"
    assert decision.events == ()


def test_no_answer_in_time_is_settled_as_unanswered() -> None:
    state = sent()
    assert state.wake_at is not None
    early = followup.wake(state, at(hours=72), POLICY)
    assert early.events == ()
    decision = followup.wake(state, at(hours=72, minutes=1), POLICY)
    assert kinds(decision) == (CaseSettled,)
    assert state_of(decision).settlement is Settlement.UNANSWERED


def test_a_citizen_who_was_never_written_to_is_called() -> None:
    decision = followup.wake(asked(), at(hours=72), POLICY)
    assert kinds(decision) == (SurveyUndeliverable,)
    assert state_of(decision).stage is Stage.PHONE_DESK


def test_a_citizen_who_can_not_be_called_is_unreachable() -> None:
    decision = followup.wake(undeliverable(), at(days=8), POLICY)
    assert kinds(decision) == (CaseSettled,)
    assert state_of(decision).settlement is Settlement.UNREACHABLE


def test_a_late_dissatisfied_answer_opens_a_rectification() -> None:
    decision = answer(unanswered(), Satisfaction.VERY_DISSATISFIED, at(days=20))
    assert kinds(decision) == (SurveyAnswered, RectificationOpened)
    assert state_of(decision).settlement is None


def test_a_late_satisfied_answer_is_recorded_and_the_settlement_stays() -> None:
    decision = answer(unanswered(), Satisfaction.SATISFIED, at(days=20))
    assert kinds(decision) == (SurveyAnswered,)
    state = state_of(decision)
    assert (state.stage, state.settlement) == (Stage.SETTLED, Settlement.UNANSWERED)
    again = answer(state, Satisfaction.DISSATISFIED, at(days=21))
    assert again.refusal is not None
    assert again.refusal.code == "already-answered"


def test_after_thirty_days_an_answer_comes_too_late() -> None:
    settled = unanswered()
    assert answer(settled, Satisfaction.DISSATISFIED, at(days=34)).refusal is None
    refusal = answer(settled, Satisfaction.DISSATISFIED, at(days=34, seconds=1)).refusal
    assert refusal is not None
    assert refusal.code == "too-late"


def test_who_was_never_asked_can_not_answer() -> None:
    state = state_of(followup.resolved(None, resolution(requester=None), at(), POLICY))
    refusal = answer(state, Satisfaction.DISSATISFIED, at(hours=1)).refusal
    assert refusal is not None
    assert refusal.code == "not-asked"


def test_a_foreign_event_is_no_part_of_the_state() -> None:
    with pytest.raises(TypeError, match="CaseResolved"):
        evolve(asked(), resolution())
