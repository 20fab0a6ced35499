"""CloudEvents 1.0 in Kafka binary mode: attributes are headers, the event's JSON is the value, the case id is the key.

Source: CloudEvents 1.0 and its Kafka protocol binding; `sequence` is the CloudEvents sequence extension, here the
position of the event among those that one source emitted for one case, from 1 without holes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from asyncpg.pgproto import pgproto
from pydantic import ValidationError

from shared.events.base import Event, event_class

Headers = Sequence[tuple[str, bytes | None]]

CONTENT_TYPE = b"application/json"
_SPECVERSION = ("ce_specversion", b"1.0")
_CONTENT = ("content-type", CONTENT_TYPE)
_PREFIX = "ce_"
_PLACE = frozenset({"ce_source", "ce_subject", "ce_sequence"})
"""Attributes that say whose event this is, and the how manieth."""
_ATTRIBUTES = _PLACE | {"ce_specversion", "ce_id", "ce_type", "ce_time"}
_SEQUENCE_DIGITS = 10
"""The sequence extension asks for values that order as text; ten digits outlast any case."""
LARGEST_SEQUENCE = 2**31 - 1
"""What the database's columns hold."""
_LONGEST_NAME = 255
_LONGEST_TIME = 64
_TRACEPARENT_BYTES = 55


class Received(NamedTuple):
    """One event as a consumer got it: where it stood on the bus, its CloudEvents attributes, and the event itself."""

    topic: str
    partition: int
    offset: int
    source: str
    type: str
    case_id: UUID
    sequence: int
    time: datetime
    traceparent: str | None
    event: Event


class Identity(NamedTuple):
    """What is known of a record that could not be decoded: enough to hold back the case, or nothing."""

    source: str | None = None
    type: str | None = None
    case_id: UUID | None = None
    sequence: int | None = None

    @property
    def is_known(self) -> bool:
        """Whether the record names its place in a case, so that later events of the case must wait for it."""
        return self.source is not None and self.case_id is not None and self.sequence is not None


class UndecodableError(Exception):
    """A record that is not an event of this catalogue. `reason` is a stable code; the text holds no content."""

    def __init__(self, reason: str, detail: str, identity: Identity) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.identity = identity


def source_of(service: str) -> str:
    """The CloudEvents source of a service of this platform."""
    return f"/minsheng/{service}"


