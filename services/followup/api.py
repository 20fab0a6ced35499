"""Follow-up's HTTP interface for staff: they read follow-ups, record understanding, and answers given by phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from services.followup import store
from services.followup.contacts import Contacts, UnreadableContactError
from services.followup.domain import followup
from services.followup.domain.replies import MAX_COMMENT
from services.followup.domain.state import Followup, Policy, Stage
from services.followup.views import ContactView, FollowupDetail, FollowupView, RemarkView, view
from shared.bus.commands import Commands
from shared.events.words import OfficerId, Satisfaction
from shared.privacy.sealing import UnsealError
from shared.web.auth import Role, Staff, require
from shared.web.case_commands import OWN_UNIT, CaseCommands, CaseIdPath, IfMatch, no_officer_id
from shared.web.idempotency import IdempotencyKey
from shared.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor, page_of
from shared.web.problems import Problem

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

reads = require(*OWN_UNIT, Role.OPERATOR, Role.SUPERVISOR, Role.ANALYST, Role.ADMIN)
explains = require(*OWN_UNIT, Role.OPERATOR)
calls = require(Role.OPERATOR)

# PostgreSQL has no zero byte in a text.
_Words = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_COMMENT, pattern=r"^[^\x00]*$")
]
_officer_id: TypeAdapter[str] = TypeAdapter(OfficerId)


class UnderstoodBody(BaseModel):
    """How the matter was explained, and how the citizen took it. `visit` says whether somebody went there."""

    model_config = ConfigDict(extra="forbid")

    visit: bool
    note: _Words


class AnswerBody(BaseModel):
    """What the citizen said on the phone."""

    model_config = ConfigDict(extra="forbid")

    level: Satisfaction
    comment: _Words | None = None
    medium: Literal["phone"] = "phone"


class FollowupApi:
    """The operations of staff on follow-ups."""

    def __init__(self, commands: Commands[Followup], contacts: Contacts, policy: Policy) -> None:
        self._commands = commands
        self._contacts = contacts
        self._policy = policy
        self._cases = CaseCommands(
            commands,
            store.idempotency,
            one="follow-up",
            many="follow-ups",
            show=view,
            unknown=_unknown,
            # Comments, remarks and numbers are nothing for a cache on the way.
            headers={"Cache-Control": "no-store"},
        )

    async def list(
        self,
        staff: Annotated[Staff, Depends(reads)],
        state: Annotated[Stage | None, Query()] = None,
        unit: Annotated[str | None, Query(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")] = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[FollowupView]:
        """Follow-ups, those of the newest cases first. Officers and unit leads see those of their own unit."""
        unit = self._cases.unit_listed(staff, unit)
        before: UUID | None = None
        if cursor is not None:
            (part,) = decode_cursor(cursor, UUID)
            assert isinstance(part, UUID)
            before = part
        async with self._commands.engine.connect() as connection:
            found = await store.page(connection, stage=state, unit=unit, before=before, limit=limit + 1)
        views = [view(case_id, one.version, one.state) for case_id, one in found if one.state is not None]
        return page_of(views, limit, lambda shown: (shown.case_id,))

    async def get(self, case_id: CaseIdPath, staff: Annotated[Staff, Depends(reads)]) -> Response:
        """One follow-up with the citizen's remarks, its version as `ETag`; for the phone desk, with whom to call."""
        async with self._commands.engine.connect() as connection:
            stored = await self._commands.aggregates.table.read(connection, case_id)
            remarks = await store.remarks(connection, case_id)
        if stored is None or stored.state is None:
            raise _unknown(case_id)
        self._cases.check_unit(staff, stored.state)
        shown = FollowupDetail(
            **view(case_id, stored.version, stored.state).model_dump(),
            remarks=[
                RemarkView(
                    replied_at=one.replied_at,
                    outcome=one.outcome,
                    text=self._opened(self._contacts.open_text, one.sealed_text, case_id),
                )
                for one in remarks
            ],
            contact=self._contact(staff, case_id, stored.state),
        )
        return self._cases.answer(shown)

    def _contact(self, staff: Staff, case_id: UUID, state: Followup) -> ContactView | None:
        if staff.role is not Role.OPERATOR or state.stage is not Stage.PHONE_DESK or state.requester is None:
            return None
        contact = self._opened(self._contacts.open, state.requester, case_id)
        # Who saw a citizen's number, and when, must be known afterwards.
        log.info("contact_shown", case_id=str(case_id), to=staff.subject)
        return ContactView(name=contact.name, phone=contact.phone)

    def _opened(self, opening: Callable[[str, UUID], _T], sealed: str, case_id: UUID) -> _T:
        try:
            return opening(sealed, case_id)
        except (UnsealError, UnreadableContactError) as error:
            log.error("sealed_text_not_opened", case_id=str(case_id), reason=str(error))
            raise Problem(
                503,
                "key-missing",
                "Can't be opened",
                "Something of this case is sealed with a key that this server doesn't have. Tell an administrator.",
            ) from None

    async def understood(
        self,
        request: Request,
        case_id: CaseIdPath,
        staff: Annotated[Staff, Depends(explains)],
        body: UnderstoodBody,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response:
        """Record that the citizen understood what can't be changed: ends an open rectification."""
        by = _officer(staff)
        decide = partial(followup.understood, by=by, visit=body.visit, note=body.note)
        return await self._cases.execute(request, case_id, staff, decide, if_match, key)

    async def answer(
        self,
        request: Request,
        case_id: CaseIdPath,
        staff: Annotated[Staff, Depends(calls)],
        body: AnswerBody,
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response:
        """Record an answer that the citizen gave on the phone, to the current round."""
        decide = partial(
            followup.answered,
            policy=self._policy,
            nth=None,
            level=body.level,
            comment=body.comment,
            medium=body.medium,
            at=datetime.now(UTC),
        )
        return await self._cases.execute(request, case_id, staff, decide, if_match, key)


def install(api: FastAPI, staff: FollowupApi) -> None:
    """Add the operations of staff to follow-up's application."""
    routes = APIRouter(prefix="/v1/followups")
    etag: dict[int | str, dict[str, Any]] = {
        200: {"headers": {"ETag": {"description": "the follow-up's version", "schema": {"type": "string"}}}}
    }
    routes.add_api_route(
        "", staff.list, summary="List follow-ups", tags=["followups"], response_model=Page[FollowupView]
    )
    routes.add_api_route(
        "/{case_id}",
        staff.get,
        summary="Read a follow-up",
        tags=["followups"],
        response_model=FollowupDetail,
        responses=etag,
    )
    for name, operation, summary in (
        ("understood", staff.understood, "Record understanding"),
        ("answer", staff.answer, "Record an answer given by phone"),
    ):
        routes.add_api_route(
            f"/{{case_id}}/{name}",
            operation,
            methods=["POST"],
            summary=summary,
            tags=["commands"],
            response_model=FollowupView,
            responses=etag,
        )
    api.include_router(routes)


def _officer(staff: Staff) -> str:
    try:
        return _officer_id.validate_python(staff.subject)
    except ValidationError:
        raise no_officer_id() from None


def _unknown(case_id: UUID) -> Problem:
    return Problem(
        404,
        "unknown-followup",
        "No such follow-up",
        f"There is no follow-up of case {case_id}. It begins when the unit has resolved the case.",
    )
