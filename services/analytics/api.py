"""Analytics' HTTP interface: staff ask for numbers. Unit leads get those of their own unit, whatever they ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Path, Query
from sqlalchemy.ext.asyncio import AsyncEngine

from services.analytics import queries, store
from services.analytics.domain.rollup import DIMENSIONS, OpenCell
from services.analytics.live import LiveRate
from services.analytics.queries import Question, TooManyRowsError
from services.analytics.settings import AnalyticsSettings
from services.analytics.views import (
    CaseAnswer,
    CountsAnswer,
    LiveAnswer,
    OpenAnswer,
    RecentAnswer,
    SatisfactionAnswer,
)
from shared.web.auth import Role, Staff, require
from shared.web.problems import Problem

_EVERYWHERE = (Role.ANALYST, Role.SUPERVISOR, Role.ADMIN)
reads = require(*_EVERYWHERE, Role.UNIT_LEAD)

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)
"""The days that can be asked for."""
DEFAULT_DAYS = 30
RECENT_DEFAULT = 50
RECENT_MAX = 200
_LONGEST_LIST = 2_000
_CODES_MAX = 100
_CODES = r"^[a-z0-9][a-z0-9._-]{0,63}(,[a-z0-9][a-z0-9._-]{0,63})*$"

Reader = Annotated[Staff, Depends(reads)]
Codes = Annotated[
    str | None, Query(pattern=_CODES, max_length=_LONGEST_LIST, description="Only these codes, separated by commas")
]
By = Annotated[
    str,
    Query(
        pattern=r"^([a-z]+(,[a-z]+)*)?$",
        max_length=64,
        description=f"Dimensions of a row, separated by commas: {', '.join(DIMENSIONS)}; empty gives the total",
    ),
]
OpenBy = Annotated[
    str,
    Query(
        pattern=r"^([a-z]+(,[a-z]+)*)?$",
        max_length=64,
        description=f"Dimensions of a row, separated by commas: {', '.join(OpenCell._fields)}; empty gives the total",
    ),
]
From = Annotated[date | None, Query(alias="from", description="First day; without it, 30 days up to `to`")]
To = Annotated[date | None, Query(alias="to", description="Last day, included; without it, today in the bureau")]


class AnalyticsApi:
    """The questions that can be asked."""

    def __init__(
        self, settings: AnalyticsSettings, engine: AsyncEngine, live: LiveRate, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._live = live
        self._clock = clock

    async def counts(
        self,
        staff: Reader,
        by: By = "day",
        first: From = None,
        last: To = None,
        family: Codes = None,
        district: Codes = None,
        unit: Codes = None,
        category: Codes = None,
    ) -> CountsAnswer:
        """Cases received, opened, assigned, resolved, in time, reopened, overdue and closed."""
        question = self._question(
            staff, by, first, last, family=family, district=district, unit=unit, category=category
        )
        try:
            async with self._engine.connect() as connection:
                rows = await queries.counts(connection, question, self._settings.analytics_rows)
        except TooManyRowsError as error:
            raise _too_many(error) from None
        return CountsAnswer.model_validate(_told(question, rows))

    async def satisfaction(
        self,
        staff: Reader,
        by: By = "day",
        first: From = None,
        last: To = None,
        family: Codes = None,
        district: Codes = None,
        unit: Codes = None,
        category: Codes = None,
    ) -> SatisfactionAnswer:
        """What citizens said when they were asked afterwards, and how the asking ended."""
        question = self._question(
            staff, by, first, last, family=family, district=district, unit=unit, category=category
        )
        try:
            async with self._engine.connect() as connection:
                rows = await queries.satisfaction(connection, question, self._settings.analytics_rows)
        except TooManyRowsError as error:
            raise _too_many(error) from None
        return SatisfactionAnswer.model_validate(_told(question, rows))

    async def open(self, staff: Reader, by: OpenBy = "state", unit: Codes = None, district: Codes = None) -> OpenAnswer:
        """Cases that are not closed, now."""
        dimensions = _dimensions(by, OpenCell._fields)
        only = _only(unit=_own(staff, _codes(unit, "unit")), district=_codes(district, "district"))
        try:
            async with self._engine.connect() as connection:
                rows = await queries.open_by(connection, dimensions, only, self._settings.analytics_rows)
        except TooManyRowsError as error:
            raise _too_many(error) from None
        return OpenAnswer.model_validate({"by": dimensions, "rows": rows})

    async def live(self, staff: Reader) -> LiveAnswer:
        """Requests per minute of the whole bureau, approximate; never fails because the live part does."""
        return LiveAnswer.of(self._live.read())

    async def recent(
        self, staff: Reader, limit: Annotated[int, Query(ge=1, le=RECENT_MAX)] = RECENT_DEFAULT
    ) -> RecentAnswer:
        """The latest public events of the whole bureau, newest first: what other agencies are told, too."""
        async with self._engine.connect() as connection:
            rows = await queries.latest_events(connection, limit)
        return RecentAnswer.model_validate({"rows": rows})

    async def case(
        self, staff: Reader, case_id: Annotated[UUID, Path(description="The case's id, given by intake")]
    ) -> CaseAnswer:
        """The facts of one case, as they are counted."""
        async with self._engine.connect() as connection:
            fact = await store.read_fact(connection, case_id)
        if fact is None:
            raise Problem(
                404,
                "unknown-case",
                "Unknown case",
                "Analytics has heard nothing of this case. Check the id; a new request takes a moment to arrive.",
            )
        if staff.role is Role.UNIT_LEAD and fact.unit != _unit_of(staff):
            raise Problem(
                403, "other-unit", "Not your unit", "This case is another unit's; ask a supervisor or an analyst."
            )
        return CaseAnswer.of(fact)

    def _question(
        self, staff: Staff, by: str, first: date | None, last: date | None, *, unit: str | None, **codes: str | None
    ) -> Question:
        if any(not FIRST_DAY <= day <= LAST_DAY for day in (first, last) if day is not None):
            raise Problem(
                422,
                "bad-range",
                "Bad range of days",
                f"`from` and `to` lie between {FIRST_DAY} and {LAST_DAY}. Correct the year.",
            )
        last = last or self._clock().astimezone(self._settings.zone).date()
        first = first or last - timedelta(days=DEFAULT_DAYS - 1)
        most = self._settings.analytics_days
        if not timedelta(0) <= last - first < timedelta(days=most):
            raise Problem(
                422,
                "bad-range",
                "Bad range of days",
                f"`from` must not come after `to`, and both together span at most {most} days. Ask for less at once.",
            )
        only = _only(
            unit=_own(staff, _codes(unit, "unit")), **{name: _codes(given, name) for name, given in codes.items()}
        )
        return Question(_dimensions(by, DIMENSIONS), first, last, only)


def _told(question: Question, rows: queries.Rows) -> dict[str, object]:
    return {"by": question.by, "first": question.first, "last": question.last, "rows": rows}


def _dimensions(by: str, known: Iterable[str]) -> list[str]:
    asked = list(dict.fromkeys(by.split(","))) if by else []
    if unknown := [name for name in asked if name not in known]:
        raise Problem(
            422,
            "unknown-dimension",
            "Unknown dimension",
            f"There is no dimension {', '.join(unknown)}; take some of {', '.join(known)}, separated by commas.",
        )
    return asked


def _codes(given: str | None, name: str) -> frozenset[str] | None:
    if given is None:
        return None
    codes = frozenset(given.split(","))
    if len(codes) > _CODES_MAX:
        raise Problem(
            422, "too-many-codes", "Too many codes", f"`{name}` takes at most {_CODES_MAX} codes. Ask in several steps."
        )
    return codes


def _only(**codes: frozenset[str] | None) -> dict[str, frozenset[str]]:
    return {name: given for name, given in codes.items() if given is not None}


def _unit_of(staff: Staff) -> str:
    if staff.unit is None:
        raise Problem(
            403, "unit-needed", "No unit", "Your token names no unit. Ask an administrator for one that does."
        )
    return staff.unit


def _own(staff: Staff, units: frozenset[str] | None) -> frozenset[str] | None:
    """The units that may be shown: those asked for, but a unit lead's own alone."""
    if staff.role is not Role.UNIT_LEAD:
        return units
    own = frozenset({_unit_of(staff)})
    if units is not None and units != own:
        raise Problem(
            403, "other-unit", "Not your unit", "A unit lead sees the own unit alone: leave out `unit`, or name yours."
        )
    return own


def _too_many(error: TooManyRowsError) -> Problem:
    return Problem(
        422,
        "too-many-rows",
        "Too many rows",
        f"The answer would have more than {error.limit} rows. Ask for fewer days or dimensions, or some codes only.",
    )


def install(api: FastAPI, asked: AnalyticsApi) -> None:
    """Add the routes."""
    routes = APIRouter(prefix="/v1", tags=["analytics"])
    # A row holds the dimensions that were asked for and no others.
    routes.get("/counts", response_model_exclude_unset=True)(asked.counts)
    routes.get("/satisfaction", response_model_exclude_unset=True)(asked.satisfaction)
    routes.get("/open", response_model_exclude_unset=True)(asked.open)
    routes.get("/live")(asked.live)
    routes.get("/recent")(asked.recent)
    routes.get("/cases/{case_id}")(asked.case)
    api.include_router(routes)
