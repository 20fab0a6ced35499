"""What follow-up counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter

MESSAGES = Counter(
    "minsheng_followup_messages",
    "Messages to citizens by what became of an attempt or a receipt.",
    ("kind", "outcome"),
)
REPLIES = Counter("minsheng_followup_replies", "Citizens' replies by what became of them.", ("outcome",))
REFUSED = Counter(
    "minsheng_followup_callback_items_refused", "Items of the gateway's callbacks that can't be read.", ("kind",)
)
