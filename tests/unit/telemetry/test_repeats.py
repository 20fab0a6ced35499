from __future__ import annotations

import logging

from shared.telemetry.repeats import Repeats


def record(name: str, text: str, level: int = logging.ERROR, *values: object) -> logging.LogRecord:
    return logging.LogRecord(name, level, "file.py", 1, text, values, None)


def test_a_message_goes_through_once_in_a_while_with_how_often_it_was_said() -> None:
    now = 100.0
    repeats = Repeats(30, clock=lambda: now)
    assert repeats.filter(record("aiokafka", "Unable connect to node with id %s", logging.ERROR, 1))
    for second in range(1, 30):
        now = 100.0 + second
        assert not repeats.filter(record("aiokafka", "Unable connect to node with id %s", logging.ERROR, 2))
    now = 130.0
    again = record("aiokafka", "Unable connect to node with id %s", logging.ERROR, 1)
    assert repeats.filter(again)
    assert again.__dict__["repeated"] == 29
    now = 200.0
    later = record("aiokafka", "Unable connect to node with id %s", logging.ERROR, 1)
    assert repeats.filter(later)
    assert "repeated" not in later.__dict__


def test_other_messages_loggers_and_levels_are_others() -> None:
    repeats = Repeats(clock=lambda: 0.0)
    assert repeats.filter(record("aiokafka", "a"))
    assert repeats.filter(record("aiokafka", "b"))
    assert repeats.filter(record("faust", "a"))
    assert repeats.filter(record("aiokafka", "a", logging.WARNING))


def test_what_is_remembered_does_not_grow_without_end() -> None:
    repeats = Repeats(clock=lambda: 0.0)
    for nth in range(5_000):
        assert repeats.filter(record("aiokafka", f"{nth}"))
    assert len(repeats._told) <= 1_000
