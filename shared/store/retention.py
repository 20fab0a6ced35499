"""Dropping events from the outbox when their retention is over, a little at a time."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

BATCH = 5_000

_DROP = sa.text(
    """
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE "time" < now() - make_interval(hours => :hours)
          AND NOT EXISTS (SELECT 1 FROM outbox_pending
                          WHERE outbox_pending.partition = outbox.partition AND outbox_pending.id = outbox.id)
        LIMIT :batch
    )
    """
)


async def drop_old_events(engine: AsyncEngine, hours: int) -> int:
    """Delete acknowledged events older than `hours`, in short transactions; returns how many."""
    dropped = 0
    while True:
        async with engine.begin() as connection:
            result = await connection.execute(_DROP, {"hours": hours, "batch": BATCH})
        dropped += result.rowcount
        if result.rowcount < BATCH:
            return dropped
