"""Chinese public holidays and the make-up working days (调休) around them.

The State Council announces the arrangement of a year in the November before. Years that the `holidays` package knows
are exact (from 2001). For another one the statutory days are taken, with the days in lieu of those on a weekend and
no make-up days, and a warning in the log: a case accepted in December may be due in a year not announced yet, and a
deadline that is off by a day is better than none. An operator who has the announcement before the package does can
give it as `announced`.
Source: the notices listed in https://github.com/vacanza/holidays (countries/china.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import holidays
import structlog
from holidays.countries.china import ChinaStaticHolidays

from shared.worktime.calendar import WorkingCalendar
from shared.worktime.hours import Interval, Week

log = structlog.get_logger(__name__)

TIMEZONE = "Asia/Shanghai"
FIRST_KNOWN_YEAR = min(ChinaStaticHolidays.special_public_holidays)
LAST_KNOWN_YEAR = max(ChinaStaticHolidays.special_public_holidays)


@dataclass(frozen=True, slots=True)
class YearDays:
    """The days of one year that are not as their weekday says."""

    holidays: frozenset[date]
    workdays: frozenset[date]


class ChineseDays:
    """Holidays and make-up days of any year, looked up when a year is first asked for.

    `announced` are arrangements that replace what the package knows, by year.
    """

    def __init__(self, announced: Mapping[int, YearDays] | None = None) -> None:
        self._years: dict[int, YearDays] = dict(announced or {})

    def year(self, number: int) -> YearDays:
        """The special days of a year."""
        days = self._years.get(number)
        if days is None:
            days = self._years[number] = _load(number)
        return days

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
    week: Week, *, days: ChineseDays | None = None, workday_hours: tuple[Interval, ...] | None = None
) -> WorkingCalendar:
    """The working calendar of a unit in mainland China that observes public holidays and make-up days.

    Units that share `days` load each year once.
    """
    known = days or ChineseDays()
    return WorkingCalendar(
        TIMEZONE,
        week,
        holidays=_Days(known.is_holiday),
        workdays=_Days(known.is_workday),
        workday_hours=workday_hours,
    )


def _load(number: int) -> YearDays:
    if not FIRST_KNOWN_YEAR <= number <= LAST_KNOWN_YEAR:
        log.warning(
            "holidays_not_announced", year=number, known=f"{FIRST_KNOWN_YEAR}-{LAST_KNOWN_YEAR}", taken="statutory days"
        )
        return YearDays(frozenset(holidays.country_holidays("CN", years=number)), frozenset())
    known = holidays.country_holidays("CN", years=number)
    return YearDays(
        frozenset(day for day in known if day.year == number),
        # Make-up days in the December before their holiday are listed with every year.
        frozenset(day for day in known.weekend_workdays if day.year == number),
    )
