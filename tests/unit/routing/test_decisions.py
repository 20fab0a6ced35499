from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from services.routing.domain.case import Case, CaseState, evolve
from services.routing.domain.decisions import (
    MAX_RESULT,
    Accept,
    Contact,
    Resolve,
    accept,
    close,
    contact,
    judge_urgency,
    receive,
    rectify,
    resolve,
    wake,
)
from shared.decision import Decision, Moment
from shared.events.case import (
    CaseAccepted,
    CaseAssigned,
    CaseClosed,
    CaseOpened,
    CaseOverdue,
    CaseReopened,
    CaseResolved,
    CaseUrgencyChanged,
    CitizenContacted,
)
from shared.events.followup import CaseSettled, RectificationOpened
from shared.events.request import RequestUrgencyJudged
from shared.events.words import ContactMethod, Grade, RequestKind, Settlement
from tests.unit.routing.bureaus import BUREAU, CASE, MONDAY, request

HOUR = timedelta(hours=1)
SETTLED = CaseSettled(rounds=1, unit="east-branch", settled_at=MONDAY, settlement=Settlement.SATISFIED)


def at(now: datetime = MONDAY) -> Moment:
    return Moment(CASE, now)


def state(decision: Decision[Case]) -> Case:
    assert decision.refusal is None
    assert decision.state is not None
    return decision.state


def opened(**changed: object) -> Case:
    return state(receive(None, request(**changed), at(), BUREAU))  # type: ignore[arg-type]


def theirs(case: Case) -> Accept:
    assert case.officer is not None
    return Accept(officer=case.officer)


def accepted(**changed: object) -> Case:
    case = opened(**changed)
    return state(accept(case, theirs(case), at()))


def talk(case: Case, now: datetime = MONDAY) -> Case:
    command = Contact(officer=case.officer or "", method=ContactMethod.PHONE)
    return state(contact(case, command, at(now)))


def result(case: Case, now: datetime = MONDAY) -> Decision[Case]:
    return resolve(case, Resolve(officer=case.officer or "", result="已劝离"), at(now))


def resolved() -> Case:
    return state(result(talk(accepted())))


def dissatisfied(round: int = 1) -> RectificationOpened:  # noqa: A002
    return RectificationOpened(round=round, unit="east-branch", opened_at=MONDAY)


def test_a_request_becomes_an_assigned_case() -> None:
    decision = receive(None, request("东门街，投诉唱歌扰民", urgent=True), at(), BUREAU)
    first, second = decision.events
    assert isinstance(first, CaseOpened)
    assert isinstance(second, CaseAssigned)
    assert (first.kind, first.category, first.district) == (RequestKind.COMPLAINT, "noise", "east")
    assert (first.urgent, first.words, first.opened_at) == (True, ("扰民",), MONDAY)
    assert (first.requester, first.pseudonym) == ("v1.k1.sealed", "p1")
    assert (second.unit, second.contact_due, second.due) == ("east-branch", MONDAY + HOUR, MONDAY + timedelta(hours=16))
    assert second.officer in {"e1", "e2", "e3"}
    assert state(decision).state is CaseState.ASSIGNED


def test_clues_to_a_crime_shorten_the_contact_clock() -> None:
    case = opened(body="东区有人贩毒")
    assert (case.grade, case.contact_due) == (Grade.MAJOR, MONDAY + 4 * HOUR)


FRIDAY_EVENING = datetime(2026, 3, 6, 17, 31, tzinfo=UTC)


def test_urgent_clocks_run_round_the_clock() -> None:
    case = state(receive(None, request(urgent=True, received_at=FRIDAY_EVENING), at(FRIDAY_EVENING), BUREAU))
    assert (case.contact_due, case.due) == (FRIDAY_EVENING + HOUR, FRIDAY_EVENING + 16 * HOUR)
    ordinary = state(receive(None, request(received_at=FRIDAY_EVENING), at(FRIDAY_EVENING), BUREAU))
    assert ordinary.contact_due == datetime(2026, 3, 9, 17, tzinfo=UTC)


