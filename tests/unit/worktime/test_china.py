from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

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


# The periods as the State Council's notices of November 2023, 2024 and 2025 give them, first and last day.
PERIODS = [
    ("2023-12-30", "2024-01-01"), ("2024-02-10", "2024-02-17"), ("2024-04-04", "2024-04-06"),
    ("2024-05-01", "2024-05-05"), ("2024-06-08", "2024-06-10"), ("2024-09-15", "2024-09-17"),
    ("2024-10-01", "2024-10-07"), ("2025-01-01", "2025-01-01"), ("2025-01-28", "2025-02-04"),
    ("2025-04-04", "2025-04-06"), ("2025-05-01", "2025-05-05"), ("2025-05-31", "2025-06-02"),
    ("2025-10-01", "2025-10-08"), ("2026-01-01", "2026-01-03"), ("2026-02-15", "2026-02-23"),
    ("2026-04-04", "2026-04-06"), ("2026-05-01", "2026-05-05"), ("2026-06-19", "2026-06-21"),
    ("2026-09-25", "2026-09-27"), ("2026-10-01", "2026-10-07"),
]  # fmt: skip
WORKED = {
    "2024-02-04", "2024-02-18", "2024-04-07", "2024-04-28", "2024-05-11", "2024-09-14", "2024-09-29", "2024-10-12",
    "2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11",
    "2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10",
}  # fmt: skip


def test_the_days_off_are_those_of_the_notices_and_no_others() -> None:
    announced = {
        date.fromisoformat(first) + timedelta(days=nth)
        for first, last in PERIODS
        for nth in range((date.fromisoformat(last) - date.fromisoformat(first)).days + 1)
    }
    days = [date(2023, 12, 15) + timedelta(days=nth) for nth in range((date(2027, 1, 1) - date(2023, 12, 15)).days)]
    assert {day for day in days if DAYS.is_holiday(day)} == announced
    assert {day.isoformat() for day in days if DAYS.is_workday(day)} == WORKED


COUNTER = {"mon-fri": ["08:30-12:00", "13:30-17:30"], "sat": ["09:00-12:00"]}
SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_a_counter_that_works_on_saturdays_rests_for_the_whole_holiday() -> None:
    counter = chinese_calendar(week_of(COUNTER), days=DAYS)
    due = counter.add(datetime(2026, 9, 24, 17, 29, tzinfo=SHANGHAI), 420)
    assert due == datetime(2026, 9, 28, 16, 59, tzinfo=SHANGHAI)
    for day in ("2026-01-03", "2026-02-21", "2026-04-04", "2026-06-20", "2026-09-26", "2025-05-03", "2024-04-06"):
        assert not counter.is_working(datetime.fromisoformat(f"{day}T10:00+08:00"))
    for ordinary in ("2026-01-10", "2026-09-19", "2026-10-31"):
        assert counter.is_working(datetime.fromisoformat(f"{ordinary}T10:00+08:00"))
        assert not counter.is_working(datetime.fromisoformat(f"{ordinary}T15:00+08:00"))
    # A Saturday worked in exchange has the hours of a weekday.
    assert counter.is_working(datetime(2026, 2, 14, 15, tzinfo=SHANGHAI))


@pytest.mark.parametrize(
    ("day", "off"),
    [
        # A Sunday whose Monday is off: the notice of 2023 begins on the Saturday, in the year before.
        ("2022-12-31", True),
        ("2018-12-31", True),
        ("2018-12-29", False),
        # Mid-Autumn on a Sunday that nothing makes up for: "27 September", and no day more.
        ("2015-09-27", True),
        ("2015-09-26", False),
        ("2014-02-01", True),
        ("2020-10-04", True),
        ("2020-10-10", False),
        ("2020-10-11", False),
    ],
)
def test_weekends_beside_a_holiday_in_other_years(day: str, off: bool) -> None:
    assert DAYS.is_holiday(date.fromisoformat(day)) is off


def test_a_year_not_announced_joins_its_statutory_days_to_their_weekends() -> None:
    days, year = ChineseDays(), LAST_KNOWN_YEAR + 1
    assert (year, date(year, 1, 1).weekday()) == (2027, 4)
    assert [days.is_holiday(date(year, 1, day)) for day in range(1, 5)] == [True, True, True, False]


def test_an_announcement_may_leave_the_weekend_and_the_december_before_to_the_year_of_its_holiday() -> None:
    # New Year's Day 2028 is a Saturday: Friday the 31st is off for Sunday the 26th.
    given = YearDays(frozenset({date(2027, 12, 31), date(2028, 1, 1)}), frozenset({date(2027, 12, 26)}))
    days = ChineseDays({2028: given})
    assert [days.is_holiday(date(2027, 12, day)) for day in (25, 26, 30, 31)] == [False, False, False, True]
    assert days.is_workday(date(2027, 12, 26))
    assert [days.is_holiday(date(2028, 1, day)) for day in (1, 2, 3)] == [True, True, False]


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
