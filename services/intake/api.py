"""Intake over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import structlog
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, TypeAdapter
from starlette.routing import Route

from services.intake import answers, metrics
from services.intake.acceptance import Acceptance, Accepted
from services.intake.channels.registry import Channel, ChannelRegistry
from services.intake.domain.form import MAX_BATCH, Batch, RequestForm
from services.intake.domain.number import CaseNumberError, parse_case_number
from services.intake.store import Progress, RequestStore
from shared.settings import Settings
from shared.store.engine import is_transient
from shared.store.group_commit import NotWrittenError, QueueFullError
from shared.web.app import create_api
from shared.web.auth import ChannelScope, Role, Staff, channel_scope, read_channel_key, require, wrong_channel
from shared.web.case_commands import OWN_UNIT, other_unit, own_unit, sees_unit
from shared.web.channels import HEADER
from shared.web.health import Readiness
from shared.web.json_body import JsonReader, read_body
from shared.web.problems import Problem

log = structlog.get_logger(__name__)

_FORMS = JsonReader(RequestForm)
_BY_HAND: tuple[tuple[type[BaseModel], Literal["validation", "serialization"]], ...] = (
    (Batch, "validation"),
    (answers.AcceptedAnswer, "serialization"),
    (answers.BatchAnswer, "serialization"),
)
"""Models of bodies that the framework doesn't see."""
_KEYS_KEPT = 4_096
_READERS = [role for role in Role if role is not Role.AGENCY]

_key = APIKeyHeader(
    name=HEADER, auto_error=False, description="The channel's key; `minsheng token --channel` prints it."
)
_bearer = HTTPBearer(auto_error=False, description="Staff token; `minsheng token` prints one.")
_staff = require(*_READERS)


