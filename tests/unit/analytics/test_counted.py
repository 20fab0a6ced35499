"""Which requests the live rate has counted already."""

from __future__ import annotations

from services.analytics.live import MINUTES, Counted

NOW = 1_800_000_000.0


def test_a_request_is_new_once() -> None:
    counted = Counted()
    assert counted.is_new(b"a", NOW, NOW)
    assert not counted.is_new(b"a", NOW, NOW)
    assert not counted.is_new(b"a", NOW, NOW + 3_000)
    assert counted.is_new(b"b", NOW, NOW)


def test_what_was_received_before_the_hour_is_in_no_minute_that_is_shown() -> None:
    counted = Counted()
    assert counted.is_new(b"a", NOW - MINUTES * 60, NOW)
    assert not counted.is_new(b"b", NOW - (MINUTES + 1) * 60, NOW)


def test_it_forgets_the_oldest_and_never_more_than_it_must() -> None:
    counted = Counted(most=10)
    for nth in range(100):
        assert counted.is_new(b"%d" % nth, NOW + nth * 60, NOW + nth * 60)
        assert counted._size == min(nth + 1, 10)
    assert not counted.is_new(b"99", NOW + 99 * 60, NOW + 99 * 60)
    later = NOW + 300 * 60
    assert counted.is_new(b"z", later, later)
    assert (counted._size, len(counted._minutes)) == (1, 1)


def test_a_minute_with_more_than_can_be_remembered_is_counted_on() -> None:
    counted = Counted(most=10)
    assert all(counted.is_new(b"%d" % nth, NOW, NOW) for nth in range(25))
    assert counted._size <= 10
