"""Working time: calendars with holidays and make-up days, and clocks that run on them and can be stopped."""

from __future__ import annotations

from shared.worktime.calendar import WorkingCalendar
from shared.worktime.china import ChineseDays, YearDays, chinese_calendar
from shared.worktime.clock import Clock
from shared.worktime.hours import Interval, Week, WorkingHoursError, week_of

__all__ = [
    "ChineseDays",
    "Clock",
    "Interval",
    "Week",
    "WorkingCalendar",
    "WorkingHoursError",
    "YearDays",
    "chinese_calendar",
    "week_of",
]
