"""One figure as it was last read: its value, how old it is, and what went wrong since."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")

STALE_AFTER = timedelta(seconds=10)
"""A value older than this is shown as stale: five polls of two seconds that brought nothing."""


class Trouble(StrEnum):
    """Why the last attempt to read brought no value."""

    UNREACHABLE = "unreachable"
    UNAUTHORISED = "unauthorised"
    FORBIDDEN = "forbidden"
    FAILING = "failing"
    UNEXPECTED = "unexpected"


class Freshness(StrEnum):
    """What the page may say of a reading."""

    LOADING = "loading"
    FRESH = "fresh"
    STALE = "stale"
    ABSENT = "absent"
    DENIED = "denied"
    """There may be a value, but not for this person."""


DENIALS = frozenset({Trouble.FORBIDDEN, Trouble.UNAUTHORISED})


@dataclass(frozen=True)
class Reading(Generic[T]):
    """The last good `value` with its time `at`, kept while later attempts end in `trouble`."""

    value: T | None = None
    at: datetime | None = None
    trouble: Trouble | None = None

    def succeeded(self, value: T, at: datetime) -> Reading[T]:
        """A new value was read."""
        return Reading(value, at)

    def failed(self, trouble: Trouble) -> Reading[T]:
        """An attempt failed. What was refused to this person is not shown from memory either."""
        if trouble in DENIALS:
            return Reading(trouble=trouble)
        return replace(self, trouble=trouble)

    def freshness(self, now: datetime) -> Freshness:
        """One failed attempt is no news; a value that is old is, whether attempts failed or none was made."""
        if self.value is None or self.at is None:
            if self.trouble in DENIALS:
                return Freshness.DENIED
            return Freshness.LOADING if self.trouble is None else Freshness.ABSENT
        return Freshness.FRESH if now - self.at <= STALE_AFTER else Freshness.STALE
