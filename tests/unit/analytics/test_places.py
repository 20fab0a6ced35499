"""Each case stands in one place, and in the end it is where routing and follow-up have it themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.analytics.domain.facts import Fact, fold
from services.analytics.domain.rollup import METRICS, SETTLEMENTS, numbers_of, open_cell_of
from services.followup.domain import followup
from services.followup.domain.state import Followup, Policy
from services.routing.domain import decisions
from services.routing.domain.case import Case, CaseState
from services.routing.domain.decisions import Accept, Contact, Resolve
from shared.decision import Decision, Moment
from shared.events.base import Event
from shared.events.case import CaseResolved
from shared.events.followup import CaseSettled, RectificationOpened
from shared.events.words import ContactMethod, Satisfaction
from tests.unit.routing.bureaus import BUREAU, CASE, MONDAY, request

POLICY = Policy()
STEPS = ("work", "contact", "satisfied", "dissatisfied", "sent", "lost", "understood", "wait", "read")
STEP = st.tuples(st.sampled_from(STEPS), st.sampled_from((0, 1, 100)))
"""What happens, and after how many hours."""


@dataclass
class Handling:
    """One case as routing and follow-up handle it, each reading the other's events when it comes to it."""

    now: datetime = MONDAY
    case: Case | None = None
    followup: Followup | None = None
    topics: dict[str, list[Event]] = field(default_factory=lambda: {"requests": [], "cases": [], "followups": []})
    read: dict[str, int] = field(default_factory=lambda: {"cases": 0, "followups": 0})

    @property
    def moment(self) -> Moment:
        return Moment(CASE, self.now)

    def begin(self) -> None:
        """A citizen's request becomes a case."""
        received = request()
        self.topics["requests"].append(received)
        self._routed(decisions.receive(None, received, self.moment, BUREAU))

    def step(self, what: str, hours: int) -> None:
        """Something happens; what can't happen now is refused and changes nothing."""
        self.now += timedelta(hours=hours)
        assert self.case is not None
        officer = self.case.officer or ""
        spoken = Contact(officer=officer, method=ContactMethod.PHONE)
        match what:
            case "work":
                self._routed(decisions.accept(self.case, Accept(officer=officer), self.moment))
                self._routed(decisions.contact(self.case, spoken, self.moment))
                done = Resolve(officer=officer, result="已处理")
                self._routed(decisions.resolve(self.case, done, self.moment))
            case "contact":
                self._routed(decisions.contact(self.case, spoken, self.moment))
            case "read":
                self.read_all()
            case "wait":
                self._routed(decisions.wake(self.case, self.moment))
                if self.followup is not None:
                    self._followed(followup.wake(self.followup, self.moment, POLICY))
            case _ if self.followup is not None:
                self._asked(self.followup, what)

    def _asked(self, state: Followup, what: str) -> None:
        nth, moment = state.round, self.moment
        match what:
            case "satisfied" | "dissatisfied":
                level = Satisfaction.SATISFIED if what == "satisfied" else Satisfaction.VERY_DISSATISFIED
                answer = followup.answered(
                    state, moment, POLICY, nth=None, level=level, comment=None, medium="sms", at=self.now
                )
                self._followed(answer)
            case "sent":
                self._followed(followup.sent(state, moment, POLICY, nth=nth, message_id="m"))
            case "lost":
                self._followed(followup.undeliverable(state, moment, POLICY, nth=nth, reason="absent"))
            case _:
                self._followed(followup.understood(state, moment, by="e1", visit=False, note=None))

    def read_all(self) -> None:
        """Both read what they haven't yet, and what comes of that."""
        while self.read["cases"] < len(self.topics["cases"]) or self.read["followups"] < len(self.topics["followups"]):
            for event in self._unread("cases"):
                if isinstance(event, CaseResolved):
                    self._followed(followup.resolved(self.followup, event, self.moment, POLICY))
            for event in self._unread("followups"):
                if isinstance(event, RectificationOpened):
                    self._routed(decisions.rectify(self.case, event, self.moment, BUREAU))
                elif isinstance(event, CaseSettled):
                    self._routed(decisions.close(self.case, event, self.moment))

    def _unread(self, topic: str) -> list[Event]:
        events = self.topics[topic][self.read[topic] :]
        self.read[topic] = len(self.topics[topic])
        return events

    def _routed(self, decision: Decision[Case]) -> None:
        if decision.refusal is None:
            self.case = decision.state
            self.topics["cases"].extend(decision.events)

    def _followed(self, decision: Decision[Followup]) -> None:
        if decision.refusal is None:
            self.followup = decision.state
            self.topics["followups"].extend(decision.events)


