"""How long the fault tests run, and the chance in them: short in the suite, long in `make soak`."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

SHARES = 9
"""Tests that share the minutes of a soak."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`soak_seconds` is one test's share of a soak; None in the short form."""

    seed: str
    soak_seconds: float | None

    @classmethod
    def from_environment(cls) -> Plan:
        """By `MINSHENG_SOAK_MINUTES` and `MINSHENG_SOAK_SEED`; without a seed there is a new one."""
        minutes = os.environ.get("MINSHENG_SOAK_MINUTES")
        return cls(
            os.environ.get("MINSHENG_SOAK_SEED") or secrets.token_hex(4),
            float(minutes) * 60 / SHARES if minutes else None,
        )

    def random(self, test: str) -> Random:
        """The chance of one test, independent of which other tests run."""
        return Random(f"{self.seed}:{test}")

    def rounds(self, short: int, long: int) -> Iterator[int]:
        """Rounds to go: `short`; in a soak at least `long`, and on until the time is over."""
        began = time.monotonic()
        done = 0
        while done < (short if self.soak_seconds is None else long) or (
            self.soak_seconds is not None and time.monotonic() - began < self.soak_seconds
        ):
            yield done
            done += 1
