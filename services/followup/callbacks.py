"""The SMS gateway's callbacks: receipts and replies, signed, in batches, harmless when they come again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from services.followup.inbox import Inbox, Incoming, Receipt, Taken
from shared.web.callbacks import HEADER, signed_body

MAX_BATCH = 1_000
MAX_TEXT = 4_000
"""Characters of a reply: several times the longest concatenated SMS."""
_Time = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]
"""Times that are meant; the ends of the calendar overflow in other zones."""
B = TypeVar("B", bound=BaseModel)
_CODE = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class ReceiptBody(BaseModel):
    """What became of one message."""

    message_id: str = Field(min_length=1, max_length=200)
    status: Literal["delivered", "failed"]
    code: str | None = Field(default=None, pattern=_CODE, description="why it failed; the carrier's code")
    at: _Time


class ReceiptsBody(BaseModel):
    """Receipts in any order; of several for one message the first counts."""

    receipts: list[ReceiptBody] = Field(max_length=MAX_BATCH)


class ReplyBody(BaseModel):
    """What a citizen wrote back."""

    # PostgreSQL has no zero byte in a text, and nobody an id with one.
    reply_id: str = Field(pattern=r"^[!-~]{1,200}$")
    sender: str = Field(alias="from", min_length=1, max_length=64, description="the number it came from")
    text: str = Field(max_length=MAX_TEXT)
    at: _Time


class RepliesBody(BaseModel):
    """Replies in any order; each counts once, by its id."""

    replies: list[ReplyBody] = Field(max_length=MAX_BATCH)


class TakenBody(BaseModel):
    """How the batch was taken. All of it is dealt with: nothing needs to be sent again."""

    recorded: int = Field(description="new")
    repeated: int = Field(description="taken before")
    unknown: int = Field(description="about messages or numbers that are not ours")


class Callbacks:
    """The operations of the SMS gateway."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def receipts(self, body: Annotated[bytes, Depends(signed_body)]) -> TakenBody:
        """Take receipts."""
        batch = _read(ReceiptsBody, body)
        ours: list[Receipt] = []
        for one in batch.receipts:
            message_id = _message_id(one.message_id)
            if message_id is not None:
                ours.append(Receipt(message_id, one.status, one.code or "unknown", one.at))
        taken = await self._inbox.receipts(ours)
        return _told(taken, foreign=len(batch.receipts) - len(ours))

    async def replies(self, body: Annotated[bytes, Depends(signed_body)]) -> TakenBody:
        """Take replies."""
        batch = _read(RepliesBody, body)
        taken = await self._inbox.replies(
            [Incoming(one.reply_id, one.sender, one.text.replace("\x00", ""), one.at) for one in batch.replies]
        )
        return _told(taken, foreign=0)


def install(api: FastAPI, callbacks: Callbacks) -> None:
    """Add the gateway's operations to follow-up's application."""
    routes = APIRouter(prefix="/v1/callbacks/sms", tags=["callbacks"])
    for name, operation, model in (
        ("receipts", callbacks.receipts, ReceiptsBody),
        ("replies", callbacks.replies, RepliesBody),
    ):
        routes.add_api_route(
            f"/{name}",
            operation,
            methods=["POST"],
            summary=f"Take {name}",
            response_model=TakenBody,
            openapi_extra=_signed(model),
        )
    api.include_router(routes)


def _signed(model: type[BaseModel]) -> dict[str, object]:
    """What the OpenAPI document can't see: the body is read raw, because its signature holds for its very bytes."""
    return {
        "parameters": [
            {
                "name": HEADER,
                "in": "header",
                "required": True,
                "schema": {"type": "string"},
                "description": "t=<unix seconds>,v1=<hex HMAC-SHA256 of `t.body`>",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inlined(model)}},
        },
    }


def _inlined(model: type[BaseModel]) -> dict[str, object]:
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    for field in schema["properties"].values():
        items = field.get("items", {})
        if "$ref" in items:
            field["items"] = definitions[items["$ref"].rsplit("/", 1)[1]]
    return schema


def _read(model: type[B], body: bytes) -> B:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False)) from None


def _message_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _told(taken: Taken, *, foreign: int) -> TakenBody:
    return TakenBody(recorded=taken.recorded, repeated=taken.repeated, unknown=taken.unknown + foreign)
