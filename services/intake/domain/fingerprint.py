"""Whether two requests say the same, without keeping what they say.

The digest is keyed: it covers phone numbers, which could be tried out against a plain hash of an otherwise known text.
It compares content and not spelling, and covers what is set alone: a form that gains a member leaves old digests good.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

import orjson
import phonenumbers
from pydantic import BaseModel

from services.intake.domain.form import Point, Requester, RequestForm
from services.intake.domain.text import comparable, formerly
from shared.events.words import RequestKind
from shared.privacy.contact import PhoneReading
from shared.privacy.keys import KeyRing

_LABEL = b"minsheng-request-fingerprint\x00"
_VERSION = "v2"
_TEXTS = ("category", "district", "subject", "body", "place")


def fingerprint(ring: KeyRing, form: RequestForm) -> str:
    """`<key id>.v2.<32 hexadecimal digits>` of the content, under the ring's current key."""
    return f"{ring.current}.{_VERSION}.{_digest(ring.current_key, _content(form))}"


def is_same(ring: KeyRing, stored: str, form: RequestForm) -> bool:
    """Whether `form` has the content of which `stored` is the fingerprint, whichever key of the ring made it.

    Without that key, or of a version that this build doesn't know, nobody can tell any more; then it counts as another
    content, which a person looks at.
    """
    kid, *version, digest = stored.split(".")
    key = ring.get(kid)
    if key is None or version not in ([], [_VERSION]):
        return False
    return hmac.compare_digest(_digest(key, _content(form) if version else _former_content(form)), digest)


def _digest(key: bytes, content: bytes) -> str:
    return hmac.digest(key, _LABEL + content, hashlib.sha256)[:16].hex()


def _content(form: RequestForm) -> bytes:
    """What is set, one spelling for each content: instants in UTC, texts as they compare, no zero with a sign."""
    said: dict[str, Any] = {"channel": form.channel, "channel_request_id": form.channel_request_id}
    if form.submitted_at is not None:
        said["submitted_at"] = form.submitted_at.astimezone(UTC).isoformat()
    if form.kind is not None:
        said["kind"] = form.kind.value
    for name in _TEXTS:
        text = getattr(form, name)
        if text is not None:
            said[name] = comparable(text)
    if form.location is not None:
        said["location"] = _place(form.location)
    if form.requester is not None and (person := _person(form.requester)):
        said["requester"] = person
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def _place(point: Point) -> dict[str, Any]:
    degrees = {"latitude": point.latitude + 0.0, "longitude": point.longitude + 0.0}
    return degrees if point.datum is None else {**degrees, "datum": point.datum}


def _person(requester: Requester) -> dict[str, str]:
    said: dict[str, str | None] = {
        "name": comparable(requester.name) if requester.name is not None else None,
        "identity": requester.identity,
    }
    if requester.phone is not None:
        phone = requester.phone
        # Of several numbers the text holds all.
        said["phone"] = phone.line if phone.unread is None else comparable(phone.unread)
    return {name: value for name, value in said.items() if value is not None}


class _FormerPoint(BaseModel):
    latitude: float
    longitude: float


class _FormerRequester(BaseModel):
    name: str | None
    phone: str | None
    identity: str | None


class _FormerForm(BaseModel):
    """The form of the first version, whose digest is of its JSON: members, their order and spelling stay for ever."""

    channel: str
    channel_request_id: str
    submitted_at: datetime | None
    kind: RequestKind | None
    category: str | None
    district: str | None
    subject: str | None
    body: str
    place: str | None
    location: _FormerPoint | None
    requester: _FormerRequester | None


def _former_content(form: RequestForm) -> bytes:
    point, requester = form.location, form.requester
    texts = {name: None if (text := getattr(form, name)) is None else formerly(text) for name in _TEXTS}
    former = _FormerForm(
        channel=form.channel,
        channel_request_id=form.channel_request_id,
        submitted_at=form.submitted_at,
        kind=form.kind,
        location=_FormerPoint(latitude=point.latitude, longitude=point.longitude) if point else None,
        requester=_FormerRequester(
            name=formerly(requester.name) if requester.name is not None else None,
            phone=_former_phone(requester.phone),
            identity=requester.identity,
        )
        if requester
        else None,
        **texts,
    )
    return former.__pydantic_serializer__.to_json(former)


_FORMER_EXTENSION = re.compile(r"\s*[,，]?\s*(?:转|转接|分机号?|内线)[\s:：]*\d{1,6}\s*$")


def _former_phone(phone: PhoneReading | None) -> str | None:
    """The number as the first version read it, which took texts that are left for a person now."""
    if phone is None or phone.unread is None:
        return None if phone is None else phone.number
    text = _FORMER_EXTENSION.sub("", unicodedata.normalize("NFKC", phone.unread))
    try:
        found: str = phonenumbers.format_number(phonenumbers.parse(text, "CN"), phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return phone.number
    return found
