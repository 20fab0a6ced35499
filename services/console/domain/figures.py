"""The figures that analytics gives, and what the page makes of them. Counts are cases, rates are shares from 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FEW_ANSWERS = 10
"""A rate of fewer answers than this says little about a unit, and is marked."""
MINUTES = 60
"""The length of the live chart."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Counted(_Row):
    """Cases by what happened to them, of one cell of the dimensions asked for."""

    day: str | None = None
    family: str | None = None
    district: str | None = None
    unit: str | None = None
    category: str | None = None
    received: int = Field(default=0, ge=0)
    resolved: int = Field(default=0, ge=0)
    in_time: int = Field(default=0, ge=0)
    overdue: int = Field(default=0, ge=0)


class Surveyed(_Row):
    """Survey answers of one cell."""

    day: str | None = None
    unit: str | None = None
    answered: int = Field(default=0, ge=0)
    satisfied_count: int = Field(default=0, ge=0)


class OpenCases(_Row):
    """Cases that are not closed, in one state."""

    state: str
    cases: int = Field(ge=0)


class Minute(_Row):
    """Requests of one minute that begins at `minute`."""

    minute: AwareDatetime
    requests: int = Field(ge=0)


class Live(_Row):
    """The approximate live signal; `available` is False while its own part of analytics recovers."""

    per_minute: tuple[Minute, ...] = ()
    rate_per_minute: int | None = None
    available: bool = True


def share(part: int, whole: int) -> float | None:
    """`part` of `whole`, or None where there is nothing to have a share of."""
    return part / whole if whole else None


def total(rows: Iterable[Counted]) -> Counted:
    """All rows as one."""
    received = resolved = in_time = overdue = 0
    for row in rows:
        received += row.received
        resolved += row.resolved
        in_time += row.in_time
        overdue += row.overdue
    return Counted(received=received, resolved=resolved, in_time=in_time, overdue=overdue)


def answers(rows: Iterable[Surveyed]) -> Surveyed:
    """All rows as one."""
    answered = satisfied = 0
    for row in rows:
        answered += row.answered
        satisfied += row.satisfied_count
    return Surveyed(answered=answered, satisfied_count=satisfied)


@dataclass(frozen=True, slots=True)
class UnitRate:
    """One unit's satisfaction; `few` says that too few citizens answered for a comparison."""

    unit: str
    answered: int
    rate: float
    few: bool


def ranking(rows: Iterable[Surveyed]) -> tuple[UnitRate, ...]:
    """Units by satisfaction, best first. Units with few answers come after all others: one happy citizen is no lead."""
    rates = (
        UnitRate(row.unit, row.answered, row.satisfied_count / row.answered, row.answered < FEW_ANSWERS)
        for row in rows
        if row.unit and row.answered
    )
    return tuple(sorted(rates, key=lambda rate: (rate.few, -rate.rate, -rate.answered, rate.unit)))


@dataclass(frozen=True, slots=True)
class Bar:
    """A count with its length relative to the longest, 0 to 1."""

    code: str
    count: int
    length: float


def bars(counts: Iterable[tuple[str | None, int]]) -> tuple[Bar, ...]:
    """Counts as bars, longest first; what has no code is not known yet and is left out, as are zeros."""
    known = [(code, count) for code, count in counts if code and count > 0]
    longest = max((count for _, count in known), default=0)
    ordered = sorted(known, key=lambda one: (-one[1], one[0]))
    return tuple(Bar(code, count, count / longest) for code, count in ordered)


def by_order(rows: Iterable[OpenCases], order: Sequence[str]) -> tuple[Bar, ...]:
    """Open cases in the order of a case's way, with unknown states last; zeros stay, so that bars keep their place."""
    found: dict[str, int] = {}
    for row in rows:
        found[row.state] = found.get(row.state, 0) + row.cases
    longest = max(found.values(), default=0)
    place = {state: position for position, state in enumerate(order)}
    ordered = sorted(found, key=lambda state: (place.get(state, len(place)), state))
    return tuple(Bar(state, found[state], found[state] / longest if longest else 0.0) for state in ordered)


def last_minutes(points: Iterable[Minute], now: datetime) -> tuple[tuple[datetime, int], ...]:
    """The sixty minutes that end with the one of `now`; a minute without a point had no requests."""
    current = now.replace(second=0, microsecond=0)
    known = {point.minute.astimezone(now.tzinfo).replace(second=0, microsecond=0): point.requests for point in points}
    minutes = (current - timedelta(minutes=back) for back in range(MINUTES - 1, -1, -1))
    return tuple((minute, known.get(minute, 0)) for minute in minutes)
