"""What a channel hands in: the form of a request, normalised while it is read, so that no other form exists inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WrapValidator,
)
from pydantic_core import PydanticCustomError, ValidationError

from services.intake.domain.text import normalise_line, normalise_text
from shared.events.request import Location
from shared.events.words import ChannelId, RequestKind
from shared.privacy.contact import ContactError, normalise_phone

MAX_BODY = 20_000
MAX_SUBJECT = 200
MAX_PLACE = 300
MAX_HINT = 100
MAX_NAME = 100
MAX_IDENTITY = 64
MAX_BATCH = 500


def _text(
    normalise: Callable[[str], str], longest: int, *, required: bool = False
) -> Callable[[str | None], str | None]:
    """Limits count what is left after normalising, so that no channel is refused for white space."""

    def read(value: str | None) -> str | None:
        text = normalise(value) if value is not None else ""
        if len(text) > longest:
            raise PydanticCustomError(
                "string_too_long",
                "String should have at most {max_length} characters without surplus white space",
                {"max_length": longest},
            )
        if required and not text:
            raise PydanticCustomError("string_blank", "Say what the request is about; only white space was sent")
        return text or None

    return read


def _written_time(value: object) -> object:
    # Numbers would be taken as Unix time, in seconds or milliseconds by their size.
    if value is not None and not isinstance(value, str):
        raise PydanticCustomError("datetime_type", "Write the time as ISO 8601 with offset, 2026-11-24T08:30:00+08:00")
    return value


def _phone(value: str | None) -> str | None:
    if value is None or not value.strip():
        return None
    try:
        return normalise_phone(value)
    except ContactError as error:
        raise PydanticCustomError("phone_number", "{remedy}", {"remedy": str(error)}) from None


Name: TypeAlias = Annotated[str | None, AfterValidator(_text(normalise_line, MAX_NAME))]
Identity: TypeAlias = Annotated[str | None, AfterValidator(_text(normalise_line, MAX_IDENTITY))]
Hint: TypeAlias = Annotated[str | None, AfterValidator(_text(normalise_line, MAX_HINT))]
Subject: TypeAlias = Annotated[str | None, AfterValidator(_text(normalise_line, MAX_SUBJECT))]
Place: TypeAlias = Annotated[str | None, AfterValidator(_text(normalise_line, MAX_PLACE))]
Body: TypeAlias = Annotated[str, AfterValidator(_text(normalise_text, MAX_BODY, required=True))]
Phone: TypeAlias = Annotated[str | None, AfterValidator(_phone)]
WrittenTime: TypeAlias = Annotated[AwareDatetime | None, BeforeValidator(_written_time)]


def _limit(longest: int) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "maxLength": longest}, {"type": "null"}]}


class Point(Location):
    """WGS 84 degrees."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Requester(BaseModel):
    """Who asks, as far as they say; anonymous requests are welcome. Sealed before it is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Name = Field(
        default=None, description="What the citizen calls themselves", json_schema_extra=_limit(MAX_NAME)
    )
    phone: Phone = Field(
        default=None,
        description="In any usual spelling; a number without a country code is a Chinese one",
        examples=["138 0013 8000"],
        json_schema_extra=_limit(64),
    )
    identity: Identity = Field(
        default=None,
        description="The number of an identity document, or an account name on the channel",
        json_schema_extra=_limit(MAX_IDENTITY),
    )


class RequestForm(BaseModel):
    """One request of a citizen, as a channel hands it in."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    channel: ChannelId = Field(description="The channel's id in the registry", examples=["wechat-0012"])
    channel_request_id: Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f\x7f-\x9f]{1,128}$")] = Field(
        description="The channel's own id of this request: posting it again never makes a second case",
        examples=["msg-20261124-0815"],
    )
    submitted_at: WrittenTime = Field(
        default=None, description="When the citizen sent it, ISO 8601 with offset; the time of receipt if absent"
    )
    kind: RequestKind | None = Field(default=None, description="What the citizen wants, where the channel asks for it")
    category: Hint = Field(
        default=None,
        description="The channel's own classification; a hint for routing",
        json_schema_extra=_limit(MAX_HINT),
    )
    district: Hint = Field(
        default=None,
        description="The district as the channel knows it; a hint for routing",
        json_schema_extra=_limit(MAX_HINT),
    )
    subject: Subject = Field(
        default=None, description="A headline", examples=["夜间施工噪音扰民"], json_schema_extra=_limit(MAX_SUBJECT)
    )
    body: Body = Field(
        description="What the citizen says, in their own words",
        examples=["我家楼下的工地连续三天夜里十一点以后还在施工，请帮忙处理。"],
        json_schema_extra={"minLength": 1, "maxLength": MAX_BODY},
    )
    place: Place = Field(
        default=None,
        description="Where it is, in words",
        examples=["云河区春晖路18号"],
        json_schema_extra=_limit(MAX_PLACE),
    )
    location: Point | None = None
    requester: Requester | None = None


def _each(value: Any, handler: Callable[[Any], RequestForm]) -> RequestForm | ValidationError:
    # One bad request of a batch is answered for itself; the others are taken.
    try:
        return handler(value)
    except ValidationError as error:
        return error


BatchItem: TypeAlias = Annotated[RequestForm, WrapValidator(_each)]


class Batch(BaseModel):
    """Several requests at once, each answered for itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    requests: list[BatchItem] = Field(min_length=1, max_length=MAX_BATCH)
