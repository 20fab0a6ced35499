"""CloudEvents 1.0 in Kafka binary mode: attributes are headers, the event's JSON is the value, the case id is the key.

Source: CloudEvents 1.0 and its Kafka protocol binding; `sequence` is the CloudEvents sequence extension, here the
position of the event among those that one source emitted for one case, from 1 without holes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from asyncpg.pgproto import pgproto
from pydantic import ValidationError

from shared.events.base import Event, event_class

Headers = Sequence[tuple[str, bytes]]

CONTENT_TYPE = b"application/json"
_SPECVERSION = ("ce_specversion", b"1.0")
_CONTENT = ("content-type", CONTENT_TYPE)
_SEQUENCE_DIGITS = 10
"""The sequence extension asks for values that order as text; ten digits outlast any case."""


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


def decode(topic: str, partition: int, offset: int, headers: Headers, value: bytes | None) -> Received:
    """Read a record; raises `UndecodableError` with a stable reason and whatever identity the headers give."""
    found = dict(headers)
    identity = _identity(found)
    if found.get("ce_specversion") != b"1.0":
        raise UndecodableError("not-a-cloudevent", "the header ce_specversion is absent or not 1.0", identity)
    if identity.source is None or identity.case_id is None or identity.sequence is None or identity.type is None:
        raise UndecodableError(
            "bad-attributes", "ce_source, ce_type, ce_subject (a UUID) and ce_sequence (>= 1) are required", identity
        )
    cls = event_class(identity.type)
    if cls is None:
        raise UndecodableError("unknown-type", f"no event {identity.type} in this catalogue", identity)
    if value is None:
        raise UndecodableError("no-data", "the record has no value", identity)
    try:
        time = datetime.fromisoformat(found["ce_time"].decode("ascii"))
    except (KeyError, ValueError) as error:
        raise UndecodableError("bad-attributes", "ce_time is absent or not RFC 3339", identity) from error
    if time.tzinfo is None:
        raise UndecodableError("bad-attributes", "ce_time has no offset", identity)
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
        time=time.astimezone(UTC),
        traceparent=trace.decode("ascii", "replace") if trace else None,
        event=event,
    )


def _identity(found: dict[str, bytes]) -> Identity:
    source = found.get("ce_source", b"").decode("utf-8", "replace") or None
    kind = found.get("ce_type", b"").decode("utf-8", "replace") or None
    case_id: UUID | None = None
    sequence: int | None = None
    try:
        # A subclass of UUID, equal to it, that the database's driver brings: case ids are parsed, compared, hashed and
        # written many times for each event, and it does so in a fifth of the time.
        case_id = pgproto.UUID(found.get("ce_subject", b"").decode("ascii"))
    except ValueError:
        case_id = None
    try:
        sequence = int(found.get("ce_sequence", b""))
    except ValueError:
        sequence = None
    return Identity(source, kind, case_id, sequence if sequence is not None and sequence >= 1 else None)


def _summary(error: ValidationError) -> str:
    """Which fields are wrong and how, without their values: they may be personal data."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    told = [f"{'.'.join(str(part) for part in problem['loc']) or 'value'}: {problem['type']}" for problem in problems]
    return "; ".join(told[:10]) + (f" and {len(told) - 10} more" if len(told) > 10 else "")
