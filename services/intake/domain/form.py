"""What a channel hands in: the form of a request, normalised while it is read, so that no other form exists inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from services.intake.domain.datum import Datum
from services.intake.domain.text import formerly, normalise_line, normalise_text
from shared.events.request import Location
from shared.events.times import Instant
from shared.events.words import ChannelId, RequestKind
from shared.folding import is_visible
from shared.privacy.contact import MisspeltNumberError, PhoneReading, read_phone

MAX_BODY = 20_000
MAX_SUBJECT = 200
MAX_PLACE = 300
MAX_HINT = 100
MAX_NAME = 100
MAX_IDENTITY = 64
MAX_CONTACT = 500
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
        if not _is_seen(text):
            if required:
                raise PydanticCustomError(
                    "string_blank", "Say what the request is about; nothing that can be seen was sent"
                )
            return None
        return text

    return read


def _is_seen(text: str) -> bool:
    # Nearly every text begins with one of these; folding it would cost more than all else.
    return bool(text) and ("\u4e00" <= text[0] <= "\u9fff" or "!" <= text[0] <= "~" or is_visible(text))


def _id(value: str) -> str:
    if not _is_seen(value):
        raise PydanticCustomError("string_blank", "Give the request an id that can be seen")
    return value


def _phone(value: object) -> PhoneReading | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    if len(value) > MAX_CONTACT:
        raise PydanticCustomError(
            "string_too_long", "String should have at most {max_length} characters", {"max_length": MAX_CONTACT}
        )
    try:
        reading = read_phone(value)
    except MisspeltNumberError as error:
        raise PydanticCustomError("phone_number", "{remedy}", {"remedy": str(error)}) from None
    if reading.number is None and reading.unread is None:
        return None
    # What nobody could read is kept for a person, who must not be deceived by it.
    return reading._replace(unread=normalise_text(reading.unread) if reading.unread is not None else None)


Name: TypeAlias = Annotated[str | None, AfterValidator(_text(normalise_line, MAX_NAME))]
Identity: TypeAlias = Annotated[str | None, AfterValidator(_text(formerly, MAX_IDENTITY))]
Hint: TypeAlias = Annotated[str | None, AfterValidator(_text(normalise_line, MAX_HINT))]
Subject: TypeAlias = Annotated[str | None, AfterValidator(_text(normalise_line, MAX_SUBJECT))]
Place: TypeAlias = Annotated[str | None, AfterValidator(_text(normalise_line, MAX_PLACE))]
Body: TypeAlias = Annotated[str, AfterValidator(_text(normalise_text, MAX_BODY, required=True))]
Phone: TypeAlias = Annotated[
    PhoneReading | None,
    PlainValidator(_phone),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": MAX_CONTACT}, {"type": "null"}]}),
]
RequestId: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[^\s\x00-\x1f\x7f-\x9f]{1,128}$"), AfterValidator(_id)
]


def _limit(longest: int) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "maxLength": longest}, {"type": "null"}]}


class Point(Location):
    """Degrees of a datum: what a telephone's map shows in China is not WGS 84."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    datum: Datum | None = Field(
        default=None,
        description="What the degrees are measured against: `wgs84` (satellite receivers), `gcj02` (maps of WeChat, "
        "Amap, Tencent) or `bd09` (Baidu); that of the channel's family if absent",
    )


class Requester(BaseModel):
    """Who asks, as far as they say; anonymous requests are welcome. Sealed before it is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Name = Field(
        default=None, description="What the citizen calls themselves", json_schema_extra=_limit(MAX_NAME)
    )
    phone: Phone = Field(
        default=None,
        description="In any usual spelling, with an extension where it needs one; a number without a country code is "
        "a Chinese one. A text that is no number is kept for a person to read, and the answer says so in `remarks`; "
        "letters among digits are refused",
        examples=["138 0013 8000", "021-23456789-801"],
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
    channel_request_id: RequestId = Field(
        description="The channel's own id of this request: posting it again never makes a second case",
        examples=["msg-20261124-0815"],
    )
    submitted_at: Instant | None = Field(
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


class Batch(BaseModel):
    """Several requests at once, each answered for itself. For the document alone: `JsonReader.each` reads them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    requests: list[RequestForm] = Field(min_length=1, max_length=MAX_BATCH)
