"""One signal by which all actors of the simulation end, and waiting that it cuts short."""

from __future__ import annotations

import asyncio


class Stop:
    """Set once, by a signal of the operating system or because the simulation's time is over."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """End the simulation."""
        self._event.set()

    def __bool__(self) -> bool:
        """Whether the simulation is to end."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Wait until the simulation is to end."""
        await self._event.wait()

    async def pause(self, seconds: float) -> bool:
        """Wait for a time; returns early, and True, when the simulation is to end."""
        if self._event.is_set():
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