def overdue(decision: Decision[Case]) -> list[str]:
    return [event.clock for event in decision.events if isinstance(event, CaseOverdue)]


def test_clocks_start_when_the_bureau_received_the_request() -> None:
    received = receive(None, request(received_at=MONDAY), at(MONDAY + 5 * HOUR), BUREAU)
    case = state(received)
    assert (case.contact_due, case.opened_at) == (MONDAY + 8 * HOUR, MONDAY + 5 * HOUR)
    assert overdue(received) == []
    # Received on Friday evening, read on Monday at noon: the hours of Monday morning are gone.
    late = state(receive(None, request(received_at=FRIDAY_EVENING), at(datetime(2026, 3, 9, 12, tzinfo=UTC)), BUREAU))
    assert late.contact_due == datetime(2026, 3, 9, 17, tzinfo=UTC)


def test_what_ran_out_in_a_backlog_is_told_with_the_assignment_and_once() -> None:
    read = MONDAY + timedelta(days=2)
    decision = receive(None, request(received_at=MONDAY), at(read), BUREAU)
    assert [type(event) for event in decision.events] == [CaseOpened, CaseAssigned, CaseOverdue]
    assert overdue(decision) == ["contact"]
    case = state(decision)
    assert (case.contact_overdue, case.resolution_overdue, case.wake_at) == (True, False, case.due)
    assert wake(case, at(read)) == Decision(case)
    assert overdue(receive(None, request(received_at=MONDAY), at(MONDAY + timedelta(days=30)), BUREAU)) == [
        "contact",
        "resolution",
    ]
    anonymous = receive(None, request(received_at=MONDAY, requester=None), at(read), BUREAU)
    assert overdue(anonymous) == []


def test_a_clock_that_is_ahead_elsewhere_gives_nobody_more_time() -> None:
    case = state(receive(None, request(received_at=MONDAY + 3 * HOUR), at(MONDAY), BUREAU))
    assert case.contact_due == MONDAY + 8 * HOUR
    ahead = RectificationOpened(round=1, unit="east-branch", opened_at=MONDAY + timedelta(days=3))
    assert state(rectify(resolved(), ahead, at(), BUREAU)).due == MONDAY + timedelta(days=2, hours=8)


def test_a_rectification_read_late_may_be_overdue_at_once() -> None:
    decision = rectify(resolved(), dissatisfied(), at(MONDAY + timedelta(days=20)), BUREAU)
    assert overdue(decision) == ["resolution"]
    case = state(decision)
    assert (case.state, case.resolution_overdue, case.wake_at) == (CaseState.REOPENED, True, None)


def test_a_clock_that_ran_out_is_told_though_somebody_acts_before_the_timer_looks() -> None:
    case = accepted()
    assert case.contact_due is not None
    speak = Contact(officer=case.officer or "", method=ContactMethod.PHONE)
    assert overdue(contact(case, speak, at(case.contact_due))) == []
    late = contact(case, speak, at(case.contact_due + timedelta(microseconds=1)))
    assert [type(event) for event in late.events] == [CaseOverdue, CitizenContacted]
    spoken = talk(accepted())
    assert spoken.due is not None
    assert overdue(result(spoken, spoken.due)) == []
    assert overdue(result(spoken, spoken.due + timedelta(microseconds=1))) == ["resolution"]
    owed = state(rectify(resolved(), dissatisfied(), at(), BUREAU))
    assert overdue(close(owed, SETTLED, at(MONDAY + timedelta(days=20)))) == ["resolution"]
    assert overdue(close(resolved(), SETTLED, at(MONDAY + timedelta(days=20)))) == []


def test_a_request_told_again_changes_nothing() -> None:
    case = opened()
    assert receive(case, request("别的事"), at(), BUREAU) == Decision(case)


