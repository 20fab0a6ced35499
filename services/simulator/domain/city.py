"""What the simulation has to know of the bureau: its channels, districts, units and officers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """A channel family with its channels' ids, and how much of the city's requests it brings."""

    code: str
    channels: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class District:
    """A district: its name, names of places in it, and its rectangle (south, west, north, east; degrees), if known."""

    code: str
    name: str
    spots: tuple[str, ...]
    area: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit and the officers on its roster."""

    code: str
    name: str
    officers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class City:
    """The bureau's channels and organisation, as its registries tell them."""

    families: tuple[Family, ...]
    districts: tuple[District, ...]
    units: tuple[Unit, ...]
    categories: frozenset[str]
    timezone: str

    @property
    def channel_count(self) -> int:
        """How many channels there are in all families."""
        return sum(len(family.channels) for family in self.families)


FAMILY_WEIGHTS: Mapping[str, float] = {
    "hotline-12345": 26,
    "proposals": 0.2,
    "media-hotline": 2,
    "letters-visits": 3,
    "phone-9600110": 22,
    "website": 8,
    "weibo": 4,
    "wechat": 14,
    "open311": 2,
    "mobile-app": 9,
    "police-station": 6,
    "community": 5,
}
"""What the families bring, in percent, where the registry gives no weight; a family not named here brings 1."""