def headers_of(
    *,
    source: str,
    type: str,  # noqa: A002
    case_id: UUID,
    sequence: int,
    time: datetime,
    traceparent: str | None,
) -> list[tuple[str, bytes]]:
    """The record headers of an event. `ce_id` is unique within the source and the same on every republication."""
    key = str(case_id)
    headers = [
        _SPECVERSION,
        ("ce_id", f"{key}-{sequence}".encode()),
        ("ce_source", _text(source)),
        ("ce_type", _text(type)),
        ("ce_subject", key.encode()),
        ("ce_time", _written(time)),
        ("ce_sequence", _digits(sequence)),
        _CONTENT,
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return headers


# Events leave in thousands, but of few types and sources, and those of one batch at one time.
@lru_cache(256)
def _text(value: str) -> bytes:
    return value.encode()


@lru_cache(256)
def _written(time: datetime) -> bytes:
    return time.isoformat().encode()


@lru_cache(256)
def _digits(sequence: int) -> bytes:
    return str(sequence).zfill(_SEQUENCE_DIGITS).encode()


def decode(
    topic: str, partition: int, offset: int, headers: Headers, value: bytes | None, key: bytes | None
) -> Received:
    """Read a record; raises `UndecodableError` with a stable reason and whatever identity the headers give.

    Raises nothing else, whatever lies on the topic: one record that did would hold up its partition for ever.
    """
    found: dict[str, bytes | None] = dict(headers)
    repeated = _repeated(headers) if len(found) < len(headers) or not all(map(str.islower, found)) else None
    identity = _identity(found)
    if repeated is not None:
        # Which of the two is meant nobody can tell; where it names the place in a case, that place is unknown.
        raise UndecodableError(
            "repeated-attribute",
            f"the header {repeated} stands there more than once",
            Identity() if repeated in _PLACE else identity,
        )
    if found.get("ce_specversion") != b"1.0":
        raise UndecodableError("not-a-cloudevent", "the header ce_specversion is absent or not 1.0", identity)
    if identity.source is None or identity.case_id is None or identity.sequence is None or identity.type is None:
        raise UndecodableError(
            "bad-attributes",
            f"ce_source and ce_type (1 to {_LONGEST_NAME} bytes), ce_subject (a UUID) and ce_sequence (1 to "
            f"{LARGEST_SEQUENCE}) are required",
            identity,
        )
    if key != str(identity.case_id).encode():
        # Order holds for the key alone. Under another one this is no event of its subject's order, nor of the key's.
        raise UndecodableError("key-mismatch", "the record's key is not the case id in ce_subject", Identity())
    cls = event_class(identity.type)
    if cls is None:
        raise UndecodableError("unknown-type", f"no event {identity.type} in this catalogue", identity)
    if value is None:
        raise UndecodableError("no-data", "the record has no value", identity)
    told = found.get("ce_time")
    time = _read_time(told) if told and len(told) <= _LONGEST_TIME else None
    if time is None:
        raise UndecodableError("bad-attributes", "ce_time is absent, not RFC 3339, or has no offset", identity)
    try:
        event = cls.decode(value)
    except ValidationError as error:
        raise UndecodableError("wrong-schema", _summary(error), identity) from error
    trace = found.get("traceparent")
    return Received(
        topic=topic,
        partition=partition,
        offset=offset,
        source=identity.source,
        type=identity.type,
        case_id=identity.case_id,
        sequence=identity.sequence,
        time=time,
        traceparent=trace.decode() if trace and len(trace) == _TRACEPARENT_BYTES and trace.isascii() else None,
        event=event,
    )


def _repeated(headers: Headers) -> str | None:
    """The CloudEvents header that stands there more than once, in whatever case its name is written."""
    seen: set[str] = set()
    for name, _ in headers:
        plain = name.lower()
        if plain.startswith(_PREFIX):
            if plain in seen:
                return plain if plain in _ATTRIBUTES else f"{_PREFIX}…"
            seen.add(plain)
    return None


def _identity(found: Mapping[str, bytes | None]) -> Identity:
    case_id: UUID | None = None
    try:
        # A subclass of UUID, equal to it, that the database's driver brings: case ids are parsed, compared, hashed and
        # written many times for each event, and it does so in a fifth of the time.
        case_id = pgproto.UUID((found.get("ce_subject") or b"").decode("ascii"))
    except ValueError:
        case_id = None
    return Identity(
        _name(found.get("ce_source")), _name(found.get("ce_type")), case_id, _sequence(found.get("ce_sequence"))
    )


def _name(value: bytes | None) -> str | None:
    return _read_name(value) if value and len(value) <= _LONGEST_NAME else None


# Events come in thousands, too; what is kept is small, since longer values are not asked for.
@lru_cache(256)
def _read_name(value: bytes) -> str | None:
    # The database takes no NUL.
    try:
        return None if b"\0" in value else value.decode()
    except UnicodeDecodeError:
        return None


def _sequence(value: bytes | None) -> int | None:
    if not value or len(value) > _SEQUENCE_DIGITS or not value.isdigit():
        return None
    number = int(value)
    return number if 1 <= number <= LARGEST_SEQUENCE else None


@lru_cache(256)
def _read_time(value: bytes) -> datetime | None:
    try:
        time = datetime.fromisoformat(value.decode("ascii"))
        return None if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _summary(error: ValidationError) -> str:
    """Which fields are wrong and how, without their values: they may be personal data."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    told = [f"{'.'.join(str(part) for part in problem['loc']) or 'value'}: {problem['type']}" for problem in problems]
    return "; ".join(told[:10]) + (f" and {len(told) - 10} more" if len(told) > 10 else "")