@dataclass(frozen=True)
class Told:
    """An event as the projection gets it."""

    case_id: UUID
    time: datetime
    event: Event


def told(fact: Fact | None, event: Event) -> Fact:
    return fold(fact, Told(CASE, MONDAY, event))


def numbers(fact: Fact) -> dict[str, int]:
    return dict(zip(METRICS, numbers_of(fact), strict=True))


def assert_one_place(fact: Fact) -> None:
    counted = numbers(fact)
    if fact.state is not None:
        assert counted["closed"] + (open_cell_of(fact) is not None) == 1
    assert sum(counted[name] for name in SETTLEMENTS) <= counted["closed"]
    assert (fact.closed_at is not None) == (fact.state == CaseState.CLOSED.value)
    assert (fact.settled_at is None) == (fact.settlement is None)


def assert_agreed(fact: Fact, handling: Handling) -> None:
    assert handling.case is not None
    counted = numbers(fact)
    assert fact.state == handling.case.state.value
    assert (fact.unit, fact.closed_at, fact.due) == (handling.case.unit, handling.case.closed_at, handling.case.due)
    settlement = handling.followup.settlement if handling.followup else None
    assert fact.settlement == settlement == handling.case.settlement
    assert [name for name in SETTLEMENTS if counted[name]] == ([f"settled_{settlement.value}"] if settlement else [])
    assert fact.reopenings == handling.case.round - 1


@settings(max_examples=300)
@given(st.data(), st.lists(STEP, max_size=40))
def test_a_case_is_open_or_closed_and_where_its_services_have_it(
    data: st.DataObject, steps: list[tuple[str, int]]
) -> None:
    handling = Handling()
    handling.begin()
    for what, hours in steps:
        handling.step(what, hours)
    handling.read_all()
    turns = data.draw(st.permutations([topic for topic, events in handling.topics.items() for _ in events]))
    waiting = {topic: iter(events) for topic, events in handling.topics.items()}
    fact: Fact | None = None
    for topic in turns:
        fact = told(fact, next(waiting[topic]))
        assert_one_place(fact)
    assert fact is not None
    assert_agreed(fact, handling)


def followed(steps: Sequence[str]) -> tuple[Fact, Handling]:
    """The fact after these steps, each read at once by everybody."""
    handling = Handling()
    handling.begin()
    for what in steps:
        handling.step(what, 1)
        handling.read_all()
    fact: Fact | None = None
    for events in handling.topics.values():
        for event in events:
            fact = told(fact, event)
    assert fact is not None
    assert_agreed(fact, handling)
    return fact, handling


def test_a_late_dissatisfied_answer_opens_a_closed_case_again_everywhere() -> None:
    closed, handling = followed(("work", "sent", *["wait"] * 73))
    assert (closed.state, closed.settlement) == ("closed", "unanswered")
    assert numbers(closed)["settled_unanswered"] == 1
    handling.step("dissatisfied", 1)
    handling.read_all()
    again = closed
    for event in [*handling.topics["followups"][-2:], handling.topics["cases"][-1]]:
        again = told(again, event)
    assert (again.state, again.settlement, again.settled_at, again.closed_at) == ("reopened", None, None, None)
    assert sum(numbers(again)[name] for name in ("closed", *SETTLEMENTS)) == 0


def test_a_case_reopened_twice_is_closed_once() -> None:
    fact, handling = followed(("work", "dissatisfied", "work", "dissatisfied", "work"))
    assert (fact.state, fact.reopenings, numbers(fact)["reopened"], numbers(fact)["closed"]) == ("resolved", 2, 1, 0)
    fact, handling = followed(("work", "dissatisfied", "work", "dissatisfied", "work", "satisfied"))
    assert (numbers(fact)["closed"], numbers(fact)["settled_satisfied"], numbers(fact)["satisfied"]) == (1, 1, 1)
    assert handling.case is not None
    assert handling.case.round == 3
