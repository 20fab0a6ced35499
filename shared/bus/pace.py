"""A pace for work that comes in small portions: one portion in each beat, so that what comes meanwhile goes along.

A transaction or a call of the broker costs about the same for one event as for fifty. Without a pace, a steady trickle
keeps a machine as busy as a flood, and everything on it waits longer than a beat; docs/performance.md has the figures.
After a pause there is no wait: the first event goes through at once.
"""

from __future__ import annotations

import asyncio
import time

BEAT_SECONDS = 0.04


class Pace:
    """One loop's pace; `begin` at the start of each portion of work."""

    def __init__(self, beat: float = BEAT_SECONDS) -> None:
        self._beat = beat
        self._next = 0.0

    async def begin(self) -> None:
        """Return at once where the last portion began a beat ago or more, otherwise when that beat is over."""
        left = self._next - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
        self._next = time.monotonic() + self._beat
