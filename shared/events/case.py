"""What routing emits on `minsheng.cases`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.events.base import Event, Public
from shared.events.words import (
    CategoryCode,
    ChannelFamily,
    ChannelId,
    ContactMethod,
    DistrictCode,
    Grade,
    OfficerId,
    RequestKind,
    Sealed,
    Settlement,
    UnitCode,
)


class CaseEvent(Event, topic="cases"):
    """An event in the handling of a case, emitted by routing."""


class CaseOpened(CaseEvent, type="minsheng.case.opened.v1"):
    """A request was classified and became a case."""

    number: str
    channel: Public[ChannelId]
    family: Public[ChannelFamily]
    received_at: Public[datetime]
    kind: Public[RequestKind]
    category: Public[CategoryCode]
    district: Public[DistrictCode]
    grade: Public[Grade]
    urgent: Public[bool] = False
    requester: Sealed | None = None
    pseudonym: str | None = None
    opened_at: Public[datetime | None] = None
    words: tuple[str, ...] = ()
    """The words of the bureau's taxonomy that decided category and grade: why the case came to its unit."""


class CaseAssigned(CaseEvent, type="minsheng.case.assigned.v1"):
    """A unit, and where known an officer, became responsible. Starts the contact and resolution clocks."""

    unit: Public[UnitCode]
    unit_name: Public[str | None] = None
    officer: OfficerId | None
    contact_due: Public[datetime]
    due: Public[datetime]


class CaseAccepted(CaseEvent, type="minsheng.case.accepted.v1"):
    """The officer took the case on."""

    officer: OfficerId
    accepted_at: Public[datetime]


class CitizenContacted(CaseEvent, type="minsheng.case.contacted.v1"):
    """The officer spoke with the citizen. Ends the contact clock."""

    officer: OfficerId
    contacted_at: Public[datetime]
    method: Public[ContactMethod]


class CaseResolved(CaseEvent, type="minsheng.case.resolved.v1"):
    """The unit handled the request and told the citizen the result. Ends the resolution clock; a survey follows."""

    round: Public[int]
    unit: Public[UnitCode]
    officer: OfficerId
    resolved_at: Public[datetime]
    in_time: Public[bool]
    result: str
    number: str
    requester: Sealed | None = None


class CaseReopened(CaseEvent, type="minsheng.case.reopened.v1"):
    """A dissatisfied citizen: the unit owes a rectification, with a new clock."""

    round: Public[int]
    unit: Public[UnitCode]
    officer: OfficerId | None
    reopened_at: Public[datetime]
    reason: Public[Literal["dissatisfied"]]
    due: Public[datetime]


class CaseOverdue(CaseEvent, type="minsheng.case.overdue.v1"):
    """A clock ran out before the unit did what it owed."""

    unit: Public[UnitCode]
    officer: OfficerId | None
    clock: Public[Literal["contact", "resolution"]]
    due: Public[datetime]


class CaseUrgencyChanged(CaseEvent, type="minsheng.case.urgency-changed.v1"):
    """A person said that the case belongs to 110, or that it was flagged by mistake; the clocks from now on."""

    unit: Public[UnitCode]
    officer: OfficerId | None
    urgent: Public[bool]
    changed_at: Public[datetime]
    contact_due: Public[datetime | None]
    due: Public[datetime | None]


class CaseClosed(CaseEvent, type="minsheng.case.closed.v1"):
    """Follow-up settled the case; nothing more is owed."""

    unit: Public[UnitCode]
    closed_at: Public[datetime]
    settlement: Public[Settlement]
