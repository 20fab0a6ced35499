"""What intake emits on `minsheng.requests`."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from shared.events.base import Event, Public
from shared.events.words import ChannelFamily, ChannelId, RequestKind, Sealed


class RequestEvent(Event, topic="requests"):
    """An event about a request, emitted by intake; its subject is the case id that intake gave."""


class Location(BaseModel):
    """A point, WGS 84 degrees."""

    model_config = ConfigDict(frozen=True)

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class RequestReceived(RequestEvent, type="minsheng.request.received.v1"):
    """A citizen's request was accepted and is durable. Exactly one for each (channel, channel_request_id)."""

    number: str
    channel: Public[ChannelId]
    family: Public[ChannelFamily]
    channel_request_id: str
    received_at: Public[datetime]
    submitted_at: Public[datetime]
    kind_hint: Public[RequestKind | None] = None
    category_hint: str | None = None
    district_hint: str | None = None
    subject: str | None = None
    body: str
    place: str | None = None
    location: Location | None = None
    requester: Sealed | None = None
    pseudonym: str | None = None
    urgent: Public[bool] = False
