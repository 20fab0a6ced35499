"""The SMS gateway's callbacks: receipts and replies, signed, in batches, harmless when they come again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Literal, NoReturn, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from services.followup.domain.codes import MAX_CODE, kept
from services.followup.inbox import Inbox, Incoming, Receipt, Taken
from services.followup.metrics import REFUSED
from shared.events.times import Instant
from shared.web.callbacks import HEADER, signed_body
from shared.web.problems import field_errors

MAX_BATCH = 1_000
MAX_TEXT = 4_000
"""Characters of a reply: several times the longest concatenated SMS."""
B = TypeVar("B", bound=BaseModel)


def _written_code(value: object) -> object:
    """Some carriers count their codes."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _printable(code: str) -> str:
    if not code.isprintable():
        raise PydanticCustomError("string_printable", "Write the code in printable characters, or none")
    return code


_Time = Annotated[Instant, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]
"""Times that are meant; the ends of the calendar overflow in other zones."""
_Code = Annotated[str, Field(max_length=MAX_CODE), AfterValidator(_printable)]
_Id = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]


class ReceiptBody(BaseModel):
    """What became of one message."""

    message_id: _Id
    status: Literal["delivered", "failed"]
    code: Annotated[_Code | None, BeforeValidator(_written_code)] = Field(
        default=None, description="why it failed: the carrier's code, in its own words"
    )
    at: _Time


class ReceiptsBody(BaseModel):
    """Receipts in any order; of several for one message the first counts."""

    receipts: list[ReceiptBody] = Field(max_length=MAX_BATCH)


class ReplyBody(BaseModel):
    """What a citizen wrote back."""

    reply_id: _Id
    sender: str = Field(
        alias="from", min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$", description="the number it came from"
    )
    text: str = Field(max_length=MAX_TEXT)
    at: _Time


class RepliesBody(BaseModel):
    """Replies in any order; each counts once, by its id."""

    replies: list[ReplyBody] = Field(max_length=MAX_BATCH)


class FieldError(BaseModel):
    """What is wrong with a member, by its place in the body."""

    field: str
    code: str
    message: str


class RefusedItem(BaseModel):
    """An item that can't be read: sent as it is, it will never be taken."""

    index: int = Field(description="its place in the batch, from 0")
    errors: list[FieldError]


class TakenBody(BaseModel):
    """How the batch was taken. All of it is dealt with: nothing needs to be sent again as it was."""

    recorded: int = Field(description="new")
    repeated: int = Field(description="taken before")
    unknown: int = Field(description="about messages or numbers that are not ours")
    refused: list[RefusedItem] = Field(description="can't be read; where no item can, the whole is refused (422)")


class Callbacks:
    """The operations of the SMS gateway."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def receipts(self, body: Annotated[bytes, Depends(signed_body)]) -> TakenBody:
        """Take receipts."""
        batch, refused = _read(ReceiptBody, "receipts", body)
        ours: list[Receipt] = []
        for one in batch:
            message_id = _message_id(one.message_id)
            if message_id is not None:
                ours.append(Receipt(message_id, one.status, kept(one.code), one.at))
        taken = await self._inbox.receipts(ours)
        return _told(taken, len(batch) - len(ours), refused)

    async def replies(self, body: Annotated[bytes, Depends(signed_body)]) -> TakenBody:
        """Take replies."""
        batch, refused = _read(ReplyBody, "replies", body)
        taken = await self._inbox.replies(
            # PostgreSQL has no zero byte in a text.
            [Incoming(one.reply_id, one.sender, one.text.replace("\x00", ""), one.at) for one in batch]
        )
        return _told(taken, 0, refused)


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


def _read(model: type[B], member: str, body: bytes) -> tuple[list[B], list[RefusedItem]]:
    """The items of a batch, and those that can't be read. Raises `RequestValidationError` where none can."""
    read: list[B] = []
    refused: list[RefusedItem] = []
    errors: list[ErrorDetails] = []
    for index, item in enumerate(_items(member, body)):
        try:
            read.append(model.model_validate(item))
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False, include_input=False)
            here: list[ErrorDetails] = [{**one, "loc": (member, index, *one["loc"])} for one in wrong]
            errors += here
            refused.append(RefusedItem(index=index, errors=[FieldError(**one) for one in field_errors(here)]))
    if refused:
        REFUSED.labels(member).inc(len(refused))
    if refused and not read:
        raise RequestValidationError(errors)
    return read, refused


def _items(member: str, body: bytes) -> list[object]:
    """What is in a batch, each as it came: halves of characters and odd types are a matter of one item."""
    try:
        found = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
    # Nested too deep, or a number that is too long, is no JSON of ours either.
    except (ValueError, RecursionError):
        raise _wrong((), "json_invalid", "This is not JSON in UTF-8.") from None
    items = found.get(member) if isinstance(found, dict) else None
    if not isinstance(items, list):
        raise _wrong((member,), "list_type", f'Send an object with a list: {{"{member}": [...]}}.')
    if len(items) > MAX_BATCH:
        raise _wrong((member,), "too_long", f"Send at most {MAX_BATCH:,} items in a batch.")
    return items


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _wrong(place: tuple[str, ...], code: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": place, "type": code, "msg": message}])


def _message_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _told(taken: Taken, foreign: int, refused: list[RefusedItem]) -> TakenBody:
    return TakenBody(recorded=taken.recorded, repeated=taken.repeated, unknown=taken.unknown + foreign, refused=refused)
