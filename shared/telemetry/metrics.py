"""The kernel's Prometheus metrics, the same in every service and labelled with its name.

They live in the default registry, which `/metrics` serves. A service's own metrics sit beside them under
`minsheng_<service>_...`.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds: from an idle database to one that is in trouble."""

_LAG = Gauge(
    "minsheng_consumer_lag_events",
    "Events in the partition that this service has not applied yet.",
    ("service", "topic", "partition"),
)
_BATCH_SECONDS = Histogram(
    "minsheng_batch_seconds",
    "Time from reading a batch to its committed transaction, retries included.",
    ("service",),
    buckets=BATCH_BUCKETS,
)
_APPLIED = Counter("minsheng_events_applied", "Events applied in committed batches.", ("service",))
_REPEATED = Counter("minsheng_events_repeated", "Events delivered again and skipped.", ("service",))
_RETRIES = Counter("minsheng_retries", "Attempts repeated after a failure that passes by itself.", ("service", "part"))
_FENCED = Counter("minsheng_fenced_workers", "Batches rolled back because the partition had been lost.", ("service",))
_DEAD_LETTERS = Counter("minsheng_dead_letters", "Events set aside as dead letters.", ("service",))
_DEAD_LETTERS_OPEN = Gauge("minsheng_dead_letters_open", "Dead letters that wait for an operator.", ("service",))
_RELAYED = Counter("minsheng_relayed_events", "Outbox events acknowledged by the broker.", ("service",))
_OUTBOX_DEPTH = Gauge("minsheng_outbox_depth_events", "Outbox events not yet acknowledged.", ("service",))
_OUTBOX_AGE = Gauge(
    "minsheng_outbox_oldest_age_seconds", "Age of the oldest unacknowledged outbox event.", ("service",)
)


class KernelMetrics:
    """One service's own view of the metrics: labels are bound once, so that counting costs no lookup."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.batch_seconds = _BATCH_SECONDS.labels(service)
        self.applied = _APPLIED.labels(service)
        self.repeated = _REPEATED.labels(service)
        self.fenced = _FENCED.labels(service)
        self.dead_letters = _DEAD_LETTERS.labels(service)
        self.dead_letters_open = _DEAD_LETTERS_OPEN.labels(service)
        self.relayed = _RELAYED.labels(service)
        self.outbox_depth = _OUTBOX_DEPTH.labels(service)
        self.outbox_age = _OUTBOX_AGE.labels(service)
        self._lags: dict[tuple[str, int], Gauge] = {}

    def lag(self, topic: str, partition: int) -> Gauge:
        """The lag gauge of one partition, in events."""
        place = (topic, partition)
        gauge = self._lags.get(place)
        if gauge is None:
            gauge = self._lags[place] = _LAG.labels(self.service, topic, str(partition))
        return gauge

    def forget_lag(self, topic: str, partition: int) -> None:
        """Stop showing a partition that another worker reads now: a frozen value would look like a stuck worker."""
        if self._lags.pop((topic, partition), None) is not None:
            _LAG.remove(self.service, topic, str(partition))

    def retries(self, part: str) -> Counter:
        """Repeated attempts of one part (`batch`, `relay`, ...)."""
        return _RETRIES.labels(self.service, part)