async def _reader(
    request: Request,
    key: Annotated[str | None, Depends(_key)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> ChannelScope | Staff:
    """Whoever may read progress: the channel that brought the request, or staff."""
    if credentials is not None:
        staff = await _staff(request, credentials)
        if staff.role in OWN_UNIT:
            # Told to whoever asks, whether there is such a request or not.
            own_unit(staff)
        return staff
    return await channel_scope(request, key)


Reader = Annotated[ChannelScope | Staff, Depends(_reader)]


def create_intake_api(
    settings: Settings,
    readiness: Readiness,
    acceptance: Acceptance,
    store: RequestStore,
    registry: ChannelRegistry,
) -> FastAPI:
    """The application with all its routes."""
    api = create_api("intake", "诉求受理 Intake", settings, readiness)
    # A channel posts with the same key again and again; its MAC is checked once.
    scope_of_key = lru_cache(_KEYS_KEPT)(lambda key: read_channel_key(settings.channel_ring, key))

    async def _scope(request: Request) -> ChannelScope:
        key = request.headers.get(HEADER)
        scope = scope_of_key(key) if key else None
        return scope if scope is not None else await channel_scope(request, key)

    # Read and answered by hand: the framework's own way through dependencies, body and response model costs as much
    # again as all of the work. What it would have told of the operation is told here.
    @api.post(
        "/v1/requests",
        status_code=202,
        response_class=Response,
        tags=["requests"],
        summary="Hand in a request",
        description="Answered once the request is durable. Posting it again, with the same `channel` and "
        "`channel_request_id`, gives the same answer with `repeated`; another content under the same id is refused.",
        responses=_documented(202, "AcceptedAnswer", "Durable"),
        openapi_extra=_takes("RequestForm"),
    )
    async def hand_in(request: Request) -> Response:
        scope = await _scope(request)
        form = _FORMS.one(await read_body(request))
        return answers.accepted_response(await _accept(form, scope))

    # Served past the framework's routing, too; the route above it documents.
    api.router.routes.insert(0, Route("/v1/requests", hand_in, methods=["POST"]))

    @api.post(
        "/v1/requests/batch",
        tags=["requests"],
        summary=f"Hand in up to {MAX_BATCH} requests at once",
        description="Each is answered for itself, in their order: 202 as by POST /v1/requests, or a problem.",
        response_class=Response,
        responses=_documented(200, "BatchAnswer", "One result for each request"),
        openapi_extra=_takes("Batch"),
    )
    async def hand_in_many(request: Request) -> Response:
        scope = await _scope(request)
        forms = _FORMS.each(await read_body(request), "requests", MAX_BATCH)
        results = await asyncio.gather(*(_result(form, scope) for form in forms))
        return Response(
            orjson.dumps({"results": list(map(answers.batch_item, results))}), media_type="application/json"
        )

    @api.get("/v1/requests/{case_id}", tags=["requests"], summary="How far is a request?")
    async def read(case_id: UUID, reader: Reader) -> answers.ProgressAnswer:
        async with _database():
            found = await store.by_id(case_id)
        return _by_id(found, reader, registry)

    @api.get("/v1/requests", tags=["requests"], summary="How far is the request of this number?")
    async def find(
        number: Annotated[
            str, Query(max_length=64, description="In any usual spelling", examples=["261124-0004217-8"])
        ],
        reader: Reader,
    ) -> answers.ProgressAnswer:
        try:
            written = parse_case_number(number)
        except CaseNumberError as error:
            raise Problem(422, "invalid-number", "Not a case number", str(error)) from None
        async with _database():
            found = await store.by_number(written)
        return _by_number(found, reader, registry)

    @api.get("/v1/channels", tags=["channels"], summary="The registry of channels")
    async def list_channels(_: Annotated[Staff, Depends(_staff)]) -> answers.ChannelsAnswer:
        return answers.channels(registry)

    @api.get("/v1/channels/{channel}", tags=["channels"], summary="A channel of the registry, for itself or staff")
    async def read_channel(channel: str, reader: Reader) -> Channel:
        found = registry.get(channel)
        if found is None:
            raise Problem(
                404,
                "unknown-channel",
                "Unknown channel",
                "The registry of channels has no such channel. Use the id that the bureau gave this channel.",
            )
        if isinstance(reader, ChannelScope) and not reader.allows(found.id, found.family):
            raise wrong_channel(reader, found.id)
        return found

    async def _accept(form: RequestForm, scope: ChannelScope) -> Accepted:
        try:
            result = await acceptance.accept(form, scope)
        except QueueFullError:
            raise _unavailable() from None
        except NotWrittenError as error:
            if not error.transient:
                raise
            raise _unavailable() from None
        family = registry.channels[form.channel].family
        if result.repeated:
            metrics.REPEATED.labels(family).inc()
        else:
            metrics.ACCEPTED.labels(family, "true" if result.urgent else "false").inc()
        return result

    async def _result(item: RequestForm | Problem, scope: ChannelScope) -> Accepted | Problem:
        if isinstance(item, Problem):
            return item
        try:
            return await _accept(item, scope)
        except Problem as problem:
            return problem
        except NotWrittenError:
            log.exception("request_not_stored")
            return Problem(
                500,
                "internal-error",
                "Internal error",
                "This request could not be stored and the reason was logged. The other requests are not concerned.",
            )

    document = api.openapi

    def complete_document() -> dict[str, Any]:
        schema = document()
        schemas = schema["components"]["schemas"]
        for model, mode in _BY_HAND:
            described = TypeAdapter(model).json_schema(ref_template="#/components/schemas/{model}", mode=mode)
            schemas |= {**described.pop("$defs", {}), model.__name__: described}
        return schema

    api.openapi = complete_document  # type: ignore[method-assign]
    return api


def _takes(model: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model}"}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "security": [{"APIKeyHeader": []}],
    }


def _documented(status: int, model: str, description: str) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": f"#/components/schemas/{model}"}
    return {status: {"description": description, "content": {"application/json": {"schema": schema}}}}


def _unavailable() -> Problem:
    metrics.UNAVAILABLE.inc()
    return Problem(
        503,
        "not-stored",
        "Not stored",
        "The request could not be stored just now. Post the same request again after Retry-After: it becomes one case.",
        headers={"Retry-After": "1"},
    )


@asynccontextmanager
async def _database() -> AsyncIterator[None]:
    try:
        yield
    except Exception as error:
        if not is_transient(error):
            raise
        log.warning("reading_waits", error=type(error).__name__)
        raise Problem(
            503,
            "not-readable",
            "Not readable",
            "The database can't be read just now. Ask again after Retry-After.",
            headers={"Retry-After": "1"},
        ) from None


def _by_id(found: Progress | None, reader: ChannelScope | Staff, registry: ChannelRegistry) -> answers.ProgressAnswer:
    """The progress of a request whose id the reader has. An id can't be guessed: what is not theirs is told as that."""
    if found is not None and isinstance(reader, Staff) and not sees_unit(reader, found.unit):
        raise other_unit(reader, "requests")
    return _by_number(found, reader, registry)


def _by_number(
    found: Progress | None, reader: ChannelScope | Staff, registry: ChannelRegistry
) -> answers.ProgressAnswer:
    """The progress of a request. Numbers can be counted through: what is not the reader's seems not to be there."""
    if found is not None and not _may_see(reader, found, registry):
        found = None
    if found is None:
        raise Problem(
            404,
            "unknown-request",
            "Unknown request",
            "There is no such request, or it is not open to you: another channel brought it, or another unit has it. "
            "Check it, or ask with that channel's key.",
        )
    return answers.progress(found)


def _may_see(reader: ChannelScope | Staff, found: Progress, registry: ChannelRegistry) -> bool:
    if isinstance(reader, Staff):
        return sees_unit(reader, found.unit)
    channel = registry.get(found.channel)
    return channel is not None and reader.allows(channel.id, channel.family)
