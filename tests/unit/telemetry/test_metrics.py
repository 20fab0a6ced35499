from __future__ import annotations

from prometheus_client import REGISTRY

from shared.telemetry.metrics import KernelMetrics


def test_counts_are_labelled_with_the_service() -> None:
    metrics = KernelMetrics("metrics-test")
    metrics.relayed.inc(3)
    metrics.batch_seconds.observe(0.02)
    assert REGISTRY.get_sample_value("minsheng_relayed_events_total", {"service": "metrics-test"}) == 3
    assert REGISTRY.get_sample_value("minsheng_batch_seconds_count", {"service": "metrics-test"}) == 1


def test_two_views_of_one_service_count_together() -> None:
    KernelMetrics("metrics-twice").fenced.inc()
    KernelMetrics("metrics-twice").fenced.inc()
    assert REGISTRY.get_sample_value("minsheng_fenced_workers_total", {"service": "metrics-twice"}) == 2


def test_the_lag_of_a_partition_that_moved_away_is_not_shown_any_more() -> None:
    metrics = KernelMetrics("metrics-lag")
    metrics.lag("minsheng.requests", 4).set(17)
    labels = {"service": "metrics-lag", "topic": "minsheng.requests", "partition": "4"}
    assert REGISTRY.get_sample_value("minsheng_consumer_lag_events", labels) == 17
    metrics.forget_lag("minsheng.requests", 4)
    metrics.forget_lag("minsheng.requests", 5)
    assert REGISTRY.get_sample_value("minsheng_consumer_lag_events", labels) is None
    metrics.lag("minsheng.requests", 4).set(2)
    assert REGISTRY.get_sample_value("minsheng_consumer_lag_events", labels) == 2
