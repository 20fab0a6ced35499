"""A deadline that runs in working time and stops while the bureau waits for the citizen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from shared.worktime.calendar import WorkingCalendar


class ClockError(ValueError):
    """The clock can't do that now; the message says why."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How much working time a unit has for something, and how much of it is gone. All amounts are working minutes.

    `started` is when the clock began to run, or last began again; `consumed` is what had passed before that.
    """

    allowed: float
    started: datetime
    consumed: float = 0.0
    paused_since: datetime | None = None

    def __post_init__(self) -> None:
        if self.allowed <= 0:
            raise ClockError("A clock needs a positive allowance of working minutes.")

    @property
    def is_paused(self) -> bool:
        """Whether the clock stands still."""
        return self.paused_since is not None

    def due(self, calendar: WorkingCalendar) -> datetime | None:
        """When the allowance is used up, in UTC; None while the clock is paused, since nothing runs out then."""
        if self.paused_since is not None:
            return None
        return calendar.add(self.started, self.allowed - self.consumed)

    def used(self, calendar: WorkingCalendar, at: datetime) -> float:
        """The working minutes gone until `at`."""
        if self.paused_since is not None:
            return self.consumed
        return self.consumed + max(0.0, calendar.between(self.started, at))

    def remaining(self, calendar: WorkingCalendar, at: datetime) -> float:
        """The working minutes left at `at`; negative once the clock has run out."""
        return self.allowed - self.used(calendar, at)

    def is_over(self, calendar: WorkingCalendar, at: datetime) -> bool:
        """Whether the clock has run out by `at`. A paused one can have run out before the pause."""
        return self.remaining(calendar, at) <= 0

    def pause(self, calendar: WorkingCalendar, at: datetime) -> Clock:
        """Stop the clock: the bureau waits for the citizen. Raises `ClockError` when it is paused already."""
        if self.paused_since is not None:
            raise ClockError("The clock is paused already; resume it first.")
        if at < self.started:
            raise ClockError("A clock can't be paused before it started.")
        return replace(self, consumed=self.used(calendar, at), paused_since=at)

    def resume(self, at: datetime) -> Clock:
        """Let it run again with what is left. Raises `ClockError` when it is not paused."""
        if self.paused_since is None:
            raise ClockError("The clock is running; there is nothing to resume.")
        if at < self.paused_since:
            raise ClockError("A clock can't be resumed before it was paused.")
        return replace(self, started=at, paused_since=None)

    def extend(self, minutes: float) -> Clock:
        """Give more time (延期), also to a paused clock. Raises `ClockError` when `minutes` is not positive."""
        if minutes <= 0:
            raise ClockError("An extension gives more than no time.")
        return replace(self, allowed=self.allowed + minutes)
