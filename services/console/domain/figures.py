"""The figures that analytics gives, and what the page makes of them. Counts are cases, rates are shares from 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

FEW_ANSWERS = 10
"""A rate of fewer answers than this says little about a unit, and is marked."""
LOW_RATE, GOOD_RATE = 0.8, 0.9
"""A unit's rate below the first is bad, from the second on good."""
MINUTES = 60
"""The length of the live chart."""
WAITS_FOR_CITIZEN = "resolved"
"""The state in which a case waits for its citizen's answer; in all others the bureau has something to do."""


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
    """The approximate live signal; `available` is False while its own part of analytics recovers.

    Nothing was counted before `since`.
    """

    per_minute: tuple[Minute, ...] = ()
    rate_per_minute: int | None = None
    available: bool = True
    since: AwareDatetime | None = None


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
    """Units by satisfaction, worst first, since that is where somebody has to do something.

    Units with few answers come after all others: one unhappy citizen is no failing unit.
    """
    rates = (
        UnitRate(row.unit, row.answered, row.satisfied_count / row.answered, row.answered < FEW_ANSWERS)
        for row in rows
        if row.unit and row.answered
    )
    return tuple(sorted(rates, key=lambda rate: (rate.few, rate.rate, -rate.answered, rate.unit)))


@dataclass(frozen=True, slots=True)
class Bar:
    """A count with its length relative to the longest, 0 to 1."""

    code: str
    count: int
    length: float


def bars(
    counts: Iterable[tuple[str | None, int]], order: Sequence[str], undetermined: str | None = None
) -> tuple[Bar, ...]:
    """Counts as bars in the order of a registry, zeros too, so that each keeps its place; none where all are zero.

    Codes that the registry doesn't have come behind, and last the `undetermined` one, with what has no code yet.
    """
    found: dict[str, int] = {}
    for code, count in counts:
        known = code or undetermined
        if known is not None:
            found[known] = found.get(known, 0) + count
    if not any(found.values()):
        return ()
    longest = max(found.values())
    codes = [*dict.fromkeys([*order, *sorted(found)])]
    if undetermined in codes:
        codes.remove(undetermined)
        codes.append(undetermined)
    return tuple(Bar(code, found.get(code, 0), found.get(code, 0) / longest) for code in codes)


def standing(rows: Iterable[OpenCases]) -> tuple[int, int]:
    """How many open cases the bureau has something to do about, and how many wait for their citizen."""
    ours = theirs = 0
    for row in rows:
        if row.state == WAITS_FOR_CITIZEN:
            theirs += row.cases
        else:
            ours += row.cases
    return ours, theirs


def counted_from(live: Live | None, now: datetime) -> datetime | None:
    """The first minute of the chart that was counted as a whole, where that is not all of them."""
    if live is None or live.since is None:
        return None
    since = live.since.astimezone(now.tzinfo)
    first = since.replace(second=0, microsecond=0)
    if first < since:
        first += timedelta(minutes=1)
    oldest = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    return first if first > oldest else None


def last_minutes(
    points: Iterable[Minute], now: datetime, since: datetime | None = None, until: datetime | None = None
) -> tuple[tuple[datetime, int | None], ...]:
    """The sixty minutes that end with the one of `now`. A minute without a point had no requests.

    None for those before `since` and after `until`, when nothing was counted or read any more.
    """
    current = now.replace(second=0, microsecond=0)
    known = {point.minute.astimezone(now.tzinfo).replace(second=0, microsecond=0): point.requests for point in points}
    first, last = since or datetime.min.replace(tzinfo=UTC), until or now
    minutes = (current - timedelta(minutes=back) for back in range(MINUTES - 1, -1, -1))
    return tuple((minute, known.get(minute, 0 if first <= minute <= last else None)) for minute in minutes)
