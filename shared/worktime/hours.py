"""The working hours of a week, as an organisation writes them down: `{"mon-fri": ["09:00-12:00", "14:00-18:00"]}`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeAlias

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
_SPAN = re.compile(r"(\d{2}):(\d{2})\s*[-–]\s*(\d{2}):(\d{2})", re.ASCII)


class WorkingHoursError(ValueError):
    """Working hours that can't be read or that overlap. The message names the entry and the form it should have."""


class Interval(NamedTuple):
    """Working time within one day, in wall-clock minutes after midnight; `end` (up to 1440) is not part of it."""

    start: int
    end: int


Week: TypeAlias = tuple[tuple[Interval, ...], ...]
"""The intervals of the seven days from Monday to Sunday."""


def week_of(hours: Mapping[str, Sequence[str]]) -> Week:
    """Read the hours of a week: keys are days (`mon`) or ranges of days (`mon-fri`), values spans `HH:MM-HH:MM`.

    Work through the night is two spans: until 24:00 and, on the next day, from 00:00. Raises `WorkingHoursError`.
    """
    days: list[tuple[Interval, ...]] = [()] * 7
    for key, spans in hours.items():
        intervals = tuple(sorted(_interval(span) for span in spans))
        for day in _days(key):
            if days[day]:
                raise WorkingHoursError(f"{DAYS[day]} has hours in two entries; {key!r} is the second.")
            days[day] = intervals
    return checked(tuple(days))


def checked(week: Week) -> Week:
    """The week itself, when it has seven days, some work, and intervals in order that don't overlap."""
    if len(week) != len(DAYS):
        raise WorkingHoursError(f"A week has {len(DAYS)} days, Monday first; this one has {len(week)}.")
    if not any(week):
        raise WorkingHoursError("A week without any working hours would never reach a deadline.")
    for name, intervals in zip(DAYS, week, strict=True):
        for start, end in intervals:
            if not 0 <= start < end <= DAY_MINUTES:
                raise WorkingHoursError(f"{name}: {_text(start)}-{_text(end)} is not a span within 00:00-24:00.")
        for (_, end), (start, _) in pairwise(intervals):
            if start < end:
                raise WorkingHoursError(f"{name}: the span from {_text(start)} begins before the one before it ends.")
    return week


def _days(key: str) -> range:
    first, dash, last = key.strip().lower().partition("-")
    last = last if dash else first
    if first not in DAYS or last not in DAYS or DAYS.index(first) > DAYS.index(last):
        raise WorkingHoursError(f"{key!r} is neither a day ({', '.join(DAYS)}) nor a range of days such as 'mon-fri'.")
    return range(DAYS.index(first), DAYS.index(last) + 1)


def _interval(span: str) -> Interval:
    match = _SPAN.fullmatch(span.strip())
    if match is None:
        raise WorkingHoursError(f"{span!r} is not a span of the form '09:00-12:00'.")
    hour, minute, end_hour, end_minute = (int(part) for part in match.groups())
    if minute > 59 or end_minute > 59:
        raise WorkingHoursError(f"{span!r} has a minute above 59.")
    return Interval(hour * 60 + minute, end_hour * 60 + end_minute)


def _text(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
