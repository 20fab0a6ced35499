"""What the other services tell of a case becomes the progress that its citizen can read."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import store
from services.intake.domain.progress import advance
from shared.bus.envelope import Received

log = structlog.get_logger(__name__)

READS = ("cases", "followups")


async def project(batch: Sequence[Received], connection: AsyncConnection) -> None:
    """Add the steps of a batch of events to their requests, in the batch's transaction."""
    advances = [
        (received.case_id, told) for received in batch if (told := advance(received.event, received.time)) is not None
    ]
    found = await store.advance(connection, advances)
    missing = len({case_id for case_id, _ in advances}) - found
    if missing:
        # Only where this database was set up anew and the topics were not: there is no request to tell of.
        log.warning("progress_of_unknown_requests", requests=missing)
