"""What a citizen is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.progress import (
    FIRST_STEPS,
    LAST_STEPS,
    Course,
    RequestState,
    Step,
    advance,
    with_former_steps,
)
from shared.events import case, catalogue, followup
from shared.events.base import Event
from shared.events.words import ContactMethod, Satisfaction, Settlement

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
ASSIGNED = case.CaseAssigned(unit="u1", unit_name="临江分局", officer=None, contact_due=AT, due=AT)
ACCEPTED = case.CaseAccepted(officer="m1", accepted_at=AT)
OVERDUE = case.CaseOverdue(unit="u1", officer=None, clock="contact", due=AT)
UNDERSTOOD = followup.UnderstandingRecorded(round=1, recorded_at=AT, recorded_by="m1", visit=True)


def contacted(method: ContactMethod = ContactMethod.PHONE) -> Event:
    return case.CitizenContacted(officer="m1", contacted_at=AT, method=method)


def resolved(nth: int) -> Event:
    return case.CaseResolved(
        round=nth, unit="u1", officer="m1", resolved_at=AT, in_time=True, result="已修", number="n"
    )


def reopened(nth: int) -> Event:
    return case.CaseReopened(round=nth, unit="u1", officer="m1", reopened_at=AT, reason="dissatisfied", due=AT)


def closed(settlement: Settlement = Settlement.SATISFIED) -> Event:
    return case.CaseClosed(unit="u1", closed_at=AT, settlement=settlement)


def survey(nth: int) -> Event:
    return followup.SurveyRequested(round=nth, unit="u1", medium="sms", answer_by=AT)


def answered(nth: int, level: Satisfaction) -> Event:
    return followup.SurveyAnswered(round=nth, unit="u1", answered_at=AT, level=level, medium="sms")


def rectification(nth: int) -> Event:
    return followup.RectificationOpened(round=nth, unit="u1", opened_at=AT)


def settled() -> Event:
    return followup.CaseSettled(rounds=1, unit="u1", settled_at=AT, settlement=Settlement.SATISFIED)


Story = Sequence[tuple[Event, int]]
"""Events with their minutes."""


def told(story: Story, course: Course | None = None) -> Course:
    """The course after events that come in this order, each service's numbered from 1."""
    numbers = {case.CaseEvent: count(1), followup.FollowupEvent: count(1)}
    course = course or Course()
    for event, minutes in story:
        source = case.CaseEvent if isinstance(event, case.CaseEvent) else followup.FollowupEvent
        course = advance(course, event, next(numbers[source]), AT + timedelta(minutes=minutes))
    return course


@pytest.mark.parametrize(
    ("event", "code", "text", "state", "unit"),
    [
        (
            case.CaseAssigned(unit="traffic-police", unit_name="交通警察支队", officer=None, contact_due=AT, due=AT),
            "assigned",
            "已转办至交通警察支队",
            RequestState.ASSIGNED,
            "traffic-police",
        ),
        (
            case.CaseAssigned(unit="traffic-police", officer=None, contact_due=AT, due=AT),
            "assigned",
            "已转办至traffic-police",
            RequestState.ASSIGNED,
            "traffic-police",
        ),
        (contacted(ContactMethod.VISIT), "contacted", "民警已联系您（上门）", RequestState.CONTACTED, None),
        (
            case.CaseReopened(round=2, unit="u2", officer=None, reopened_at=AT, reason="dissatisfied", due=AT),
            "reopened",
            "已退回责任单位整改",
            RequestState.RECTIFYING,
            "u2",
        ),
        (closed(), "closed", "已办结，评价满意", RequestState.CLOSED, None),
        (survey(2), "survey", "回访中（第2次）", RequestState.SURVEYING, None),
        (answered(1, Satisfaction.DISSATISFIED), "answered", "您的评价：不满意", RequestState.RECEIVED, None),
        (
            # No message went out, so none failed to arrive.
            followup.SurveyUndeliverable(round=1, failed_at=AT, reason="no-phone"),
            "survey-undeliverable",
            "未能用短信联系到您",
            RequestState.RECEIVED,
            None,
        ),
        (
            followup.SurveyReferred(round=1, unit="u1", referred_at=AT, reason="unclear-again", call_by=AT),
            "survey-referred",
            "将由工作人员与您联系回访",
            RequestState.RECEIVED,
            None,
        ),
    ],
)
def test_events_in_words(event: Event, code: str, text: str, state: RequestState, unit: str | None) -> None:
    course = told([(event, 5)])
    first, step = course.steps(AT)
    assert (first.at, first.code, first.text) == (AT, "received", "已受理")
    assert (step.at, step.code, step.text) == (AT + timedelta(minutes=5), code, text)
    assert (course.state, course.unit, course.updated_at(AT)) == (state, unit, step.at)


def test_internal_matters_are_no_progress() -> None:
    for event in (OVERDUE, settled(), rectification(1)):
        course = told([(event, 5)])
        assert (course.state, len(course.steps(AT)), course.updated_at(AT)) == (RequestState.RECEIVED, 1, AT)


def test_every_settlement_and_method_has_words() -> None:
    for settlement in Settlement:
        assert len(told([(closed(settlement), 1)]).steps(AT)) == 2
    for method in ContactMethod:
        assert len(told([(contacted(method), 1), (contacted(method), 2)]).steps(AT)) == 2


def test_an_event_of_this_service_is_no_progress() -> None:
    event = catalogue()["minsheng.request.received.v1"].model_construct()
    assert advance(Course(), event, 1, AT) == Course()