def test_the_way_to_a_resolved_case() -> None:
    case = opened()
    taken = accept(case, theirs(case), at(MONDAY + HOUR))
    assert taken.events == (CaseAccepted(officer=case.officer or "", accepted_at=MONDAY + HOUR),)
    spoken = contact(
        state(taken), Contact(officer=case.officer or "", method=ContactMethod.VISIT), at(MONDAY + 2 * HOUR)
    )
    assert spoken.events == (
        CitizenContacted(officer=case.officer or "", contacted_at=MONDAY + 2 * HOUR, method=ContactMethod.VISIT),
    )
    done = result(state(spoken), MONDAY + 3 * HOUR)
    assert done.events == (
        CaseResolved(
            round=1,
            unit="east-branch",
            officer=case.officer or "",
            resolved_at=MONDAY + 3 * HOUR,
            in_time=True,
            result="已劝离",
            number=case.number,
            requester="v1.k1.sealed",
        ),
    )
    assert state(done).wake_at is None


@pytest.mark.parametrize(("late", "in_time"), [(timedelta(0), True), (timedelta(microseconds=1), False)])
def test_in_time_is_until_the_very_moment(late: timedelta, in_time: bool) -> None:
    case = talk(accepted())
    assert case.due is not None
    *_, event = result(case, case.due + late).events
    assert isinstance(event, CaseResolved)
    assert event.in_time is in_time


def test_only_the_officer_in_charge_or_the_units_lead_may_act() -> None:
    case = opened()
    stranger = accept(case, Accept(officer="e9"), at())
    assert stranger.refusal is not None
    assert stranger.refusal.code == "not-your-case"
    assert case.officer is not None
    assert case.officer in stranger.refusal.reason
    other_lead = accept(case, Accept(officer="w9", leads="west-branch"), at())
    assert other_lead.refusal is not None
    assert state(accept(case, Accept(officer="e9", leads="east-branch"), at())).officer == "e9"
    spoken = contact(accepted(), Contact(officer="e9", leads="east-branch", method=ContactMethod.PHONE), at())
    assert state(spoken).officer == case.officer
    assert contact(accepted(), Contact(officer="e9", method=ContactMethod.PHONE), at()).refusal is not None
    assert resolve(talk(accepted()), Resolve(officer="e9", result="好"), at()).refusal is not None


def test_the_lead_takes_on_a_case_without_an_officer() -> None:
    case = opened(body="身份证丢了")
    assert case.officer is None
    refused = accept(case, Accept(officer="k1"), at())
    assert refused.refusal is not None
    assert "nobody yet of cards" in refused.refusal.reason
    assert state(accept(case, Accept(officer="k9", leads="cards"), at())).officer == "k9"


def refusal(decision: Decision[Case]) -> str:
    assert decision.refusal is not None
    assert decision.events == ()
    return decision.refusal.code


def test_steps_out_of_turn_are_refused() -> None:
    case = opened()
    speak = Contact(officer=case.officer or "", method=ContactMethod.PHONE)
    assert refusal(contact(case, speak, at())) == "wrong-state"
    assert refusal(result(case)) == "wrong-state"
    taken = accepted()
    assert refusal(accept(taken, theirs(taken), at())) == "wrong-state"
    assert refusal(result(taken)) == "contact-first"
    done = resolved()
    assert refusal(accept(done, theirs(done), at())) == "wrong-state"
    assert refusal(contact(done, speak, at())) == "wrong-state"
    assert refusal(result(done)) == "wrong-state"


def test_speaking_again_is_fine_and_the_first_time_counts() -> None:
    again = talk(talk(accepted(), MONDAY + HOUR), MONDAY + 2 * HOUR)
    assert again.contacted_at == MONDAY + HOUR


def test_an_anonymous_case_is_resolved_without_a_contact_and_has_no_contact_clock() -> None:
    case = accepted(requester=None, pseudonym=None)
    assert case.wake_at == case.due
    assert state(result(case)).state is CaseState.RESOLVED


