"""Waiting between attempts at something that will pass: longer each time, never in step with other workers."""

from __future__ import annotations

import asyncio
import random


class Backoff:
    """Exponential with full jitter, from `first` to at most `longest` seconds; `reset` after a success."""

    def __init__(self, first: float = 0.1, longest: float = 5.0) -> None:
        self._first = first
        self._longest = longest
        self._attempt = 0

    def next_delay(self) -> float:
        """Seconds to wait before the next attempt."""
        ceiling = min(self._longest, self._first * 2**self._attempt)
        self._attempt = min(self._attempt + 1, 16)
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter is no secret

    async def wait(self) -> None:
        """Wait before the next attempt."""
        await asyncio.sleep(self.next_delay())

    def reset(self) -> None:
        """Start over: the last attempt succeeded."""
        self._attempt = 0
