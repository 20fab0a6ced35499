"""What a citizen is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.intake.domain.progress import RequestState, advance
from shared.events import case, catalogue, followup
from shared.events.base import Event
from shared.events.words import ContactMethod, Satisfaction, Settlement

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


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
        (
            case.CitizenContacted(officer="m1", contacted_at=AT, method=ContactMethod.VISIT),
            "contacted",
            "民警已联系您（上门）",
            RequestState.CONTACTED,
            None,
        ),
        (
            case.CaseReopened(round=1, unit="u2", officer=None, reopened_at=AT, reason="dissatisfied", due=AT),
            "reopened",
            "已退回责任单位整改",
            RequestState.RECTIFYING,
            "u2",
        ),
        (
            case.CaseClosed(unit="u2", closed_at=AT, settlement=Settlement.SATISFIED),
            "closed",
            "已办结，评价满意",
            RequestState.CLOSED,
            None,
        ),
        (
            followup.SurveyRequested(round=2, unit="u2", medium="sms", answer_by=AT),
            "survey",
            "回访中（第2次）",
            RequestState.SURVEYING,
            None,
        ),
        (
            followup.SurveyAnswered(
                round=1, unit="u2", answered_at=AT, level=Satisfaction.DISSATISFIED, medium="sms", comment="不行"
            ),
            "answered",
            "您的评价：不满意",
            None,
            None,
        ),
    ],
)
def test_events_in_words(event: Event, code: str, text: str, state: RequestState | None, unit: str | None) -> None:
    told = advance(event, AT)
    assert told is not None
    assert (told.step.at, told.step.code, told.step.text, told.state, told.unit) == (AT, code, text, state, unit)


def test_a_clock_that_ran_out_is_the_bureaus_own_matter() -> None:
    assert advance(case.CaseOverdue(unit="u2", officer=None, clock="contact", due=AT), AT) is None


def test_every_settlement_and_method_has_words() -> None:
    for settlement in Settlement:
        assert advance(case.CaseClosed(unit="u2", closed_at=AT, settlement=settlement), AT) is not None
    for method in ContactMethod:
        assert advance(case.CitizenContacted(officer="m1", contacted_at=AT, method=method), AT) is not None


def test_an_event_of_this_service_is_no_progress() -> None:
    own = catalogue()["minsheng.request.received.v1"]
    event = own.model_construct()
    assert advance(event, AT) is None
