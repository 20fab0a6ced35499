"""What is told of a day, and when."""

from __future__ import annotations

from datetime import UTC, date, datetime

from services.analytics.domain.insights import NOTHING, Totals, subject_of, tell

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)


def test_a_changed_day_is_told_with_its_totals() -> None:
    event = tell(DAY, NOTHING, Totals(9, 5, 4, 3, 2), NOW)
    assert event is not None
    assert event.model_dump() == {
        "day": "2026-03-02",
        "received": 9,
        "resolved": 5,
        "surveyed": 4,
        "answered": 3,
        "satisfied": 2,
        "measured_at": NOW,
    }


def test_a_day_that_is_as_it_was_told_is_not_told_again() -> None:
    assert tell(DAY, Totals(9, 5, 4, 3, 2), Totals(9, 5, 4, 3, 2), NOW) is None


def test_a_day_has_one_subject_of_its_own() -> None:
    assert subject_of(DAY) == subject_of(date(2026, 3, 2))
    assert subject_of(DAY) != subject_of(date(2026, 3, 3))
