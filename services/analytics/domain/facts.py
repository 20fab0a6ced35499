"""The facts of one case, folded from the events of three services; no personal data.

The three services emit on three topics, so their events reach analytics in any interleaving. The fold gives the same
fact for all of them, because each field belongs to one service, whose own events come in order. Where two tell the same
thing (channel, family, time of receipt), intake's word stands, whenever it comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.events import case, followup, request
from shared.events.base import Event

BUREAU_TIME = ZoneInfo("Asia/Shanghai")
"""A day of the bureau begins at midnight here, unless its time zone is said to be another."""

RECEIVED = "received"
OPENED = "opened"
ASSIGNED = "assigned"
ACCEPTED = "accepted"
CONTACTED = "contacted"
RESOLVED = "resolved"
REOPENED = "reopened"
CLOSED = "closed"
STATES = (RECEIVED, OPENED, ASSIGNED, ACCEPTED, CONTACTED, RESOLVED, REOPENED, CLOSED)


class Told(Protocol):
    """One event as it was told: whose case, when, and what."""

    @property
    def case_id(self) -> UUID: ...

    @property
    def time(self) -> datetime: ...

    @property
    def event(self) -> Event: ...


@dataclass(slots=True)
class Fact:
    """Everything that analytics knows of a case. The order of the fields is that of the table's columns.

    A value: nobody changes one that he didn't make. Not frozen, because making a frozen one costs three times as much,
    and every event makes one.
    """

    case_id: UUID
    requested: bool = False
    """Intake's own event has come."""
    number: str | None = None
    channel: str | None = None
    family: str | None = None
    received_at: datetime | None = None
    day: date | None = None
    """The bureau's calendar day of `received_at`."""
    urgent: bool = False

    state: str | None = None
    kind: str | None = None
    category: str | None = None
    district: str | None = None
    grade: str | None = None
    unit: str | None = None
    """The unit that answers for the case now."""
    due: datetime | None = None
    opened_at: datetime | None = None
    assigned_at: datetime | None = None
    contacted_at: datetime | None = None
    """First contact."""
    resolved_at: datetime | None = None
    """Last resolution."""
    closed_at: datetime | None = None
    """None again once the case is reopened."""
    resolutions: int = 0
    resolutions_in_time: int = 0
    reopenings: int = 0
    overdue: int = 0
    """Clocks that ran out."""

    surveys: int = 0
    deliveries: int = 0
    undeliverable: int = 0
    answers: int = 0
    first_level: str | None = None
    last_level: str | None = None
    answered_at: datetime | None = None
    """Last answer."""
    rectifications: int = 0
    settlement: str | None = None
    """How follow-up ended; None again once it goes on."""
    settled_at: datetime | None = None


FIELDS = tuple(field.name for field in fields(Fact))
values_of: Callable[[Fact], tuple[Any, ...]] = attrgetter(*FIELDS)
"""The values of a fact, in the order of `FIELDS`."""


def fold(fact: Fact | None, told: Told, zone: ZoneInfo = BUREAU_TIME) -> Fact:
    """The fact after one more event; the given one stays as it was. An event that says nothing new changes nothing.

    `zone` is the bureau's, whose calendar tells the day.
    """
    event = told.event
    step = _STEPS.get(type(event))
    after = Fact(told.case_id) if fact is None else Fact(*values_of(fact))
    if step is not None:
        step(after, event, told.time)
    if after.received_at is not None and (fact is None or after.received_at != fact.received_at):
        after.day = after.received_at.astimezone(zone).date()
    return after


def _received(fact: Fact, event: request.RequestReceived, _time: datetime) -> None:
    fact.requested = True
    fact.number = event.number
    fact.channel = event.channel
    fact.family = event.family
    fact.received_at = event.received_at
    fact.urgent |= event.urgent
    if fact.state is None:
        fact.state = RECEIVED


def _opened(fact: Fact, event: case.CaseOpened, time: datetime) -> None:
    if not fact.requested:
        fact.number = event.number
        fact.channel = event.channel
        fact.family = event.family
        fact.received_at = event.received_at
    fact.urgent |= event.urgent
    fact.state = OPENED
    fact.kind = event.kind.value
    fact.category = event.category
    fact.district = event.district
    fact.grade = event.grade.value
    fact.opened_at = time


def _assigned(fact: Fact, event: case.CaseAssigned, time: datetime) -> None:
    fact.state = ASSIGNED
    fact.unit = event.unit
    fact.due = event.due
    fact.assigned_at = time


def _accepted(fact: Fact, _event: case.CaseAccepted, _time: datetime) -> None:
    fact.state = ACCEPTED


def _contacted(fact: Fact, event: case.CitizenContacted, _time: datetime) -> None:
    fact.state = CONTACTED
    if fact.contacted_at is None:
        fact.contacted_at = event.contacted_at


def _resolved(fact: Fact, event: case.CaseResolved, _time: datetime) -> None:
    fact.state = RESOLVED
    fact.unit = event.unit
    fact.resolved_at = event.resolved_at
    fact.resolutions += 1
    fact.resolutions_in_time += event.in_time


def _reopened(fact: Fact, event: case.CaseReopened, _time: datetime) -> None:
    fact.state = REOPENED
    fact.unit = event.unit
    fact.due = event.due
    fact.closed_at = None
    fact.reopenings += 1


def _overdue(fact: Fact, _event: case.CaseOverdue, _time: datetime) -> None:
    fact.overdue += 1


def _urgency_changed(fact: Fact, event: case.CaseUrgencyChanged, _time: datetime) -> None:
    fact.urgent = event.urgent
    fact.due = event.due or fact.due


def _closed(fact: Fact, event: case.CaseClosed, _time: datetime) -> None:
    fact.state = CLOSED
    fact.unit = event.unit
    fact.closed_at = event.closed_at


def _surveyed(fact: Fact, _event: followup.SurveyRequested, _time: datetime) -> None:
    fact.surveys += 1


def _delivered(fact: Fact, _event: followup.SurveyDelivered, _time: datetime) -> None:
    fact.deliveries += 1


def _undeliverable(fact: Fact, _event: followup.SurveyUndeliverable, _time: datetime) -> None:
    fact.undeliverable += 1


def _answered(fact: Fact, event: followup.SurveyAnswered, _time: datetime) -> None:
    fact.answers += 1
    fact.last_level = event.level.value
    if fact.first_level is None:
        fact.first_level = event.level.value
    fact.answered_at = event.answered_at


def _rectified(fact: Fact, _event: followup.RectificationOpened, _time: datetime) -> None:
    # A late answer takes a settlement back.
    fact.settlement = None
    fact.settled_at = None
    fact.rectifications += 1


def _settled(fact: Fact, event: followup.CaseSettled, _time: datetime) -> None:
    fact.settlement = event.settlement.value
    fact.settled_at = event.settled_at


_STEPS: dict[type[Event], Callable[[Fact, Any, datetime], None]] = {
    request.RequestReceived: _received,
    case.CaseOpened: _opened,
    case.CaseAssigned: _assigned,
    case.CaseAccepted: _accepted,
    case.CitizenContacted: _contacted,
    case.CaseResolved: _resolved,
    case.CaseReopened: _reopened,
    case.CaseOverdue: _overdue,
    case.CaseUrgencyChanged: _urgency_changed,
    case.CaseClosed: _closed,
    followup.SurveyRequested: _surveyed,
    followup.SurveyDelivered: _delivered,
    followup.SurveyUndeliverable: _undeliverable,
    followup.SurveyAnswered: _answered,
    followup.RectificationOpened: _rectified,
    followup.CaseSettled: _settled,
}
