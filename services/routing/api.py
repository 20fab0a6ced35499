"""Routing's HTTP interface: staff read cases and say what they did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.routing import store
from services.routing.domain import decisions
from services.routing.domain.case import Case, CaseState
from services.routing.domain.decisions import Accept, Contact, Resolve, ResultText
from services.routing.domain.organisation import Bureau
from services.routing.views import CaseView, OrganisationView, organisation, view
from shared.bus.commands import Commands
from shared.events.words import ContactMethod
from shared.web.auth import Role, Staff, require
from shared.web.case_commands import OWN_UNIT, CaseCommands, CaseIdPath, IfMatch, no_officer_id
from shared.web.idempotency import IdempotencyKey
from shared.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor, page_of
from shared.web.problems import Problem

_EVERYWHERE = (Role.OPERATOR, Role.SUPERVISOR, Role.ANALYST, Role.ADMIN)
"""Roles that see the cases of every unit."""
C = TypeVar("C")
_Code = Annotated[str | None, Query(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]

reads = require(*OWN_UNIT, *_EVERYWHERE)
acts = require(*OWN_UNIT)
any_staff = require()


class NoContent(BaseModel):
    """An empty object."""

    model_config = ConfigDict(extra="forbid")


class ContactBody(BaseModel):
    """How one spoke with the citizen."""

    model_config = ConfigDict(extra="forbid")

    method: ContactMethod


class ResolveBody(BaseModel):
    """What the citizen was told."""

    model_config = ConfigDict(extra="forbid")

    result: ResultText


class CaseApi:
    """The operations on cases."""

    def __init__(self, engine: AsyncEngine, commands: Commands[Case], bureau: Bureau) -> None:
        self._engine = engine
        self._commands = commands
        self._bureau = bureau
        self._cases = CaseCommands(
            commands,
            store.idempotency,
            one="case",
            many="cases",
            show=view,
            unknown=_unknown,
            forbidden=frozenset({"not-your-case"}),
        )

    async def list(
        self,
        staff: Annotated[Staff, Depends(reads)],
        state: Annotated[CaseState | None, Query()] = None,
        unit: _Code = None,
        officer: _Code = None,
        urgent: Annotated[bool | None, Query(description="Only those that belong to 110, or only the others")] = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[CaseView]:
        """Urgent cases on which the unit owes something first, then all others, each the newest first.

        Officers and unit leads see those of their own unit.
        """
        unit = self._cases.unit_listed(staff, unit)
        behind: tuple[bool, UUID] | None = None
        if cursor is not None:
            pressing, case_id = decode_cursor(cursor, int, UUID)
            assert isinstance(case_id, UUID)
            behind = bool(pressing), case_id
        async with self._engine.connect() as connection:
            found = await store.list_cases(
                connection, limit=limit + 1, behind=behind, state=state, unit=unit, officer=officer, urgent=urgent
            )
        page = page_of(found, limit, lambda listed: (int(listed.case.is_pressing), listed.case_id))
        views = [view(listed.case_id, listed.version, listed.case) for listed in page.items]
        return Page[CaseView].model_construct(items=views, next=page.next)

    async def get(self, case_id: CaseIdPath, staff: Annotated[Staff, Depends(reads)]) -> Response:
        """One case, with its version as `ETag`."""
        async with self._engine.connect() as connection:
            stored = await self._commands.aggregates.table.read(connection, case_id)
        if stored is None or stored.state is None:
            raise _unknown(case_id)
        self._cases.check_unit(staff, stored.state)
        return self._cases.answer(view(case_id, stored.version, stored.state))

    async def accept(
        self,
        request: Request,
        case_id: CaseIdPath,
        staff: Annotated[Staff, Depends(acts)],
        body: NoContent,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response:
        """Take the case on."""
        command = _command(lambda: Accept(officer=staff.subject, leads=_leads(staff)))
        return await self._cases.execute(
            request, case_id, staff, lambda case, moment: decisions.accept(case, command, moment), if_match, key
        )

    async def contact(
        self,
        request: Request,
        case_id: CaseIdPath,
        staff: Annotated[Staff, Depends(acts)],
        body: ContactBody,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response:
        """Say that one has spoken with the citizen."""
        command = _command(lambda: Contact(officer=staff.subject, leads=_leads(staff), method=body.method))
        return await self._cases.execute(
            request, case_id, staff, lambda case, moment: decisions.contact(case, command, moment), if_match, key
        )

    async def resolve(
        self,
        request: Request,
        case_id: CaseIdPath,
        staff: Annotated[Staff, Depends(acts)],
        body: ResolveBody,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response:
        """Say what the result is, as the citizen was told. A survey of the citizen follows."""
        command = _command(lambda: Resolve(officer=staff.subject, leads=_leads(staff), result=body.result))
        return await self._cases.execute(
            request, case_id, staff, lambda case, moment: decisions.resolve(case, command, moment), if_match, key
        )

    async def organisation(self, _staff: Annotated[Staff, Depends(any_staff)]) -> OrganisationView:
        """Districts, units with their duty rosters, and categories: codes with their Chinese names."""
        return organisation(self._bureau)


def install(api: FastAPI, cases: CaseApi) -> None:
    """Add routing's operations to its application."""
    routes = APIRouter(prefix="/v1")
    etag: dict[int | str, dict[str, Any]] = {
        200: {"headers": {"ETag": {"description": "the case's version", "schema": {"type": "string"}}}}
    }
    routes.add_api_route("/cases", cases.list, summary="List cases", tags=["cases"], response_model=Page[CaseView])
    routes.add_api_route(
        "/cases/{case_id}", cases.get, summary="Read a case", tags=["cases"], response_model=CaseView, responses=etag
    )
    for name, operation, summary in (
        ("accept", cases.accept, "Take a case on"),
        ("contact", cases.contact, "Record a contact with the citizen"),
        ("resolve", cases.resolve, "Record the result"),
    ):
        routes.add_api_route(
            f"/cases/{{case_id}}/{name}",
            operation,
            methods=["POST"],
            summary=summary,
            tags=["commands"],
            response_model=CaseView,
            responses=etag,
        )
    routes.add_api_route("/organisation", cases.organisation, summary="The bureau", tags=["organisation"])
    api.include_router(routes)


def _leads(staff: Staff) -> str | None:
    return staff.unit if staff.role is Role.UNIT_LEAD else None


def _command(make: Callable[[], C]) -> C:
    """The command of a member of staff. Bodies are checked before: what can be wrong here is who they are."""
    try:
        return make()
    except ValidationError:
        raise no_officer_id() from None


def _unknown(case_id: UUID) -> Problem:
    return Problem(
        404,
        "unknown-case",
        "No such case",
        f"Routing has no case {case_id}. A request that was just accepted takes a moment to become a case: try again.",
    )
