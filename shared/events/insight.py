"""What analytics emits on `minsheng.insights`."""

from __future__ import annotations

from datetime import datetime

from shared.events.base import Event, Public


class InsightEvent(Event, topic="insights"):
    """Something that analytics found in the stream of all events."""


class DayCounted(InsightEvent, type="minsheng.insight.day-counted.v1"):
    """The exact totals of one calendar day of the bureau, told when they have changed and settled for a while."""

    day: Public[str]
    received: Public[int]
    resolved: Public[int]
    surveyed: Public[int]
    answered: Public[int]
    satisfied: Public[int]
    measured_at: Public[datetime]
