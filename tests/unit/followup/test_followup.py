"""The rounds of a follow-up, event by event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from services.followup.domain import followup
from services.followup.domain.followup import NO_PHONE, Followup, Stage
from shared.decision import Decision
from shared.events.base import Event
from shared.events.followup import (
    CaseSettled,
    RectificationOpened,
    SurveyAnswered,
    SurveyDelivered,
    SurveyRequested,
    SurveySent,
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


def test_without_a_phone_nobody_can_call_either() -> None:
    decision = followup.undeliverable(asked(), at(minutes=1), POLICY, nth=1, reason=NO_PHONE)
    assert kinds(decision) == (SurveyUndeliverable, CaseSettled)
    assert state_of(decision).settlement is Settlement.UNREACHABLE


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
        followup.evolve(asked(), resolution())
