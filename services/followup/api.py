"""Follow-up's HTTP interface for staff: they read follow-ups, and record understanding and what citizens told them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from services.followup import readings, store
from services.followup.contacts import Contacts, UnreadableContactError
from services.followup.domain import followup
from services.followup.domain.replies import MAX_COMMENT
from services.followup.domain.state import Followup, Policy, Stage
from services.followup.readings import Reading
from services.followup.views import ContactView, FollowupDetail, FollowupView, ReadingView, RemarkView, view
from shared.bus.commands import Commands
from shared.decision import Decision, Moment
from shared.events.words import OfficerId, Satisfaction
from shared.folding import is_visible
from shared.privacy.sealing import UnsealError
from shared.web.auth import Role, Staff, require
from shared.web.case_commands import OWN_UNIT, CaseCommands, CaseIdPath, IfMatch, no_officer_id, version_read
from shared.web.idempotency import IdempotencyKey
from shared.web.paging import DEFAULT_LIMIT, Cursor, Limit, Page, decode_cursor, page_of
from shared.web.problems import Problem, refused

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

reads = require(*OWN_UNIT, Role.OPERATOR, Role.SUPERVISOR, Role.ANALYST, Role.ADMIN)
explains = require(*OWN_UNIT, Role.OPERATOR)
calls = require(Role.OPERATOR)
audits = require(Role.ADMIN)

MAX_PURPOSE = 200
MAX_PERSON = 200


def _visible(text: str) -> str:
    if not is_visible(text):
        raise PydanticCustomError("string_invisible", "Write something that can be seen")
    return text


# PostgreSQL has no zero byte in a text.
_NO_ZERO = r"^[^\x00]*$"
_Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_COMMENT, pattern=_NO_ZERO),
    AfterValidator(_visible),
]
_Purpose = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PURPOSE, pattern=_NO_ZERO),
    AfterValidator(_visible),
]
_officer_id: TypeAdapter[str] = TypeAdapter(OfficerId)


class UnderstoodBody(BaseModel):
    """How the matter was explained, and how the citizen took it. `visit` says whether somebody went there."""

    model_config = ConfigDict(extra="forbid")

    visit: bool
    note: _Words


class PurposeBody(BaseModel):
    """What somebody looks at a citizen's contact for."""

    model_config = ConfigDict(extra="forbid")

    purpose: _Purpose


class AnswerBody(BaseModel):
    """What the citizen said, and by which way: on the phone, or where a person wrote to them through their channel."""

    model_config = ConfigDict(extra="forbid")

    level: Satisfaction
    comment: _Words | None = None
    medium: Literal["phone", "wechat", "weibo"] = "phone"


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
        """One follow-up with the citizen's remarks, its version as `ETag`."""
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
        )
        return self._cases.answer(shown)

    async def contact_shown(
        self, case_id: CaseIdPath, staff: Annotated[Staff, Depends(calls)], body: PurposeBody
    ) -> Response:
        """Show whom to call about a case of the phone desk's list. Who looked, when, and what for is kept for good."""
        async with self._commands.engine.begin() as connection:
            stored = (await self._commands.aggregates.table.load(connection, [case_id])).get(case_id)
            if stored is None or stored.state is None:
                raise _unknown(case_id)
            _not_of_own_unit(staff, stored.state)
            if (refusal := followup.not_on_desk(stored.state)) is not None:
                raise refused(refusal)
            if stored.state.requester is None:
                raise Problem(
                    409,
                    "no-contact",
                    "Nobody left a contact",
                    f"Nothing is known of the citizen but that they came through {stored.state.channel}: write to them "
                    "there, or give the case up.",
                )
            contact = self._opened(self._contacts.open, stored.state.requester, case_id)
            reading = Reading(
                case_id,
                staff.subject,
                staff.role.value,
                staff.unit,
                body.purpose,
                self._commands.aggregates.clock(),
            )
            await readings.note(connection, reading)
        shown = ContactView(
            name=contact.name,
            phone=contact.phone,
            extension=contact.extension,
            unread_contact=contact.unread_contact,
        )
        return Response(shown.model_dump_json(), 200, {"Cache-Control": "no-store"}, "application/json")

    async def contact_readings(
        self,
        _staff: Annotated[Staff, Depends(audits)],
        case: Annotated[UUID | None, Query(description="the case whose citizen's contact was looked at")] = None,
        person: Annotated[
            str | None,
            Query(min_length=1, max_length=MAX_PERSON, pattern=_NO_ZERO, description="who looked, as in their token"),
        ] = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> Page[ReadingView]:
        """Who looked at citizens' contacts, the last look first."""
        before: int | None = None
        if cursor is not None:
            (part,) = decode_cursor(cursor, int)
            assert isinstance(part, int)
            before = part
        async with self._commands.engine.connect() as connection:
            found = await readings.page(connection, case=case, person=person, before=before, limit=limit + 1)
        views = [ReadingView(reading_id=reading_id, **asdict(reading)) for reading_id, reading in found]
        return page_of(views, limit, lambda shown: (shown.reading_id,))

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
        """Record what the citizen answered when a person of the phone desk asked. Needs `If-Match`."""
        decide = partial(
            followup.recorded,
            policy=self._policy,
            level=body.level,
            comment=body.comment,
            medium=body.medium,
            by=_officer(staff),
        )
        return await self._at_desk(request, case_id, staff, decide, if_match, key)

    async def unreachable(
        self,
        request: Request,
        case_id: CaseIdPath,
        staff: Annotated[Staff, Depends(calls)],
        if_match: IfMatch = None,
        key: IdempotencyKey = None,
    ) -> Response:
        """Give up a case of the phone desk's list: the citizen can't be reached. Needs `If-Match`."""
        decide = partial(followup.given_up, by=_officer(staff))
        return await self._at_desk(request, case_id, staff, decide, if_match, key)

    async def _at_desk(
        self,
        request: Request,
        case_id: UUID,
        staff: Staff,
        decide: Callable[[Followup, Moment], Decision[Followup]],
        if_match: str | None,
        key: str | None,
    ) -> Response:
        """Two of the desk may have called about the same case: the second must read what the first recorded."""

        def decided(state: Followup, moment: Moment) -> Decision[Followup]:
            _not_of_own_unit(staff, state)
            return decide(state, moment)

        version = version_read(if_match, "follow-up")
        return await self._cases.execute(request, case_id, staff, decided, version, key)


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
        ("answer", staff.answer, "Record an answer given to the phone desk"),
        ("unreachable", staff.unreachable, "Give up reaching the citizen"),
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
    routes.add_api_route(
        "/{case_id}/contact-shown",
        staff.contact_shown,
        methods=["POST"],
        summary="Show whom to call",
        tags=["contacts"],
        response_model=ContactView,
    )
    api.include_router(routes)
    api.add_api_route(
        "/v1/contact-readings",
        staff.contact_readings,
        summary="List who looked at contacts",
        tags=["contacts"],
        response_model=Page[ReadingView],
    )


def _not_of_own_unit(staff: Staff, state: Followup) -> None:
    """Who asks citizens about a unit's work must not be of that unit."""
    if staff.unit is not None and staff.unit == state.unit:
        raise Problem(
            403,
            "own-unit",
            "Not allowed",
            f"The case is {state.unit}'s, which is your own unit. Leave it to somebody of another unit.",
        )


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
