"""What intake emits on `minsheng.requests`."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from shared.events.base import Event, Public
from shared.events.words import ChannelFamily, ChannelId, OfficerId, RequestKind, Sealed


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
    """The screen flagged it: its words name a matter for 110."""
    screening: Public[str | None] = None
    """The version of the screen that looked at it, weights and rules."""


class RequestFlagged(RequestEvent, type="minsheng.request.flagged.v1"):
    """The screen flagged the request: it belongs to 110, and the citizen was told so. Follows its receipt at once.

    `score` is the learned screen's, 0..1; `rule` names the rule that was met, if any.
    """

    number: str
    flagged_at: Public[datetime]
    score: Public[float]
    rule: Public[str | None] = None
    screening: Public[str]


class RequestUrgencyJudged(RequestEvent, type="minsheng.request.urgency-judged.v1"):
    """A person looked at the request and said whether it belongs to 110; `screening` is the version that had looked."""

    urgent: Public[bool]
    judged_at: Public[datetime]
    judged_by: OfficerId
    screening: Public[str | None] = None
