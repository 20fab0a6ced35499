"""What the other services tell of a case becomes the progress that its citizen can read."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import store
from shared.bus.envelope import Received

log = structlog.get_logger(__name__)

READS = ("cases", "followups")


async def project(batch: Sequence[Received], connection: AsyncConnection) -> None:
    """Carry the requests of a batch of events on, in the batch's transaction."""
    missing = await store.advance(connection, batch)
    if missing:
        # Only where this database was set up anew and the topics were not: there is no request to tell of.
        log.warning("progress_of_unknown_requests", requests=missing)
