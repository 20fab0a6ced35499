"""Chinese public holidays and the make-up working days (调休) around them.

The State Council announces the arrangement of a year in the November before. Years that the `holidays` package knows
are exact (from 2001). For another one the statutory days are taken, with the days in lieu of those on a weekend and
no make-up days, and a warning in the log: a case accepted in December may be due in a year not announced yet, and a
deadline that is off by a day is better than none. An operator who has the announcement before the package does can
give it as `announced`.

A notice announces a period, "1 to 3 January", and the package lists of it the statutory days and the weekdays that are
off, not the other days of its weekend. Those follow from the rest: a weekend day that is joined to a weekday off, by
days off and weekend days alone, belongs to its period, unless it is worked in exchange. A statutory day at a weekend
that no weekday follows (27 September 2015) brings its weekend nothing else.
Source: the notices listed in https://github.com/vacanza/holidays (countries/china.py), and its issue 1638.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta
from functools import cache

import holidays
import structlog
from holidays.countries.china import ChinaStaticHolidays

from shared.worktime.calendar import WorkingCalendar
from shared.worktime.hours import Interval, Week

log = structlog.get_logger(__name__)

TIMEZONE = "Asia/Shanghai"
FIRST_KNOWN_YEAR = min(ChinaStaticHolidays.special_public_holidays)
LAST_KNOWN_YEAR = max(ChinaStaticHolidays.special_public_holidays)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class YearDays:
    """The days of one year that are not as their weekday says."""

    holidays: frozenset[date]
    workdays: frozenset[date]


class ChineseDays:
    """Holidays and make-up days of any year, looked up when a year is first asked for.

    `announced` are arrangements that replace what the package knows, by year. The weekend days of a period need not be
    among them. One that begins or is worked for in the December before is given with the year of its holiday.
    """

    def __init__(self, announced: Mapping[int, YearDays] | None = None) -> None:
        self._announced = dict(announced or {})
        self._years: dict[int, YearDays] = {}

    def year(self, number: int) -> YearDays:
        """The special days of a year, with the weekend days of its holidays."""
        days = self._years.get(number)
        if days is None:
            if number not in self._announced and not FIRST_KNOWN_YEAR <= number <= LAST_KNOWN_YEAR:
                log.warning(
                    "holidays_not_announced",
                    year=number,
                    known=f"{FIRST_KNOWN_YEAR}-{LAST_KNOWN_YEAR}",
                    taken="statutory days",
                )
            days = self._years[number] = self._arranged(number)
        return days

    def _arranged(self, number: int) -> YearDays:
        # A period may reach over the turn of the year.
        around = [self._listed(number + offset) for offset in (-1, 0, 1) if MINYEAR <= number + offset <= MAXYEAR]
        workdays = frozenset[date]().union(*(listed.workdays for listed in around))
        off = frozenset[date]().union(*(listed.holidays for listed in around)) - workdays
        whole = off.union(*(_weekend_beside(day, off, workdays) for day in off if not _is_weekend(day)))
        return YearDays(
            frozenset(day for day in whole if day.year == number),
            frozenset(day for day in workdays if day.year == number),
        )

    def _listed(self, number: int) -> YearDays:
        return self._announced.get(number) or _known(number)

    def is_holiday(self, day: date) -> bool:
        """Whether a day is a public holiday or a day off in exchange for a make-up day."""
        return day in self.year(day.year).holidays

    def is_workday(self, day: date) -> bool:
        """Whether a day of a weekend is worked in exchange for a day off."""
        return day in self.year(day.year).workdays


class _Days:
    """Calendar days by a question, as a container."""

    def __init__(self, holds: Callable[[date], bool]) -> None:
        self._holds = holds

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self._holds(day)


def chinese_calendar(
    week: Week,
    *,
    days: ChineseDays | None = None,
    workday_hours: tuple[Interval, ...] | None = None,
    timezone: str = TIMEZONE,
) -> WorkingCalendar:
    """The working calendar of a unit in mainland China that observes public holidays and make-up days.

    Units that share `days` load each year once.
    """
    known = days or ChineseDays()
    return WorkingCalendar(
        timezone,
        week,
        holidays=_Days(known.is_holiday),
        workdays=_Days(known.is_workday),
        workday_hours=workday_hours,
    )


def _is_weekend(day: date) -> bool:
    return day.weekday() >= 5


def _weekend_beside(weekday: date, off: Container[date], workdays: Container[date]) -> Iterator[date]:
    """The weekend days that are joined to a weekday off."""
    for step in (-_DAY, _DAY):
        day = weekday + step
        while day not in workdays and (day in off or _is_weekend(day)):
            if _is_weekend(day):
                yield day
            day += step


@cache
def _known(number: int) -> YearDays:
    """What the package lists with a year; for one that was not announced, its statutory days."""
    days = holidays.country_holidays("CN", years=number)
    if not FIRST_KNOWN_YEAR <= number <= LAST_KNOWN_YEAR:
        return YearDays(frozenset(days), frozenset())
    return YearDays(
        frozenset(day for day in days if day.year == number),
        # Make-up days in the December before their holiday are listed with every year.
        frozenset(day for day in days.weekend_workdays if day.year == number),
    )