ROUTING: list[Event] = [
    ASSIGNED,
    ACCEPTED,
    contacted(),
    contacted(ContactMethod.VISIT),
    OVERDUE,
    contacted(),
    resolved(1),
    closed(Settlement.UNANSWERED),
    reopened(2),
    contacted(),
    resolved(2),
    closed(),
]
FOLLOWUP: list[Event] = [
    survey(1),
    settled(),
    answered(1, Satisfaction.DISSATISFIED),
    rectification(1),
    survey(2),
    answered(2, Satisfaction.SATISFIED),
    settled(),
]
STATES = [
    (2, 0, RequestState.ACCEPTED),
    (7, 0, RequestState.RESOLVED),
    (7, 1, RequestState.SURVEYING),
    (8, 2, RequestState.CLOSED),
    # A late dissatisfied answer reopens what is closed, and it closes again after the second round.
    (9, 4, RequestState.RECTIFYING),
    (10, 4, RequestState.CONTACTED),
    (11, 4, RequestState.RESOLVED),
    (11, 5, RequestState.SURVEYING),
    (12, 7, RequestState.CLOSED),
    # One topic is read far behind the other.
    (1, 1, RequestState.SURVEYING),
    (8, 5, RequestState.SURVEYING),
    (12, 0, RequestState.CLOSED),
    (9, 0, RequestState.RECTIFYING),
]


@given(st.data(), st.sampled_from(STATES))
def test_any_interleaving_of_the_two_services_ends_in_the_same_state(
    data: st.DataObject, ends: tuple[int, int, RequestState]
) -> None:
    of_routing, of_followup, state = ends
    left, asked = list(enumerate(ROUTING[:of_routing])), list(enumerate(FOLLOWUP[:of_followup]))
    in_order = told([(event, nth) for nth, event in left] + [(event, 100 + nth) for nth, event in asked])
    mixed = []
    while left or asked:
        first = bool(left) and (not asked or data.draw(st.booleans()))
        nth, event = (left if first else asked).pop(0)
        mixed.append((event, nth if first else 100 + nth))
    assert told(mixed) == in_order
    assert in_order.state is state


@given(st.lists(st.integers(-500, 500), min_size=len(ROUTING), max_size=len(ROUTING)))
def test_clocks_decide_nothing(minutes: list[int]) -> None:
    course = told(list(zip(ROUTING, minutes, strict=True)))
    for event, nth in zip(FOLLOWUP, range(1, len(FOLLOWUP) + 1), strict=True):
        course = advance(course, event, nth, AT - timedelta(days=nth))
    assert course.state is RequestState.CLOSED


@given(st.lists(st.integers(0, len(ROUTING) - 1), max_size=30))
def test_what_was_told_before_changes_nothing(again: list[int]) -> None:
    course = Course()
    for nth, event in enumerate(ROUTING, start=1):
        course = advance(course, event, nth, AT)
        for earlier in again:
            if earlier < nth:
                assert advance(course, ROUTING[earlier], earlier + 1, AT) is course


def test_a_case_that_was_explained_closes_without_a_second_survey() -> None:
    story = [
        ASSIGNED,
        resolved(1),
        survey(1),
        answered(1, Satisfaction.DISSATISFIED),
        reopened(2),
        UNDERSTOOD,
        closed(),
    ]
    assert told([(event, nth) for nth, event in enumerate(story)]).state is RequestState.CLOSED


def test_contacts_that_follow_each_other_are_one_step_that_tells_all() -> None:
    ways = [ContactMethod.PHONE, ContactMethod.VISIT, ContactMethod.PHONE]
    course = told([(ASSIGNED, 0), (ACCEPTED, 1), *((contacted(way), 2 + nth) for nth, way in enumerate(ways))])
    (step,) = [step for step in course.steps(AT) if step.code == "contacted"]
    assert (step.text, step.times, step.at) == ("民警已联系您3次（电话2次、上门1次）", 3, AT + timedelta(minutes=4))
    course = told([(ASSIGNED, 0), (contacted(), 1), (resolved(1), 2), (reopened(2), 3), (contacted(), 4)])
    assert [step.text for step in course.steps(AT) if step.code == "contacted"] == ["民警已联系您（电话）"] * 2


def test_the_steps_of_a_case_that_never_ends_are_bounded_and_none_is_hushed_up() -> None:
    story: list[tuple[Event, int]] = [(ASSIGNED, 0)]
    for nth in range(1, 200):
        story += [
            (contacted(), nth),
            (contacted(), nth),
            (resolved(nth), nth),
            (survey(nth), nth),
            (reopened(nth + 1), nth),
        ]
    course = told(story)
    steps = course.steps(AT)
    assert len(steps) <= 2 * (FIRST_STEPS + LAST_STEPS + 1) + 1
    assert sum(step.times for step in steps) == 1 + len(story)
    assert len(course.model_dump_json()) < 20_000
    assert [step.text for step in steps if step.code == "more"] == ["其间还有731条办理记录", "其间还有149条办理记录"]
    assert course.state is RequestState.RECTIFYING


def test_steps_that_were_kept_in_one_list_are_taken_over() -> None:
    codes = ["received", "assigned", "contacted", "survey", "resolved", "closed", "answered", "reopened"]
    former = [Step(at=AT + timedelta(minutes=nth), code=code, text=code) for nth, code in enumerate(codes)]
    course = with_former_steps(Course(), former, "u1")
    assert (course.state, course.unit) == (RequestState.RECTIFYING, "u1")
    assert [step.code for step in course.steps(AT)] == codes
    course = advance(course, resolved(2), 9, AT + timedelta(hours=1))
    course = advance(course, survey(2), 6, AT + timedelta(hours=1))
    assert course.state is RequestState.SURVEYING
    assert advance(course, closed(), 10, AT + timedelta(hours=2)).state is RequestState.CLOSED
