"""What routing's HTTP interface shows of cases and of the organisation. No personal data: people are ids."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.routing.domain.case import Case, CaseState
from services.routing.domain.organisation import Bureau
from shared.events.words import Grade, RequestKind, Settlement


class CaseView(BaseModel):
    """工单. Times are UTC; `version` is what `If-Match` takes."""

    model_config = ConfigDict(frozen=True)

    case_id: UUID
    number: str
    state: CaseState
    kind: RequestKind
    category: str
    district: str
    grade: Grade
    urgent: bool
    unit: str | None
    officer: str | None
    contact_due: datetime | None
    due: datetime | None
    round: int = Field(description="1, and one more with each rectification")
    version: int
    opened_at: datetime | None
    received_at: datetime
    channel: str
    anonymous: bool = Field(description="nobody left a contact: the case can be resolved without one")
    words: tuple[str, ...] = Field(description="the words that decided category and grade")
    accepted_at: datetime | None
    contacted_at: datetime | None
    resolved_at: datetime | None
    contact_overdue: bool
    overdue: bool
    settlement: Settlement | None


def view(case_id: UUID, version: int, case: Case) -> CaseView:
    """The view of a stored case."""
    return CaseView(
        case_id=case_id,
        number=case.number,
        state=case.state,
        kind=case.kind,
        category=case.category,
        district=case.district,
        grade=case.grade,
        urgent=case.urgent,
        unit=case.unit,
        officer=case.officer,
        contact_due=case.contact_due,
        due=case.due,
        round=case.round,
        version=version,
        opened_at=case.opened_at,
        received_at=case.received_at,
        channel=case.channel,
        anonymous=case.is_anonymous,
        words=case.words,
        accepted_at=case.accepted_at,
        contacted_at=case.contacted_at,
        resolved_at=case.resolved_at,
        contact_overdue=case.contact_overdue,
        overdue=case.resolution_overdue,
        settlement=case.settlement,
    )


class Named(BaseModel):
    """A code and its Chinese name."""

    code: str
    name: str


class DistrictView(Named):
    """辖区. The fallback is the district of what names none, or the whole city."""

    fallback: bool


class UnitView(Named):
    """责任单位. `district` null: bureau-wide."""

    district: str | None
    categories: tuple[str, ...]
    officers: tuple[str, ...]


class OrganisationView(BaseModel):
    """The bureau: codes with their Chinese names."""

    name: str
    districts: list[DistrictView]
    units: list[UnitView]
    categories: list[Named]
    kinds: list[Named]
    grades: list[Named]
    states: list[Named]


def organisation(bureau: Bureau) -> OrganisationView:
    """The view of the bureau."""
    return OrganisationView(
        name=bureau.name,
        districts=[
            DistrictView(code=district.code, name=district.name, fallback=district.code == bureau.fallback_district)
            for district in bureau.districts.values()
        ],
        units=[
            UnitView(
                code=unit.code,
                name=unit.name,
                district=unit.district,
                categories=unit.categories,
                officers=unit.officers,
            )
            for unit in bureau.units.values()
        ],
        categories=[Named(code=c.code, name=c.name) for c in bureau.taxonomy.categories.values()],
        kinds=[Named(code=kind.value, name=kind.chinese) for kind in RequestKind],
        grades=[Named(code=grade.value, name=grade.chinese) for grade in Grade],
        states=[Named(code=state.value, name=state.chinese) for state in CaseState],
    )
