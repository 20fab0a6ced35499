"""What analytics answers, as models: they check nothing on the way out that the code does not say already, and make
the OpenAPI document say it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.analytics.domain.facts import Fact
from services.analytics.live import Live


class Dimensions(BaseModel):
    """Where a row is counted. Only the dimensions asked for are there; null means not known (yet)."""

    day: date | None = Field(default=None, description="The bureau's calendar day on which the request was received")
    family: str | None = None
    district: str | None = None
    unit: str | None = None
    category: str | None = None


class CountRow(Dimensions):
    """Cases by what has happened to them so far."""

    received: int
    opened: int
    assigned: int
    resolved: int = Field(description="resolved at least once")
    in_time: int = Field(description="resolved, and each time before the clock ran out")
    reopened: int = Field(description="reopened at least once")
    overdue: int = Field(description="with a clock that ran out")
    closed: int


class SatisfactionRow(Dimensions):
    """Cases by what their citizens said when asked, and by how the asking ended."""

    surveyed: int = Field(description="asked at least once")
    delivered: int = Field(description="reached at least once")
    answered: int = Field(description="answered at least once")
    very_satisfied: int
    satisfied: int
    basically_satisfied: int
    dissatisfied: int
    very_dissatisfied: int
    satisfied_count: int = Field(description="the three upper levels, by the last answer")
    first_satisfied: int = Field(description="the three upper levels, by the first answer")
    rate: float | None = Field(description="satisfied_count / answered, 0..1; null where nobody answered")
    first_rate: float | None = Field(description="first_satisfied / answered, 0..1; null where nobody answered")
    settled_satisfied: int
    settled_understood: int
    settled_unanswered: int
    settled_unreachable: int


class OpenRow(BaseModel):
    """Cases that are not closed."""

    state: str | None = None
    unit: str | None = None
    district: str | None = None
    cases: int


class Answer(BaseModel):
    """The question as it was understood."""

    by: list[str]
    first: date = Field(serialization_alias="from")
    last: date = Field(serialization_alias="to")


class CountsAnswer(Answer):
    """Counts; every number is a number of cases, on the day that their request was received."""

    rows: list[CountRow]


class SatisfactionAnswer(Answer):
    """Satisfaction; every number is a number of cases, on the day that their request was received."""

    rows: list[SatisfactionRow]


class OpenAnswer(BaseModel):
    """Open cases now."""

    by: list[str]
    rows: list[OpenRow]


class RecentRow(BaseModel):
    """A public event. `data` are its public fields; the others say what its case was like when it came."""

    id: int
    time: datetime
    type: str
    case_id: UUID
    sequence: int
    family: str | None
    kind: str | None
    category: str | None
    district: str | None
    unit: str | None
    data: dict[str, Any]


class RecentAnswer(BaseModel):
    """The latest public events, newest first."""

    rows: list[RecentRow]


class MinuteView(BaseModel):
    """Requests of one clock minute; the running one is not complete."""

    minute: datetime
    requests: int
    complete: bool


class LiveAnswer(BaseModel):
    """The live rate, approximate: an event may be missed or counted twice when workers or brokers restart."""

    approximate: bool = True
    available: bool = Field(description="false while the live part is down; the numbers may then be old or missing")
    reason: str | None = Field(description="why it is not available")
    since: datetime | None = Field(description="when this process began to count")
    rate_per_minute: int | None = Field(description="requests in the last complete window of 60 s; null before one is")
    by_family: dict[str, int] = Field(description="the same by channel family")
    per_minute: list[MinuteView] = Field(description="the last hour, from the first minute counted as a whole")

    @classmethod
    def of(cls, live: Live) -> LiveAnswer:
        """The numbers as they are answered."""
        return cls(
            available=live.trouble is None,
            reason=live.trouble,
            since=None if live.since is None else datetime.fromtimestamp(live.since, UTC),
            rate_per_minute=live.rate_per_minute,
            by_family=live.by_family,
            per_minute=[
                MinuteView(
                    minute=datetime.fromtimestamp(minute.start, UTC), requests=minute.requests, complete=minute.complete
                )
                for minute in live.minutes
            ],
        )


class CaseAnswer(BaseModel):
    """The facts of one case; they name nobody."""

    case_id: UUID
    number: str | None
    state: str | None
    channel: str | None
    family: str | None
    received_at: datetime | None
    day: date | None
    urgent: bool
    kind: str | None
    category: str | None
    district: str | None
    grade: str | None
    unit: str | None
    due: datetime | None
    opened_at: datetime | None
    assigned_at: datetime | None
    contacted_at: datetime | None
    resolved_at: datetime | None
    closed_at: datetime | None
    resolutions: int
    resolutions_in_time: int
    reopenings: int
    overdue: int
    surveys: int
    deliveries: int
    undeliverable: int
    answers: int
    first_level: str | None
    last_level: str | None
    answered_at: datetime | None
    rectifications: int
    settlement: str | None
    settled_at: datetime | None

    @classmethod
    def of(cls, fact: Fact) -> CaseAnswer:
        """The facts as they are answered."""
        return cls(**{name: getattr(fact, name) for name in cls.model_fields})
