"""The case: its state, and how its events change it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.events.base import Event
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
from shared.events.words import Grade, RequestKind, Settlement


class CaseState(StrEnum):
    """工单状态."""

    OPENED = "opened"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    CONTACTED = "contacted"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLOSED = "closed"

    @property
    def chinese(self) -> str:
        return _STATES[self]


_STATES = {
    CaseState.OPENED: "已登记",
    CaseState.ASSIGNED: "待签收",
    CaseState.ACCEPTED: "已签收",
    CaseState.CONTACTED: "已联系",
    CaseState.RESOLVED: "已办结",
    CaseState.REOPENED: "整改中",
    CaseState.CLOSED: "已归档",
}

OWED = frozenset({CaseState.OPENED, CaseState.ASSIGNED, CaseState.ACCEPTED, CaseState.CONTACTED, CaseState.REOPENED})
"""States in which the unit still owes something."""


class Case(BaseModel):
    """工单: the handling of one request. What its events fold to.

    `round` counts the resolutions that the citizen is asked about, from 1; the clocks' flags, `contacted_at` and
    `resolved_at` are those of the current round.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: str
    channel: str
    family: str
    received_at: datetime
    opened_at: datetime | None
    kind: RequestKind
    category: str
    district: str
    grade: Grade
    urgent: bool
    requester: str | None
    pseudonym: str | None
    words: tuple[str, ...]
    state: CaseState = CaseState.OPENED
    unit: str | None = None
    officer: str | None = None
    contact_due: datetime | None = None
    due: datetime | None = None
    round: int = 1
    accepted_at: datetime | None = None
    contacted_at: datetime | None = None
    resolved_at: datetime | None = None
    contact_overdue: bool = False
    resolution_overdue: bool = False
    settlement: Settlement | None = None
    closed_at: datetime | None = None

    @property
    def is_anonymous(self) -> bool:
        """Nobody left a name or contact: there is no one to speak with."""
        return self.requester is None

    @property
    def is_pressing(self) -> bool:
        """It belongs to 110, and the unit still owes something on it: it stands before all others."""
        return self.urgent and self.state in OWED

    @property
    def contact_clock(self) -> datetime | None:
        """When the running contact clock runs out; None where it doesn't run or has run out already."""
        owed = self.state in (CaseState.ASSIGNED, CaseState.ACCEPTED) and self.round == 1
        return self.contact_due if owed and not (self.is_anonymous or self.contact_overdue) else None

    @property
    def resolution_clock(self) -> datetime | None:
        """When the running resolution clock runs out; None where it doesn't run or has run out already."""
        return self.due if self.state in OWED and not self.resolution_overdue else None

    @property
    def wake_at(self) -> datetime | None:
        """When the next clock runs out."""
        contact, resolution = self.contact_clock, self.resolution_clock
        if contact is None or resolution is None:
            return contact or resolution
        return min(contact, resolution)


def _opened(case: Case | None, event: CaseOpened) -> Case:
    return Case(
        number=event.number,
        channel=event.channel,
        family=event.family,
        received_at=event.received_at,
        opened_at=event.opened_at,
        kind=event.kind,
        category=event.category,
        district=event.district,
        grade=event.grade,
        urgent=event.urgent,
        requester=event.requester,
        pseudonym=event.pseudonym,
        words=event.words,
    )


def _assigned(case: Case, event: CaseAssigned) -> Case:
    return _with(
        case,
        state=CaseState.ASSIGNED,
        unit=event.unit,
        officer=event.officer,
        contact_due=event.contact_due,
        due=event.due,
    )


def _accepted(case: Case, event: CaseAccepted) -> Case:
    return _with(case, state=CaseState.ACCEPTED, officer=event.officer, accepted_at=event.accepted_at)


def _contacted(case: Case, event: CitizenContacted) -> Case:
    return _with(case, state=CaseState.CONTACTED, contacted_at=case.contacted_at or event.contacted_at)


def _resolved(case: Case, event: CaseResolved) -> Case:
    return _with(case, state=CaseState.RESOLVED, resolved_at=event.resolved_at)


def _reopened(case: Case, event: CaseReopened) -> Case:
    return _with(
        case,
        state=CaseState.REOPENED,
        unit=event.unit,
        officer=event.officer,
        round=event.round,
        due=event.due,
        contacted_at=None,
        resolved_at=None,
        contact_overdue=False,
        resolution_overdue=False,
        settlement=None,
        closed_at=None,
    )


def _overdue(case: Case, event: CaseOverdue) -> Case:
    if event.clock == "contact":
        return _with(case, contact_overdue=True)
    return _with(case, resolution_overdue=True)


def _urgency_changed(case: Case, event: CaseUrgencyChanged) -> Case:
    return _with(case, urgent=event.urgent, contact_due=event.contact_due, due=event.due)


def _closed(case: Case, event: CaseClosed) -> Case:
    return _with(case, state=CaseState.CLOSED, settlement=event.settlement, closed_at=event.closed_at)


def _with(case: Case, **changes: Any) -> Case:
    return case.model_copy(update=changes)


_CHANGES: dict[type[Event], Callable[[Any, Any], Case]] = {
    CaseOpened: _opened,
    CaseAssigned: _assigned,
    CaseAccepted: _accepted,
    CitizenContacted: _contacted,
    CaseResolved: _resolved,
    CaseReopened: _reopened,
    CaseOverdue: _overdue,
    CaseUrgencyChanged: _urgency_changed,
    CaseClosed: _closed,
}


def evolve(case: Case | None, event: Event) -> Case:
    """The case after one of its events. Raises `ValueError` for an event that can't be the case's next one."""
    change = _CHANGES.get(type(event))
    if change is None:
        raise ValueError(f"{type(event).__name__} is no event of a case.")
    if (case is None) != (change is _opened):
        raise ValueError(f"{type(event).__name__} can't be the {'first' if case is None else 'next'} event of a case.")
    return change(case, event)
