"""What analytics tells the platform: the totals of a day, when they have changed."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from shared.events.insight import DayCounted

_DAYS = UUID("5f0f2a52-6d0e-5c0a-9a57-2f6b1c7f5d11")


class Totals(NamedTuple):
    """The numbers of a day, in cases."""

    received: int
    resolved: int
    surveyed: int
    answered: int
    satisfied: int


NOTHING = Totals(0, 0, 0, 0, 0)


def subject_of(day: date) -> UUID:
    """The subject of a day's events: the same wherever it is computed, so that a day has one sequence of events."""
    return uuid5(_DAYS, day.isoformat())


def tell(day: date, told: Totals, found: Totals, now: datetime) -> DayCounted | None:
    """The event to emit about a day of which `told` was said before; None where that is still true."""
    if found == told:
        return None
    return DayCounted(day=day.isoformat(), measured_at=now, **found._asdict())
