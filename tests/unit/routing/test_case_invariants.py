"""Whatever happens to a case, in whatever order: what must always hold."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.domain import decisions
from services.routing.domain.case import OWED, Case, CaseState, evolve
from services.routing.domain.decisions import Accept, Contact, Resolve
from shared.decision import Decision, Moment
from shared.events.base import Event
from shared.events.case import CaseClosed, CaseOpened, CaseOverdue, CaseReopened, CaseResolved, CaseUrgencyChanged
from shared.events.followup import CaseSettled, RectificationOpened
from shared.events.request import RequestUrgencyJudged
from shared.events.words import ContactMethod, Settlement
from tests.unit.routing.bureaus import BUREAU, CASE, MONDAY, request

officers = st.sampled_from(["e1", "e2", "e3", "lead"])
steps = st.one_of(
    st.tuples(st.just("receive"), st.booleans()),
    st.tuples(st.just("accept"), officers),
    st.tuples(st.just("contact"), officers),
    st.tuples(st.just("resolve"), officers),
    st.tuples(st.just("rectify"), st.integers(1, 4)),
    st.tuples(st.just("settle"), st.sampled_from(Settlement)),
    st.tuples(st.just("wake"), st.none()),
    st.tuples(st.just("judge"), st.booleans()),
)
histories = st.lists(st.tuples(steps, st.integers(0, 40 * 60)), max_size=40)


def leads(officer: str) -> str | None:
    return "east-branch" if officer == "lead" else None


def step(case: Case | None, what: tuple[str, object], now: datetime) -> Decision[Case]:
    moment, (name, detail) = Moment(CASE, now), what
    if name == "receive":
        return decisions.receive(case, request(requester="v1.k.s" if detail else None), moment, BUREAU)
    if name == "rectify":
        assert isinstance(detail, int)
        opened = RectificationOpened(round=detail, unit="east-branch", opened_at=now)
        return decisions.rectify(case, opened, moment, BUREAU)
    if name == "settle":
        assert isinstance(detail, Settlement)
        settled = CaseSettled(rounds=1, unit="east-branch", settled_at=now, settlement=detail)
        return decisions.close(case, settled, moment)
    if name == "judge":
        judged = RequestUrgencyJudged(urgent=bool(detail), judged_at=now, judged_by="op1")
        return decisions.judge_urgency(case, judged, moment, BUREAU)
    if case is None:
        return Decision(case)
    if name == "wake":
        return decisions.wake(case, moment)
    officer = str(detail)
    if name == "accept":
        return decisions.accept(case, Accept(officer=officer, leads=leads(officer)), moment)
    if name == "contact":
        speak = Contact(officer=officer, leads=leads(officer), method=ContactMethod.PHONE)
        return decisions.contact(case, speak, moment)
    return decisions.resolve(case, Resolve(officer=officer, leads=leads(officer), result="已处理"), moment)


@settings(max_examples=400)
@given(histories)
def test_invariants(history: list[tuple[tuple[str, object], int]]) -> None:
    case: Case | None = None
    now = MONDAY
    events: list[Event] = []
    for what, minutes in history:
        now += timedelta(minutes=minutes)
        decision = step(case, what, now)
        if decision.refusal is not None:
            assert decision.events == ()
            assert decision.state is case
            continue
        if case is not None and case.state is CaseState.CLOSED:
            assert all(isinstance(event, CaseReopened | CaseUrgencyChanged) for event in decision.events)
        case = decision.state
        events.extend(decision.events)
        if case is not None:
            assert_sound(case, now, what[0])
            # Accepting ends no clock; with everything else that happens, what has run out is told.
            if decision.events and what[0] != "accept" and case.wake_at is not None:
                assert case.wake_at >= now
    assert_history(case, events)


def assert_sound(case: Case, now: datetime, what: str) -> None:
    assert case.unit == "east-branch"
    assert (case.settlement is not None) == (case.state is CaseState.CLOSED)
    if case.state not in OWED:
        assert case.wake_at is None
    elif not case.resolution_overdue:
        assert case.wake_at is not None
    if what == "wake" and case.wake_at is not None:
        assert case.wake_at > now
    assert Case.model_validate_json(case.model_dump_json()) == case


def assert_history(case: Case | None, events: list[Event]) -> None:
    folded: Case | None = None
    for event in events:
        folded = evolve(folded, event)
    assert folded == case
    assert sum(isinstance(event, CaseOpened) for event in events) == (1 if events else 0)
    reopened = [event.round for event in events if isinstance(event, CaseReopened)]
    assert reopened == list(range(2, 2 + len(reopened)))
    resolved = [event.round for event in events if isinstance(event, CaseResolved)]
    assert resolved == sorted(set(resolved))
    assert len(reopened) <= len(resolved) + sum(isinstance(event, CaseClosed) for event in events)
    round_now, overdue = 1, set()
    for event in events:
        if isinstance(event, CaseReopened):
            round_now = event.round
        if isinstance(event, CaseOverdue):
            assert (round_now, event.clock) not in overdue
            overdue.add((round_now, event.clock))
