from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.worktime.calendar import WorkingCalendar
from shared.worktime.clock import Clock, ClockError
from shared.worktime.hours import week_of

CALENDAR = WorkingCalendar("UTC", week_of({"mon-fri": ["09:00-12:00", "14:00-18:00"]}))
MONDAY = datetime(2026, 1, 5, 9, tzinfo=UTC)


def on(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def test_a_running_clock_is_due_when_its_working_time_is_used_up() -> None:
    clock = Clock(allowed=8 * 60, started=MONDAY)
    assert clock.due(CALENDAR) == on(6, 10)
    assert clock.remaining(CALENDAR, on(5, 18)) == 60
    assert not clock.is_over(CALENDAR, on(6, 9, 59))
    assert clock.is_over(CALENDAR, on(6, 10))
    assert clock.remaining(CALENDAR, on(6, 11)) == -60


def test_it_stops_while_the_bureau_waits_for_the_citizen() -> None:
    paused = Clock(allowed=8 * 60, started=MONDAY).pause(CALENDAR, on(5, 11))
    assert paused.is_paused
    assert paused.due(CALENDAR) is None
    assert paused.consumed == 120
    assert paused.remaining(CALENDAR, on(20, 11)) == 6 * 60
    resumed = paused.resume(on(7, 15))
    assert resumed.due(CALENDAR) == on(8, 12)
    assert resumed.pause(CALENDAR, on(7, 16)).consumed == 180


def test_a_clock_that_ran_out_before_the_pause_stays_run_out() -> None:
    paused = Clock(allowed=60, started=MONDAY).pause(CALENDAR, on(5, 12))
    assert paused.is_over(CALENDAR, on(5, 12))
    resumed = paused.resume(on(6, 9))
    due = resumed.due(CALENDAR)
    assert due is not None
    assert due < on(6, 9)
    assert resumed.is_over(CALENDAR, on(6, 9))


def test_an_extension_moves_the_deadline_also_of_a_paused_clock() -> None:
    clock = Clock(allowed=60, started=MONDAY)
    assert clock.extend(30).due(CALENDAR) == on(5, 10, 30)
    assert clock.pause(CALENDAR, on(5, 9, 30)).extend(30).resume(on(5, 14)).due(CALENDAR) == on(5, 15)


def test_what_makes_no_sense_is_refused() -> None:
    clock = Clock(allowed=60, started=MONDAY)
    with pytest.raises(ClockError, match="nothing to resume"):
        clock.resume(MONDAY)
    with pytest.raises(ClockError, match="before it started"):
        clock.pause(CALENDAR, MONDAY - timedelta(seconds=1))
    paused = clock.pause(CALENDAR, on(5, 10))
    with pytest.raises(ClockError, match="paused already"):
        paused.pause(CALENDAR, on(5, 11))
    with pytest.raises(ClockError, match="before it was paused"):
        paused.resume(on(5, 9, 59))
    for minutes in (0, -1):
        with pytest.raises(ClockError, match="more than no time"):
            clock.extend(minutes)
        with pytest.raises(ClockError, match="positive allowance"):
            Clock(allowed=minutes, started=MONDAY)


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=12), st.integers(1, 5_000))
def test_pauses_never_lose_nor_give_working_time(gaps: list[int], allowed: int) -> None:
    clock, now, worked = Clock(allowed=allowed, started=MONDAY), MONDAY, 0.0
    for gap in gaps:
        then = now + timedelta(minutes=gap)
        if clock.is_paused:
            clock = clock.resume(then)
        else:
            worked += CALENDAR.between(now, then)
            clock = clock.pause(CALENDAR, then)
        now = then
    assert clock.used(CALENDAR, now) == pytest.approx(worked)
    due = clock.due(CALENDAR)
    if due is not None and worked < allowed:
        assert worked + CALENDAR.between(now, due) == pytest.approx(allowed)


def test_it_can_be_kept_as_part_of_a_case() -> None:
    class Case(BaseModel):
        clock: Clock

    case = Case(clock=Clock(allowed=60, started=MONDAY).pause(CALENDAR, on(5, 9, 30)))
    assert Case.model_validate_json(case.model_dump_json()) == case
