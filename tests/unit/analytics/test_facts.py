"""The fold and the sums: any interleaving of the three sources gives the same, and the sums are a recount."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.domain.facts import Fact, fold, values_of
from services.analytics.domain.rollup import METRICS, Cell, Deltas, OpenCell, deltas, numbers_of, recount
from shared.events import case, followup, request
from shared.events.base import Event
from shared.events.words import ContactMethod, Grade, RequestKind, Satisfaction, Settlement

BEGIN = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
FAMILIES = ("wechat", "hotline-12345")
DISTRICTS = ("dong-hu", "xi-shan")
UNITS = ("traffic", "household")


@dataclass(frozen=True)
class Said:
    """An event as the projection gets it."""

    case_id: UUID
    time: datetime
    event: Event


def received(family: str = "wechat", at: datetime = BEGIN, *, urgent: bool = False) -> Event:
    return request.RequestReceived(
        number="1",
        channel=f"{family}-0001",
        family=family,
        channel_request_id="r",
        received_at=at,
        submitted_at=at,
        body="路灯不亮",
        urgent=urgent,
    )


def opened(family: str = "wechat", district: str = "dong-hu", at: datetime = BEGIN, *, urgent: bool = False) -> Event:
    return case.CaseOpened(
        number="1",
        channel=f"{family}-0001",
        family=family,
        received_at=at,
        kind=RequestKind.HELP,
        category="street-light",
        district=district,
        grade=Grade.ORDINARY,
        urgent=urgent,
    )


def assigned(unit: str = "traffic") -> Event:
    return case.CaseAssigned(unit=unit, officer="o1", contact_due=BEGIN, due=BEGIN)


def resolved(unit: str = "traffic", nth: int = 1, *, in_time: bool = True) -> Event:
    return case.CaseResolved(
        round=nth, unit=unit, officer="o1", resolved_at=BEGIN, in_time=in_time, result="已修好", number="1"
    )


def reopened(unit: str = "traffic") -> Event:
    return case.CaseReopened(round=2, unit=unit, officer="o1", reopened_at=BEGIN, reason="dissatisfied", due=BEGIN)


def surveyed(nth: int = 1) -> Event:
    return followup.SurveyRequested(round=nth, unit="traffic", medium="sms", answer_by=BEGIN)


def answered(level: Satisfaction, nth: int = 1) -> Event:
    return followup.SurveyAnswered(round=nth, unit="traffic", answered_at=BEGIN, level=level, medium="sms")


def settled(how: Settlement) -> Event:
    return followup.CaseSettled(rounds=1, unit="traffic", settled_at=BEGIN, settlement=how)


@st.composite
def routing_events(draw: st.DrawFn, family: str, at: datetime, *, urgent: bool) -> list[Event]:
    events: list[Event] = [opened(family, draw(st.sampled_from(DISTRICTS)), at, urgent=urgent)]
    units = st.sampled_from(UNITS)
    later = st.one_of(
        st.builds(assigned, units),
        st.builds(lambda: case.CaseAccepted(officer="o1", accepted_at=BEGIN)),
        st.builds(lambda: case.CitizenContacted(officer="o1", contacted_at=BEGIN, method=ContactMethod.PHONE)),
        st.builds(resolved, units, in_time=st.booleans()),
        st.builds(reopened, units),
        st.builds(lambda unit: case.CaseOverdue(unit=unit, officer=None, clock="contact", due=BEGIN), units),
        st.builds(
            lambda unit, how: case.CaseClosed(unit=unit, closed_at=BEGIN, settlement=how),
            units,
            st.sampled_from(Settlement),
        ),
    )
    return events + draw(st.lists(later, max_size=8))


followup_events = st.lists(
    st.one_of(
        st.builds(surveyed),
        st.builds(lambda: followup.SurveySent(round=1, sent_at=BEGIN, message_id="m")),
        st.builds(lambda: followup.SurveyDelivered(round=1, delivered_at=BEGIN)),
        st.builds(lambda: followup.SurveyUndeliverable(round=1, failed_at=BEGIN, reason="absent")),
        st.builds(answered, st.sampled_from(Satisfaction)),
        st.builds(lambda: followup.RectificationOpened(round=1, unit="traffic", opened_at=BEGIN)),
        st.builds(settled, st.sampled_from(Settlement)),
    ),
    max_size=8,
)


@st.composite
def streams(draw: st.DrawFn) -> list[list[Event]]:
    """What the three services said of one case, each in its order."""
    family = draw(st.sampled_from(FAMILIES))
    at = BEGIN + timedelta(hours=draw(st.integers(0, 48)))
    urgent = draw(st.booleans())
    return [
        [received(family, at, urgent=urgent)],
        draw(routing_events(family, at, urgent=draw(st.booleans()))),
        draw(followup_events),
    ]


def interleave(draw: Callable[[st.SearchStrategy[Any]], Any], sources: Sequence[Sequence[Event]]) -> list[Event]:
    """One order that keeps the order of each source."""
    turns = draw(st.permutations([nth for nth, source in enumerate(sources) for _ in source]))
    waiting = [iter(source) for source in sources]
    return [next(waiting[nth]) for nth in turns]


def folded(case_id: UUID, events: Sequence[Event]) -> list[Fact]:
    """The fact after each event."""
    facts: list[Fact] = []
    for event in events:
        facts.append(fold(facts[-1] if facts else None, Said(case_id, BEGIN, event)))
    return facts


def summed(parts: Sequence[Deltas]) -> tuple[dict[Cell, tuple[int, ...]], dict[OpenCell, int]]:
    """Deltas added up as the database adds them; cells that came back to nothing are left out."""
    daily: dict[Cell, tuple[int, ...]] = {}
    standing: dict[OpenCell, int] = {}
    for part in parts:
        for cell, numbers in part.daily.items():
            known = daily.get(cell, (0,) * len(numbers))
            daily[cell] = tuple(a + b for a, b in zip(known, numbers, strict=True))
        for place, number in part.open.items():
            standing[place] = standing.get(place, 0) + number
    return {c: n for c, n in daily.items() if any(n)}, {c: n for c, n in standing.items() if n}


@given(st.data(), streams())
def test_any_interleaving_of_the_sources_gives_the_same_fact(data: st.DataObject, sources: list[list[Event]]) -> None:
    case_id = uuid4()
    in_turn = folded(case_id, [event for source in sources for event in source])[-1]
    mixed = folded(case_id, interleave(data.draw, sources))[-1]
    assert mixed == in_turn


@given(st.data(), st.lists(streams(), min_size=1, max_size=4))
def test_the_sums_of_any_batches_are_a_recount(data: st.DataObject, cases: list[list[list[Event]]]) -> None:
    parts: list[Deltas] = []
    facts: list[Fact] = []
    for sources in cases:
        before: Fact | None = None
        case_id = uuid4()
        waiting = interleave(data.draw, sources)
        while waiting:
            size = data.draw(st.integers(1, len(waiting)))
            after = before
            for event in waiting[:size]:
                after = fold(after, Said(case_id, BEGIN, event))
            assert after is not None
            parts.append(deltas([(before, after)]))
            before, waiting = after, waiting[size:]
        assert before is not None
        facts.append(before)
    count = recount(facts)
    assert summed(parts) == (dict(count.daily), dict(count.open))


def test_a_fold_leaves_the_given_fact_as_it_was() -> None:
    first = folded(uuid4(), [received()])[0]
    kept = values_of(first)
    fold(first, Said(first.case_id, BEGIN, opened()))
    assert values_of(first) == kept


def test_intakes_word_stands_whenever_it_comes() -> None:
    other = opened("hotline-12345", at=BEGIN + timedelta(days=3))
    for order in ([received(), other], [other, received()]):
        fact = folded(uuid4(), order)[-1]
        assert (fact.family, fact.received_at) == ("wechat", BEGIN)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC), date(2026, 3, 2)),
        (datetime(2026, 3, 2, 16, 0, tzinfo=UTC), date(2026, 3, 3)),
    ],
)
def test_a_day_begins_at_midnight_of_the_bureau(at: datetime, day: date) -> None:
    assert folded(uuid4(), [received(at=at)])[-1].day == day


def metrics(*events: Event) -> dict[str, int]:
    fact = folded(uuid4(), events)[-1]
    return {name: number for name, number in zip(METRICS, numbers_of(fact), strict=True) if number}


def test_a_satisfied_case_counts_once_everywhere() -> None:
    closed = case.CaseClosed(unit="traffic", closed_at=BEGIN, settlement=Settlement.SATISFIED)
    assert metrics(
        received(),
        opened(),
        assigned(),
        resolved(),
        surveyed(),
        followup.SurveyDelivered(round=1, delivered_at=BEGIN),
        answered(Satisfaction.SATISFIED),
        settled(Settlement.SATISFIED),
        closed,
    ) == dict.fromkeys(
        [
            *("received", "opened", "assigned", "resolved", "in_time", "closed"),
            *("surveyed", "delivered", "answered", "first_satisfied", "satisfied", "settled_satisfied"),
        ],
        1,
    )


def test_a_late_second_round_is_no_case_in_time_and_the_last_answer_counts() -> None:
    assert metrics(
        received(),
        opened(),
        assigned(),
        resolved(),
        surveyed(),
        answered(Satisfaction.VERY_DISSATISFIED),
        reopened(),
        resolved(nth=2, in_time=False),
        surveyed(2),
        answered(Satisfaction.BASICALLY_SATISFIED, 2),
    ) == dict.fromkeys(
        [
            *("received", "opened", "assigned", "resolved", "reopened"),
            *("surveyed", "answered", "basically_satisfied"),
        ],
        1,
    )


def test_a_case_moves_with_its_unit_and_leaves_nothing_behind() -> None:
    first, second = folded(uuid4(), [received(), opened(), assigned("traffic"), resolved("household")])[-2:]
    moved = deltas([(first, second)])
    day = date(2026, 3, 2)
    old, new = (
        Cell(day, "wechat", "dong-hu", "traffic", "street-light"),
        Cell(day, "wechat", "dong-hu", "household", "street-light"),
    )
    assert moved.daily[old] == tuple(-number for number in numbers_of(first))
    assert moved.daily[new] == numbers_of(second)
    assert moved.open == {
        OpenCell("assigned", "traffic", "dong-hu"): -1,
        OpenCell("resolved", "household", "dong-hu"): 1,
    }


def test_a_case_that_only_follow_up_has_told_of_is_counted_nowhere_yet() -> None:
    fact = folded(uuid4(), [surveyed()])[-1]
    assert recount([fact]) == Deltas({}, {})


def test_the_day_is_that_of_the_bureaus_time_zone() -> None:
    # 23:30 in Shanghai, 21:30 in Urumqi, and past midnight in Tokyo.
    told = Said(uuid4(), BEGIN, received())
    days = {zone: fold(None, told, ZoneInfo(zone)).day for zone in ("Asia/Shanghai", "Asia/Urumqi", "Asia/Tokyo")}
    assert days == {
        "Asia/Shanghai": date(2026, 3, 2),
        "Asia/Urumqi": date(2026, 3, 2),
        "Asia/Tokyo": date(2026, 3, 3),
    }
    assert fold(None, told).day == date(2026, 3, 2)