def test_a_dissatisfied_citizen_gets_the_same_officer_again() -> None:
    case = resolved()
    reopened = rectify(case, dissatisfied(), at(MONDAY + HOUR), BUREAU)
    assert reopened.events == (
        CaseReopened(
            round=2,
            unit="east-branch",
            officer=case.officer,
            reopened_at=MONDAY + HOUR,
            reason="dissatisfied",
            # Three working days of eight hours, from when follow-up opened it.
            due=MONDAY + timedelta(days=2, hours=8),
        ),
    )
    owed = state(reopened)
    assert owed.wake_at == MONDAY + timedelta(days=2, hours=8)
    assert refusal(result(owed)) == "contact-first"
    (second,) = result(talk(owed)).events
    assert isinstance(second, CaseResolved)
    assert second.round == 2


def test_a_reopened_case_can_be_accepted_anew() -> None:
    owed = state(rectify(resolved(), dissatisfied(), at(), BUREAU))
    taken = state(accept(owed, theirs(owed), at()))
    assert (taken.state, taken.wake_at) == (CaseState.ACCEPTED, owed.due)


def test_a_late_dissatisfied_answer_reopens_a_closed_case() -> None:
    closed = state(close(resolved(), SETTLED, at()))
    owed = state(rectify(closed, dissatisfied(), at(), BUREAU))
    assert (owed.state, owed.round, owed.settlement, owed.closed_at) == (CaseState.REOPENED, 2, None, None)


def test_dissatisfaction_with_an_earlier_round_or_while_it_is_rectified_changes_nothing() -> None:
    owed = state(rectify(resolved(), dissatisfied(), at(), BUREAU))
    assert rectify(owed, dissatisfied(2), at(), BUREAU) == Decision(owed)
    again = state(result(talk(owed)))
    assert rectify(again, dissatisfied(1), at(), BUREAU) == Decision(again)
    assert state(rectify(again, dissatisfied(2), at(), BUREAU)).round == 3


def test_a_settled_case_is_closed_once() -> None:
    decision = close(resolved(), SETTLED, at(MONDAY + HOUR))
    assert decision.events == (
        CaseClosed(unit="east-branch", closed_at=MONDAY + HOUR, settlement=Settlement.SATISFIED),
    )
    closed = state(decision)
    assert (closed.state, closed.settlement, closed.closed_at) == (
        CaseState.CLOSED,
        Settlement.SATISFIED,
        MONDAY + HOUR,
    )
    assert close(closed, SETTLED, at()) == Decision(closed)


def test_a_case_whose_citizen_understood_closes_during_rectification() -> None:
    owed = state(rectify(resolved(), dissatisfied(), at(), BUREAU))
    closed = state(close(owed, SETTLED, at()))
    assert (closed.state, closed.wake_at) == (CaseState.CLOSED, None)


@pytest.mark.parametrize("of", ["rectify", "close"])
def test_followups_of_a_case_that_routing_does_not_know_are_refused(of: str) -> None:
    decision = rectify(None, dissatisfied(), at(), BUREAU) if of == "rectify" else close(None, SETTLED, at())
    assert refusal(decision) == "unknown-case"


def test_each_clock_runs_out_once() -> None:
    case = opened()
    assert case.wake_at == case.contact_due == MONDAY + 8 * HOUR
    assert wake(case, at(MONDAY + 8 * HOUR - timedelta(microseconds=1))) == Decision(case)
    contact_over = wake(case, at(MONDAY + 8 * HOUR))
    assert contact_over.events == (
        CaseOverdue(unit="east-branch", officer=case.officer, clock="contact", due=MONDAY + 8 * HOUR),
    )
    late = state(contact_over)
    assert late.wake_at == late.due
    assert wake(late, at(MONDAY + 9 * HOUR)) == Decision(late)
    (over,) = wake(late, at(MONDAY + timedelta(days=30))).events
    assert isinstance(over, CaseOverdue)
    assert over.clock == "resolution"
    assert state(wake(late, at(MONDAY + timedelta(days=30)))).wake_at is None


