"""How long answers take, counted in narrow buckets: exact to 2 %, in constant space however many there are."""

from __future__ import annotations

import math

_FIRST = 1e-4
_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)
_BUCKETS = 900
"""0.1 ms * 1.02 ** 900 is more than an hour."""


class Latencies:
    """Counts durations in seconds and tells their quantiles."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._total = 0
        self._longest = 0.0

    def __len__(self) -> int:
        """How many durations were counted."""
        return self._total

    def add(self, seconds: float) -> None:
        """Count one duration."""
        bucket = 0 if seconds <= _FIRST else int(math.log(seconds / _FIRST) / _LOG_GROWTH) + 1
        self._counts[min(bucket, _BUCKETS - 1)] += 1
        self._total += 1
        self._longest = max(self._longest, seconds)

    @property
    def longest(self) -> float:
        """The longest duration, in seconds; 0 without any."""
        return self._longest

    def quantile(self, share: float) -> float:
        """The duration in seconds that a `share` (0 to 1) of all durations don't exceed; 0 without any."""
        wanted = math.ceil(share * self._total)
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return min(_FIRST * _GROWTH**bucket, self._longest)
        return 0.0

    def milliseconds(self) -> dict[str, float]:
        """The usual quantiles in milliseconds, for a report."""
        quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
        told = {name: round(self.quantile(share) * 1_000, 2) for name, share in quantiles.items()}
        return told | {"max": round(self._longest * 1_000, 2)}
