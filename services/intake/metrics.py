"""Intake's own Prometheus metrics, beside those of the kernel."""

from __future__ import annotations

from prometheus_client import Counter

ACCEPTED = Counter("minsheng_intake_accepted", "Requests that became cases.", ("family", "urgent"))
REPEATED = Counter("minsheng_intake_repeated", "Posts of requests that were cases already.", ("family",))
UNAVAILABLE = Counter("minsheng_intake_unavailable", "Posts answered 503: the database was away or could not keep up.")
JUDGED = Counter(
    "minsheng_intake_judged", "Verdicts of people on flags: was it flagged, and is it urgent?", ("flagged", "urgent")
)
