"""A working calendar: when a unit works, and how much working time lies between two moments.

Pure and quick: each year is laid out once as a table of intervals with the working time before them; adding and
measuring are a search in it. Real time counts, so a clock that is put forward or back within working hours is right.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.worktime.hours import Interval, Week, checked

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MINUTE = 60_000_000
_IDLE_YEARS = 5
"""A calendar that has no work for so long never will: an error instead of a search without end."""


class WorkingCalendar:
    """The working time of one unit. Immutable; make one for each unit and keep it.

    `week` holds the hours of an ordinary week (`week_of`). `holidays` are days without work, `workdays` are days
    with work whatever their weekday (make-up days, 调休), of the hours of `workday_hours`: those of the week's first
    working day unless told otherwise. A day in both is a workday. All moments are aware; results are in UTC.
    """

    def __init__(
        self,
        timezone: str | ZoneInfo,
        week: Week,
        *,
        holidays: Container[date] = frozenset(),
        workdays: Container[date] = frozenset(),
        workday_hours: tuple[Interval, ...] | None = None,
    ) -> None:
        self.timezone = ZoneInfo(timezone) if isinstance(timezone, str) else timezone
        self.week = checked(week)
        self._holidays = holidays
        self._workdays = workdays
        self._workday_hours = workday_hours or next(intervals for intervals in week if intervals)
        self._years: dict[int, _Year] = {}

    def intervals(self, day: date) -> tuple[Interval, ...]:
        """The working intervals of a calendar day."""
        if day in self._workdays:
            return self._workday_hours
        return () if day in self._holidays else self.week[day.weekday()]

    def is_working(self, moment: datetime) -> bool:
        """Whether the unit works at this moment; an interval's end is no longer part of it."""
        at = _microseconds(moment)
        year = self._year(self._local_year(moment))
        place = bisect_right(year.starts, at) - 1
        return place >= 0 and at < year.ends[place]

    def between(self, a: datetime, b: datetime) -> float:
        """The working minutes from `a` to `b`, exact to the microsecond; negative when `b` is the earlier one."""
        return self._between(a, b) / _MINUTE

    def add(self, start: datetime, minutes: float) -> datetime:
        """The earliest moment at which `minutes` of working time have passed since `start`, in UTC.

        A deadline that uses up a day's last minute falls on the end of that day and not on the next morning. Negative
        minutes go back to the latest moment from which so many have passed until `start`. Raises `ValueError` when
        there is no such moment, since the calendar has no work for years.
        """
        need = round(minutes * _MINUTE)
        if need == 0:
            return start.astimezone(UTC)
        number = self._local_year(start)
        year = self._year(number)
        target = year.worked(_microseconds(start)) + need
        idle = 0
        while target > year.total or (need < 0 and target < 0):
            if need > 0:
                target -= year.total
                number += 1
                year = self._year(number)
            else:
                number -= 1
                year = self._year(number)
                target += year.total
            idle = 0 if year.total else idle + 1
            if idle >= _IDLE_YEARS:
                raise ValueError(f"The calendar has no working time for {_IDLE_YEARS} years around {number}.")
        return _EPOCH + year.moment(target, latest=need < 0) * _MICROSECOND

    def _between(self, a: datetime, b: datetime) -> int:
        if b < a:
            return -self._between(b, a)
        first, last = self._local_year(a), self._local_year(b)
        passed = self._year(last).worked(_microseconds(b)) - self._year(first).worked(_microseconds(a))
        return passed + sum(self._year(number).total for number in range(first, last))

    def _local_year(self, moment: datetime) -> int:
        if moment.tzinfo is None:
            raise ValueError("A moment needs a time zone.")
        return moment.astimezone(self.timezone).year

    def _year(self, number: int) -> _Year:
        year = self._years.get(number)
        if year is None:
            year = self._years[number] = self._lay_out(number)
        return year

    def _lay_out(self, number: int) -> _Year:
        starts: list[int] = []
        ends: list[int] = []
        day = date(number, 1, 1)
        latest = 0
        while day.year == number:
            for start, end in self.intervals(day):
                # Where the clock is put forward over an interval's edge, its wall times come out of order.
                begins, finishes = max(self._wall(day, start), latest), self._wall(day, end)
                if begins < finishes:
                    starts.append(begins)
                    ends.append(finishes)
                    latest = finishes
            day += timedelta(days=1)
        return _Year(starts, ends)

    def _wall(self, day: date, minutes: int) -> int:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the zone follows once the minutes are added
        return _microseconds((midnight + timedelta(minutes=minutes)).replace(tzinfo=self.timezone))


class _Year:
    """The working intervals of one local year, in microseconds since 1970, and the working time up to each end."""

    __slots__ = ("after", "ends", "starts", "total")

    def __init__(self, starts: list[int], ends: list[int]) -> None:
        self.starts = starts
        self.ends = ends
        self.after: list[int] = []
        total = 0
        for start, end in zip(starts, ends, strict=True):
            total += end - start
            self.after.append(total)
        self.total = total

    def worked(self, at: int) -> int:
        """The working time of this year before `at`."""
        place = bisect_right(self.starts, at) - 1
        if place < 0:
            return 0
        return self.after[place] - max(0, self.ends[place] - at)

    def moment(self, worked: int, *, latest: bool) -> int:
        """The earliest moment by which `worked` of this year's time has passed, or the latest by which no more has.

        There is one when `worked` is in (0, total], or for the latest in [0, total).
        """
        place = bisect_right(self.after, worked) if latest else bisect_left(self.after, worked)
        return self.ends[place] - (self.after[place] - worked)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
