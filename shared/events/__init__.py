"""The catalogue: every event of the platform, one module per emitting service."""

from shared.events import case, followup, insight, request
from shared.events.base import PUBLIC, Event, Public, catalogue, event_class

__all__ = ["PUBLIC", "Event", "Public", "case", "catalogue", "event_class", "followup", "insight", "request"]
