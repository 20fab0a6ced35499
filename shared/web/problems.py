"""Errors as problem details (RFC 9457), each with a stable `type` and a `detail` that says what to do."""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.decision import Refusal
from shared.privacy.redaction import redact
from shared.store.engine import is_transient
from shared.telemetry.tracing import current_traceparent, trace_id

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
URN = "urn:minsheng:problem:"
_MAX_LOCATION = 64

_ADVICE = {
    400: "The request can't be read. Compare it with /openapi.json.",
    404: "There is nothing at this address. /openapi.json lists those that exist.",
    405: "This address doesn't take that method; the Allow header names those it does.",
    413: "The request body is too large.",
    415: "Send the body as application/json.",
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Problem details (RFC 9457)",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "detail"],
                    "properties": {
                        "type": {"type": "string", "format": "uri", "examples": [f"{URN}invalid-request"]},
                        "title": {"type": "string"},
                        "status": {"type": "integer", "minimum": 400, "maximum": 599},
                        "detail": {"type": "string"},
                        "trace": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                        "errors": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["field", "code", "message"],
                                "properties": {
                                    "field": {"type": "string"},
                                    "code": {"type": "string"},
                                    "message": {"type": "string"},
                                },
                            },
                        },
                    },
                }
            }
        },
    }
}
"""For `FastAPI(responses=...)`: every operation may answer with a problem, and nothing else on an error."""


class Problem(Exception):  # noqa: N818 - the standard's own word
    """An answer of status >= 400. `slug` is stable and becomes `type`; `detail` says what the caller can do.

    `extra` members are part of the body. None of them may hold personal data.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: object,
    ) -> None:
        super().__init__(f"{status} {slug}")
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def body(self) -> bytes:
        """The problem details as JSON, with the id of the current trace."""
        told: dict[str, object] = {
            "type": URN + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }
        traced = trace_id(current_traceparent())
        if traced is not None:
            told["trace"] = traced
        return orjson.dumps(told)

    def response(self) -> Response:
        """The answer as a whole."""
        return Response(self.body(), self.status, headers=self.headers, media_type=MEDIA_TYPE)


def refused(refusal: Refusal, status: int = http.HTTPStatus.CONFLICT) -> Problem:
    """A domain's refusal as a problem: the request was understood, but the case doesn't allow it now."""
    return Problem(status, refusal.code, "Refused", refusal.reason)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem: validation, unknown addresses, and failures nobody expected.

    Call it before the other middleware is added, so that theirs stays outside.
    """
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_middleware(UnexpectedErrors)


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return invalid_request(field_errors(error.errors())).response()


def invalid_request(errors: Sequence[Mapping[str, str]]) -> Problem:
    """The problem of a request that can't be read; `errors` as `field_errors` makes them."""
    return Problem(
        422,
        "invalid-request",
        "Invalid request",
        "Correct the fields named in `errors` and send the request again.",
        errors=list(errors),
    )


def field_errors(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Pydantic's errors as (field, code, message). The values sent are never echoed: they may be personal data."""
    return [
        {
            "field": ".".join(_named(part) for part in one["loc"]),
            "code": one["type"],
            "message": _message(one),
        }
        for one in errors
    ]


def _named(part: object) -> str:
    # A caller's own name may hold half a character, which no answer can.
    return str(part)[:_MAX_LOCATION].encode("utf-8", "replace").decode()


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":
        if "hex escape" in str(error.get("ctx", {}).get("error", "")):
            return "An escape in a text is cut short or half a character (a lone surrogate). Send whole characters."
        return "This is not JSON."
    if error["type"].startswith("union_tag"):
        # Its text quotes the tag that was sent.
        return f"Input should be one of {error.get('ctx', {}).get('expected_tags', 'the known kinds')}"
    return redact(str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, "))


async def _http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    phrase = http.HTTPStatus(status).phrase
    detail = _ADVICE.get(status) or (str(error.detail) if error.detail else phrase)
    if status < http.HTTPStatus.BAD_REQUEST or status in {204, 304}:
        return Response(status_code=status, headers=dict(error.headers or {}))
    slug = phrase.lower().replace(" ", "-").replace("'", "")
    return Problem(status, slug, phrase, detail, headers=error.headers).response()


_INTERNAL = Problem(
    500,
    "internal-error",
    "Internal error",
    "Something went wrong on our side and was logged. Try again later; if it stays so, report `trace`.",
)
_UNAVAILABLE = Problem(
    503,
    "temporarily-unavailable",
    "Temporarily unavailable",
    "The database can't be reached now, and nothing of the request was done. Send it again in a moment.",
    headers={"Retry-After": "2"},
)


class UnexpectedErrors:
    """ASGI middleware: logs an exception that nobody handled and answers 500, without a word of what it held; 503 where
    the database is away and sending the request again will help."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            route = scope.get("route")
            log.exception("request_failed", method=scope["method"], route=getattr(route, "path", None))
            if started:
                # The head of another answer is out: only breaking the connection tells that it is not complete.
                raise
            await (_UNAVAILABLE if is_transient(error) else _INTERNAL).response()(scope, receive, send)
