"""All that one page can show at one moment, for everyone of the same role and unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.console.domain.figures import Counted, Live, OpenCases, Surveyed
from services.console.domain.happenings import Happening
from services.console.domain.names import Names
from services.console.domain.platform import ServiceHealth
from services.console.domain.reading import Freshness, Reading, Trouble


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Readings with the time at which the last of them was tried."""

    taken_at: datetime
    families: Reading[tuple[Counted, ...]] = field(default_factory=Reading)
    districts: Reading[tuple[Counted, ...]] = field(default_factory=Reading)
    satisfaction: Reading[tuple[Surveyed, ...]] = field(default_factory=Reading)
    units: Reading[tuple[Surveyed, ...]] = field(default_factory=Reading)
    open: Reading[tuple[OpenCases, ...]] = field(default_factory=Reading)
    live: Reading[Live] = field(default_factory=Reading)
    recent: Reading[tuple[Happening, ...]] = field(default_factory=Reading)
    services: tuple[ServiceHealth, ...] = ()
    names: Names = field(default_factory=Names)
    unit: str | None = None
    """Whose figures these are; None for those of the whole bureau."""

    @property
    def readings(self) -> tuple[Reading[Any], ...]:
        """All readings of figures."""
        return (
            self.families,
            self.districts,
            self.satisfaction,
            self.units,
            self.open,
            self.live,
            self.recent,
        )

    @property
    def freshness(self) -> Freshness:
        """Of the page as a whole: as bad as its worst part, for a wall display that nobody reads closely.

        What the person may not see is no trouble of the page, unless there is nothing else.
        """
        states = {reading.freshness(self.taken_at) for reading in self.readings}
        if states == {Freshness.DENIED}:
            return Freshness.DENIED
        for worst in (Freshness.STALE, Freshness.ABSENT, Freshness.LOADING):
            if worst in states:
                return worst
        return Freshness.FRESH

    @property
    def is_of_unknown_unit(self) -> bool:
        """Whether the figures are those of a unit that the bureau doesn't have."""
        return self.unit is not None and bool(self.names.units) and self.unit not in self.names.units

    @property
    def oldest(self) -> datetime | None:
        """When the oldest figure shown was read."""
        return min((reading.at for reading in self.readings if reading.at is not None), default=None)

    @property
    def trouble(self) -> Trouble | None:
        """The trouble to tell about: of a reading that is not fresh."""
        for reading in self.readings:
            if reading.trouble is not None and reading.freshness(self.taken_at) is not Freshness.FRESH:
                return reading.trouble
        return None
