"""The kernel's Prometheus metrics, the same in every service and labelled with its name.

They live in the default registry, which `/metrics` serves. A service's own metrics sit beside them under
`minsheng_<service>_...`. What is "of the service" (outbox, open dead letters) is read from its database and the same in
each of its processes: take `max by (service)`, not the sum.
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
    "Time of one attempt to apply a batch, from its begin to its commit.",
    ("service",),
    buckets=BATCH_BUCKETS,
)
_APPLIED = Counter("minsheng_events_applied", "Events applied in committed batches.", ("service",))
_REPEATED = Counter("minsheng_events_repeated", "Events delivered again and skipped.", ("service",))
_RETRIES = Counter("minsheng_retries", "Attempts repeated after a failure that passes by itself.", ("service", "part"))
_FENCED = Counter("minsheng_fenced_workers", "Batches rolled back because the partition had been lost.", ("service",))
_DEAD_LETTERS = Counter("minsheng_dead_letters", "Events set aside as dead letters.", ("service",))
_DEAD_LETTERS_OPEN = Gauge(
    "minsheng_dead_letters_open", "Dead letters of the service that are not settled.", ("service", "state")
)
_RELAYED = Counter("minsheng_relayed_events", "Outbox events acknowledged by the broker.", ("service",))
_OUTBOX_DEPTH = Gauge("minsheng_outbox_depth_events", "Outbox events of the service not acknowledged.", ("service",))
_OUTBOX_AGE = Gauge(
    "minsheng_outbox_oldest_age_seconds",
    "Age of the oldest outbox event of the service not acknowledged.",
    ("service",),
)
_PART_READY = Gauge(
    "minsheng_part_ready", "Whether a part of this process can do its work now, as /readyz says.", ("service", "part")
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

    def dead_letters_open(self, state: str) -> Gauge:
        """Open dead letters in one state."""
        return _DEAD_LETTERS_OPEN.labels(self.service, state)

    def part_ready(self, part: str) -> Gauge:
        """1 while a part can do its work, else 0."""
        return _PART_READY.labels(self.service, part)

    def retries(self, part: str) -> Counter:
        """Repeated attempts of one part (`batch`, `relay`, ...)."""
        return _RETRIES.labels(self.service, part)
