from __future__ import annotations

from datetime import date, datetime

import pytest
from structlog.testing import capture_logs

from shared.worktime.china import LAST_KNOWN_YEAR, ChineseDays, YearDays, chinese_calendar
from shared.worktime.hours import week_of

DAYS = ChineseDays()


@pytest.mark.parametrize(
    "day",
    [
        "2024-02-12", "2024-04-04", "2024-05-03", "2024-09-17", "2024-10-07", "2025-01-28", "2025-02-03", "2025-05-05",
        "2025-10-08", "2026-01-02", "2026-02-23", "2026-04-06", "2026-05-05", "2026-06-19", "2026-09-25", "2026-10-07",
    ],
)  # fmt: skip
def test_public_holidays_as_announced(day: str) -> None:
    assert DAYS.is_holiday(date.fromisoformat(day))
    assert not DAYS.is_workday(date.fromisoformat(day))


@pytest.mark.parametrize(
    "day",
    [
        "2024-02-04", "2024-02-18", "2024-04-07", "2024-04-28", "2024-05-11", "2024-09-14", "2024-09-29", "2024-10-12",
        "2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11", "2026-01-04", "2026-02-14", "2026-02-28",
        "2026-05-09", "2026-09-20", "2026-10-10", "2006-12-31", "2011-12-31",
    ],
)  # fmt: skip
def test_weekend_days_worked_for_a_longer_holiday(day: str) -> None:
    assert DAYS.is_workday(date.fromisoformat(day))
    assert not DAYS.is_holiday(date.fromisoformat(day))
    assert date.fromisoformat(day).weekday() >= 5


@pytest.mark.parametrize("day", ["2025-01-27", "2025-10-09", "2026-01-05", "2026-03-08", "2026-05-04", "2026-06-01"])
def test_a_year_has_no_other_days_off_on_a_weekday_than_announced(day: str) -> None:
    assert DAYS.is_holiday(date.fromisoformat(day)) == (day == "2026-05-04")


def test_a_deadline_goes_around_the_spring_festival() -> None:
    calendar = chinese_calendar(week_of({"mon-fri": ["09:00-12:00", "14:00-18:00"]}), days=DAYS)
    zone = calendar.timezone
    # Sat 14 February is worked, 15 to 23 are off, and Sat 28 is worked again.
    due = calendar.add(datetime(2026, 2, 13, 17, tzinfo=zone), 60 + 420 + 60)
    assert due == datetime(2026, 2, 24, 10, tzinfo=zone)
    assert calendar.is_working(datetime(2026, 2, 28, 9, tzinfo=zone))
    assert not calendar.is_working(datetime(2026, 2, 23, 9, tzinfo=zone))


def test_a_year_not_announced_yet_takes_the_statutory_days_and_warns_once() -> None:
    days, year = ChineseDays(), LAST_KNOWN_YEAR + 1
    with capture_logs() as logs:
        assert days.is_holiday(date(year, 1, 1))
        assert days.is_holiday(date(year, 10, 1))
        assert not any(days.is_workday(date(year, 1, 1).replace(month=month)) for month in range(1, 13))
    assert [(entry["event"], entry["year"], entry["log_level"]) for entry in logs] == [
        ("holidays_not_announced", year, "warning")
    ]


def test_an_announcement_given_by_the_operator_is_taken_instead() -> None:
    year = LAST_KNOWN_YEAR + 1
    given = YearDays(frozenset({date(year, 3, 3)}), frozenset({date(year, 3, 7)}))
    days = ChineseDays({year: given})
    with capture_logs() as logs:
        assert days.is_holiday(date(year, 3, 3))
        assert days.is_workday(date(year, 3, 7))
        assert not days.is_holiday(date(year, 1, 1))
    assert logs == []
