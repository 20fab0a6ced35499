from __future__ import annotations

import pytest

from shared.worktime.hours import Interval, Week, WorkingHoursError, checked, week_of


def test_a_week_is_read_from_days_and_ranges() -> None:
    week = week_of({"mon-fri": ["14:00-18:00", "09:00-12:00"], "Sun": ["00:00-24:00"]})
    assert week[0] == week[4] == (Interval(540, 720), Interval(840, 1080))
    assert week[5] == ()
    assert week[6] == (Interval(0, 1440),)


@pytest.mark.parametrize(
    ("hours", "reason"),
    [
        ({}, "without any working hours"),
        ({"mon": []}, "without any working hours"),
        ({"funday": ["09:00-12:00"]}, "neither a day"),
        ({"fri-mon": ["09:00-12:00"]}, "neither a day"),
        ({"mon": ["9-12"]}, "not a span of the form"),
        ({"mon": ["09:00-12:60"]}, "minute above 59"),
        ({"mon": ["12:00-09:00"]}, "not a span within"),
        ({"mon": ["12:00-12:00"]}, "not a span within"),
        ({"mon": ["22:00-24:01"]}, "not a span within"),
        ({"mon": ["09:00-12:00", "11:59-13:00"]}, "from 11:59 begins before"),
        ({"mon-wed": ["09:00-12:00"], "wed": ["13:00-14:00"]}, "wed has hours in two entries"),
    ],
)
def test_hours_that_make_no_sense_are_refused_with_the_entry(hours: dict[str, list[str]], reason: str) -> None:
    with pytest.raises(WorkingHoursError, match=reason):
        week_of(hours)


def test_spans_that_touch_are_good() -> None:
    assert week_of({"mon": ["09:00-12:00", "12:00-13:00"]})[0] == (Interval(540, 720), Interval(720, 780))


@pytest.mark.parametrize("days", [6, 8])
def test_a_week_has_seven_days(days: int) -> None:
    week: Week = ((Interval(0, 1),),) * days
    with pytest.raises(WorkingHoursError, match="7 days"):
        checked(week)
