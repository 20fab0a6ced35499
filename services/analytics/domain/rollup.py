"""What facts add up to: each case stands in one cell, and a change moves it by a delta.

Every number counts cases, so that any of them can be divided by any other: a case that was reopened twice is one
reopened case. All are counted on the day the request was received. A case is open in one state or closed with one
settlement, never both, in whatever order the services' events come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from services.analytics.domain.facts import CLOSED, Fact
from shared.events.words import Satisfaction, Settlement

COUNTS = ("received", "opened", "assigned", "resolved", "in_time", "reopened", "overdue", "closed")
"""Cases received, classified, with a unit, resolved at least once, resolved always in time, reopened at least once,
with a clock that ran out, closed now."""
SURVEYS = ("surveyed", "delivered", "answered", "first_satisfied")
"""Cases whose citizen was asked, reached, has answered, was satisfied at the first answer."""
LEVELS = tuple(level.value.replace("-", "_") for level in Satisfaction)
"""Cases by the citizen's last answer."""
SETTLEMENTS = tuple(f"settled_{settlement.value}" for settlement in Settlement)
"""Closed cases by how their follow-up ended: what is open has no end, though follow-up may have told of it already."""
METRICS = (*COUNTS, *SURVEYS, *LEVELS, *SETTLEMENTS)
SATISFIED_LEVELS = tuple(level.value.replace("-", "_") for level in Satisfaction if level.is_satisfied)
DIMENSIONS = ("day", "family", "district", "unit", "category")

_LEVEL_VALUES = tuple(level.value for level in Satisfaction)
_SATISFIED_VALUES = frozenset(level.value for level in Satisfaction if level.is_satisfied)
_SETTLEMENT_VALUES = tuple(settlement.value for settlement in Settlement)

Numbers = tuple[int, ...]
"""One value for each of `METRICS`."""


class Cell(NamedTuple):
    """Where a case is counted; an empty code means that it isn't known (yet)."""

    day: date
    family: str
    district: str
    unit: str
    category: str


class OpenCell(NamedTuple):
    """Where an open case stands."""

    state: str
    unit: str
    district: str


def cell_of(fact: Fact) -> Cell | None:
    """The cell that the case is counted in; None before its day is known."""
    if fact.day is None:
        return None
    return Cell(fact.day, fact.family or "", fact.district or "", fact.unit or "", fact.category or "")


def numbers_of(fact: Fact) -> Numbers:
    """What the case adds to its cell."""
    level, is_closed = fact.last_level, fact.state == CLOSED
    settlement = fact.settlement if is_closed else None
    return (
        int(fact.requested),
        int(fact.opened_at is not None),
        int(fact.assigned_at is not None),
        int(fact.resolutions > 0),
        int(0 < fact.resolutions == fact.resolutions_in_time),
        int(fact.reopenings > 0),
        int(fact.overdue > 0),
        int(is_closed),
        int(fact.surveys > 0),
        int(fact.deliveries > 0),
        int(fact.answers > 0),
        int(fact.first_level in _SATISFIED_VALUES),
        *(int(level == value) for value in _LEVEL_VALUES),
        *(int(settlement == value) for value in _SETTLEMENT_VALUES),
    )


def open_cell_of(fact: Fact) -> OpenCell | None:
    """Where the case stands among the open ones; None for a closed case, or one that only follow-up has told of."""
    if fact.state is None or fact.state == CLOSED:
        return None
    return OpenCell(fact.state, fact.unit or "", fact.district or "")


@dataclass(frozen=True, slots=True)
class Deltas:
    """By how much cells change, in the order of their keys: writers that meet lock rows in the same order."""

    daily: Mapping[Cell, Numbers]
    open: Mapping[OpenCell, int]


def deltas(changes: Iterable[tuple[Fact | None, Fact]]) -> Deltas:
    """The sum of what changes from each first to each second fact."""
    daily: dict[Cell, list[int]] = {}
    standing: dict[OpenCell, int] = {}
    for before, after in changes:
        old, new = (None if before is None else cell_of(before)), cell_of(after)
        if before is not None and old is not None:
            if old == new:
                earlier = numbers_of(before)
                later = numbers_of(after)
                if earlier != later:
                    _add(daily, old, tuple(b - a for a, b in zip(earlier, later, strict=True)))
            else:
                _add(daily, old, tuple(-number for number in numbers_of(before)))
        if new is not None and old != new:
            _add(daily, new, numbers_of(after))
        left, entered = (None if before is None else open_cell_of(before)), open_cell_of(after)
        if left != entered:
            if left is not None:
                standing[left] = standing.get(left, 0) - 1
            if entered is not None:
                standing[entered] = standing.get(entered, 0) + 1
    return Deltas(
        daily={cell: tuple(numbers) for cell, numbers in sorted(daily.items()) if any(numbers)},
        open={cell: number for cell, number in sorted(standing.items()) if number},
    )


def _add(sums: dict[Cell, list[int]], cell: Cell, numbers: Numbers) -> None:
    known = sums.get(cell)
    if known is None:
        sums[cell] = list(numbers)
        return
    for place, number in enumerate(numbers):
        known[place] += number


def recount(facts: Iterable[Fact]) -> Deltas:
    """The cells counted from nothing: what the kept ones must equal at any time."""
    return deltas((None, fact) for fact in facts)
