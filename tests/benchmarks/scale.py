"""How much is measured: the full run, and a quick one that only shows that everything runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of all benchmarks."""

    rounds: int = 3
    """Of which the median counts."""
    warm_up: int = 500
    """Events that a worker gets before anything is measured."""
    events: int = 10_000
    """Requests of one round for a routing worker."""
    stored: tuple[int, int] = (1_000, 1_000_000)
    """Cases that are there before an event's cost is measured."""
    growth_events: int = 10_000
    http_seconds: float = 6.0
    connections: int = 64
    latency_seconds: float = 30.0
    probes_per_second: float = 5.0


FULL = Scale()
QUICK = Scale(
    rounds=1,
    warm_up=60,
    events=600,
    stored=(200, 2_000),
    growth_events=400,
    http_seconds=1.0,
    connections=16,
    latency_seconds=2.0,
    probes_per_second=10.0,
)
