"""Publishing kept events again: they become pending anew, and the relays send them in order."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import outbox

_REPLAY = sa.text(
    """
    INSERT INTO outbox_pending (partition, id)
    SELECT partition, id FROM outbox
    WHERE (CAST(:case_id AS uuid) IS NULL OR case_id = :case_id)
      AND (CAST(:since AS timestamptz) IS NULL OR "time" >= :since)
    ON CONFLICT DO NOTHING
    RETURNING partition
    """
)


async def replay(connection: AsyncConnection, *, case_id: UUID | None = None, since: datetime | None = None) -> int:
    """Mark kept events as pending and wake the relays at commit; returns how many. A naive `since` is UTC."""
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    result = await connection.execute(_REPLAY, {"case_id": case_id, "since": since})
    partitions = result.scalars().all()
    await outbox.notify(connection, set(partitions))
    return len(partitions)
