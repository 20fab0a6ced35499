"""The bureau as routing sees it: districts, units with their rosters and calendars, deadlines, and the taxonomy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from services.routing.domain.taxonomy import Classification, Taxonomy
from shared.events.request import Location, RequestReceived
from shared.events.words import Grade
from shared.folding import fold_words
from shared.worktime import WorkingCalendar


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle on the map, degrees (WGS 84). The southern and western edges belong to it."""

    south: float
    west: float
    north: float
    east: float

    def contains(self, place: Location) -> bool:
        """Whether the point lies in the rectangle."""
        return self.south <= place.latitude < self.north and self.west <= place.longitude < self.east


@dataclass(frozen=True, slots=True)
class District:
    """辖区. `names` are its name and aliases, as people write them."""

    code: str
    name: str
    names: tuple[str, ...]
    area: Area | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """Minutes until the citizen has been contacted, and until the case is resolved: of working time, or of any time
    where the case is urgent."""

    contact: int
    resolution: int


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Deadlines by grade; urgent goes before the grade. `rectification` is the resolution clock of a reopened case."""

    by_grade: Mapping[Grade, Deadline]
    urgent: Deadline
    rectification: int


@dataclass(frozen=True, slots=True)
class Unit:
    """责任单位. `district` None: bureau-wide. `officers` is the duty roster, ids only."""

    code: str
    name: str
    district: str | None
    categories: tuple[str, ...]
    officers: tuple[str, ...]
    calendar: WorkingCalendar
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Clocks:
    """When a case's two clocks run out."""

    contact_due: datetime
    due: datetime


class OrganisationError(ValueError):
    """The parts of the organisation don't fit together. The message names the part and a remedy."""


class Bureau:
    """A whole organisation, with everything looked up in advance.

    Total: for every district and category there is a unit. Raises `OrganisationError` where that is not so.
    """

    def __init__(
        self,
        *,
        name: str,
        districts: Sequence[District],
        fallback_district: str,
        units: Sequence[Unit],
        deadlines: Deadlines,
        taxonomy: Taxonomy,
    ) -> None:
        self.name = name
        self.districts = {district.code: district for district in districts}
        self.units = {unit.code: unit for unit in units}
        self.fallback_district = fallback_district
        self.deadlines = deadlines
        self.taxonomy = taxonomy
        self._by_name = {fold_words(n): d.code for d in districts for n in (d.code, *d.names)}
        self._areas = [(district.area, district.code) for district in districts if district.area is not None]
        self._responsible = {
            (district, category): _responsible(units, district, category)
            for district in self.districts
            for category in taxonomy.categories
        }

    def classify(self, request: RequestReceived) -> tuple[Classification, str]:
        """What a request is about, and the code of its district."""
        found = self.taxonomy.classify(
            request.subject, request.body, kind_hint=request.kind_hint, category_hint=request.category_hint
        )
        return found, self._district(request, found)

    def _district(self, request: RequestReceived, found: Classification) -> str:
        """The best evidence first: what the sender says, where it is, what the place is called, what the text names.

        To name the whole city is no evidence: 'Min'an, Beihu' means Beihu, and 'Min'an' leaves it to the next.
        """
        hint = request.district_hint
        if hint and (said := self._by_name.get(fold_words(hint))) not in (None, self.fallback_district):
            return said
        if hint and (code := self._particular(self.taxonomy.districts_in(hint))):
            return code
        if request.location is not None:
            for area, code in self._areas:
                if area.contains(request.location):
                    return code
        if request.place and (code := self._particular(self.taxonomy.districts_in(request.place))):
            return code
        return self._particular(found.districts) or self.fallback_district

    def _particular(self, codes: Sequence[str]) -> str | None:
        """The first district that is not the whole city."""
        return next((code for code in codes if code != self.fallback_district), None)

    def assign(self, district: str, category: str, case_id: UUID) -> tuple[Unit, str | None]:
        """The unit in charge, and the officer of its roster; None where the roster is empty.

        The officer follows from the case id alone, so that replicas agree without a common state, and the cases of a
        unit spread evenly over its roster. A district or category unknown to this organisation is treated as the
        fallback or default one.
        """
        known = district if district in self.districts else self.fallback_district
        kind = category if category in self.taxonomy.categories else self.taxonomy.default_category
        unit = self._responsible[known, kind]
        if not unit.officers:
            return unit, None
        number = int.from_bytes(blake2b(case_id.bytes, digest_size=8).digest(), "big")
        return unit, unit.officers[number % len(unit.officers)]

    def clocks(self, unit: Unit, grade: Grade, *, urgent: bool, start: datetime) -> Clocks:
        """When the clocks of a case that the bureau received at `start` run out.

        On the unit's calendar; an urgent case's run round the clock, since its citizen can't wait for office hours.
        """
        if urgent:
            return self.urgent_clocks(start)
        deadline = self.deadlines.by_grade[grade]
        return Clocks(unit.calendar.add(start, deadline.contact), unit.calendar.add(start, deadline.resolution))

    def urgent_clocks(self, start: datetime) -> Clocks:
        """When the clocks of an urgent case run out, whichever unit has it."""
        began, deadline = start.astimezone(UTC), self.deadlines.urgent
        return Clocks(began + timedelta(minutes=deadline.contact), began + timedelta(minutes=deadline.resolution))

    def rectification_due(self, unit: str, start: datetime) -> datetime:
        """When the clock of a rectification runs out. For a unit that is no more, the default one's calendar counts."""
        found = self.units.get(unit) or self._responsible[self.fallback_district, self.taxonomy.default_category]
        return found.calendar.add(start, self.deadlines.rectification)


def _responsible(units: Sequence[Unit], district: str, category: str) -> Unit:
    """The unit for a district and category: one of the district that handles it, a bureau-wide one that does, the
    district's default, the bureau's default."""
    for candidates in (
        [unit for unit in units if unit.district == district and category in unit.categories],
        [unit for unit in units if unit.district is None and category in unit.categories],
        [unit for unit in units if unit.district == district and unit.is_default],
        [unit for unit in units if unit.district is None and unit.is_default],
    ):
        if len(candidates) > 1:
            codes = ", ".join(unit.code for unit in candidates)
            raise OrganisationError(
                f"The units {codes} all answer for {category} in {district}. Leave it (or `default`) to one of them."
            )
        if candidates:
            return candidates[0]
    raise OrganisationError(
        f"No unit answers for {category} in {district}. Give one unit without a district `default: true`."
    )