def test_both_clocks_can_be_found_over_at_once() -> None:
    events = wake(opened(), at(MONDAY + timedelta(days=30))).events
    assert [event.clock for event in events if isinstance(event, CaseOverdue)] == ["contact", "resolution"]


def test_a_contact_ends_the_contact_clock() -> None:
    case = talk(accepted())
    assert case.wake_at == case.due


def test_the_clock_of_a_rectification_runs_out_again() -> None:
    late = state(wake(opened(), at(MONDAY + timedelta(days=30))))
    done = state(result(talk(state(accept(late, theirs(late), at())))))
    owed = state(rectify(done, dissatisfied(), at(), BUREAU))
    (over,) = wake(owed, at(MONDAY + timedelta(days=30))).events
    assert isinstance(over, CaseOverdue)
    assert (over.clock, over.due) == ("resolution", owed.due)


@pytest.mark.parametrize("text", ["", "  ", "x" * (MAX_RESULT + 1), "a\x00b"])
def test_a_result_has_words_that_can_be_kept(text: str) -> None:
    with pytest.raises(ValidationError):
        Resolve(officer="e1", result=text)
    assert len(Resolve(officer="e1", result="x" * MAX_RESULT).result) == MAX_RESULT


def test_events_that_cannot_come_next_are_refused() -> None:
    case = opened()
    first = receive(None, request(), at(), BUREAU).events[0]
    with pytest.raises(ValueError, match="can't be the next"):
        evolve(case, first)
    with pytest.raises(ValueError, match="can't be the first"):
        evolve(None, CaseAccepted(officer="e1", accepted_at=MONDAY))
    with pytest.raises(ValueError, match="no event of a case"):
        evolve(case, SETTLED)


def judged(urgent: bool, at: datetime = MONDAY) -> RequestUrgencyJudged:
    return RequestUrgencyJudged(urgent=urgent, judged_at=at, judged_by="op1")


def test_a_missed_emergency_presses_from_the_moment_it_was_seen_on() -> None:
    case = opened()
    seen = MONDAY + 2 * HOUR
    decision = judge_urgency(case, judged(True, seen), at(seen + HOUR / 2), BUREAU)
    assert [type(event) for event in decision.events] == [CaseUrgencyChanged]
    changed = state(decision)
    assert (changed.urgent, changed.is_pressing) == (True, True)
    assert (changed.contact_due, changed.due) == (seen + HOUR, seen + 16 * HOUR)


def test_an_emergency_that_was_seen_long_ago_is_overdue_at_once() -> None:
    decision = judge_urgency(opened(), judged(True), at(MONDAY + 2 * HOUR), BUREAU)
    assert [type(event) for event in decision.events] == [CaseUrgencyChanged, CaseOverdue]


def test_clocks_are_never_lengthened_by_a_verdict() -> None:
    case = opened()
    assert case.due is not None
    late = case.due - HOUR
    changed = state(judge_urgency(case, judged(True, late), at(late), BUREAU))
    assert changed.due == case.due
    flagged = opened(urgent=True)
    dismissed = state(judge_urgency(flagged, judged(False), at(), BUREAU))
    assert (dismissed.urgent, dismissed.is_pressing) == (False, False)
    assert (dismissed.contact_due, dismissed.due) == (flagged.contact_due, flagged.due)


def test_a_verdict_that_changes_nothing_is_no_event() -> None:
    assert judge_urgency(opened(urgent=True), judged(True), at(), BUREAU).events == ()


def test_what_is_resolved_presses_nobody() -> None:
    case = opened(urgent=True, requester=None)
    accepted_case = state(accept(case, theirs(case), at()))
    assert accepted_case.is_pressing
    done = state(resolve(accepted_case, Resolve(officer=str(case.officer), result="已处理"), at()))
    assert not done.is_pressing
    assert not state(judge_urgency(done, judged(False), at(), BUREAU)).urgent
