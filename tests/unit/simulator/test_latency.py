"""Latencies: quantiles to 2 %, in constant space."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.domain.latency import Latencies


@given(st.lists(st.floats(0.000_2, 3_000), min_size=1, max_size=300), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_exact_to_two_percent(durations: list[float], share: float) -> None:
    latencies = Latencies()
    for duration in durations:
        latencies.add(duration)
    exact = sorted(durations)[math.ceil(share * len(durations)) - 1]
    assert latencies.quantile(share) == pytest.approx(exact, rel=0.021)
    assert len(latencies) == len(durations)
    assert latencies.longest == max(durations)


def test_without_any_there_is_nothing_to_tell() -> None:
    assert Latencies().milliseconds() == {"p50": 0.0, "p90": 0.0, "p99": 0.0, "max": 0.0}


def test_what_is_longer_than_an_hour_is_told_by_the_longest() -> None:
    latencies = Latencies()
    latencies.add(50_000.0)
    assert latencies.milliseconds()["max"] == 50_000_000.0
