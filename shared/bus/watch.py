"""What stands still in a service's database, as metrics: events not acknowledged, and dead letters not settled.

Read apart from the relay and the consumer, so that the figures go on rising while these wait for a broker.
"""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.bus import dead_letters
from shared.store import outbox
from shared.telemetry.metrics import KernelMetrics


class Watch:
    """Looks at one service's database. Meant to be called by a timer."""

    def __init__(self, engine: AsyncEngine, metrics: KernelMetrics, *, partitions: int) -> None:
        self._engine = engine
        self._metrics = metrics
        self._partitions = partitions

    async def look(self) -> None:
        """Set the gauges to what the database says now; raises whatever it raises when it is in trouble."""
        async with self._engine.connect() as connection:
            depth, age = await outbox.pending(connection, self._partitions)
            letters = await dead_letters.counts(connection, dead_letters.OPEN_STATES)
        self._metrics.outbox_depth.set(depth)
        self._metrics.outbox_age.set(age)
        for state in dead_letters.OPEN_STATES:
            self._metrics.dead_letters_open(state).set(letters.get(state, 0))
