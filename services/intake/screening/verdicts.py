"""What people said of the screen's flags: told on the bus, and kept with the sealed words, to train the next screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.screening.sentences import Sentence
from shared.bus.partitioning import partition_of
from shared.events.request import RequestReceived, RequestUrgencyJudged
from shared.privacy.keys import KeyRing
from shared.privacy.sealing import seal, unseal
from shared.store import outbox
from shared.store.outbox import OutboxRow

FAMILY = "verdicts"
"""The family of sentences that come from verdicts."""

_REQUEST = sa.text(
    "SELECT number, urgent, unit, received_at, sequence, screening FROM requests WHERE case_id = :id FOR UPDATE"
)
# By its time, which is indexed, and which the receipt's event shares with the request.
_WORDS = sa.text(
    """
    SELECT payload FROM outbox
    WHERE "time" = :received_at AND case_id = :id AND topic = :topic AND type = :type
    """
)
_JUDGE = sa.text("UPDATE requests SET urgent = :urgent, sequence = :sequence WHERE case_id = :id")
_KEEP = sa.text(
    """
    INSERT INTO screening_verdicts (case_id, urgent, was_urgent, screening, judged_at, judged_by, sealed_words)
    VALUES (:id, :urgent, :was_urgent, :screening, :judged_at, :judged_by, :sealed_words)
    """
)
_LAST = sa.text(
    """
    SELECT urgent, judged_at, sealed_words IS NOT NULL AS kept FROM screening_verdicts
    WHERE case_id = :id ORDER BY id DESC LIMIT 1
    """
)
# Of several verdicts on one request the last one counts.
_LEARNED = sa.text(
    """
    SELECT DISTINCT ON (case_id) case_id, urgent, sealed_words FROM screening_verdicts
    WHERE sealed_words IS NOT NULL ORDER BY case_id, id DESC
    """
)
_FORGET = sa.text("DELETE FROM screening_verdicts WHERE judged_at < :before")


@dataclass(frozen=True, slots=True)
class Flagged:
    """A request as a verdict finds it, locked until the transaction ends."""

    number: str
    urgent: bool
    unit: str | None
    received_at: datetime
    sequence: int
    """Events of it that intake has told of."""
    screening: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a verdict."""

    urgent: bool
    judged_at: datetime
    words_kept: bool
    """Whether the words are kept for training: they are gone once the outbox forgets them."""
    rows: list[tuple[int, OutboxRow]] = field(default_factory=list, repr=False)
    """Told events with their ids, for the relay; none where the same had been said before."""


async def find(connection: AsyncConnection, case_id: UUID) -> Flagged | None:
    """The request of a case id, locked."""
    row = (await connection.execute(_REQUEST, {"id": case_id})).one_or_none()
    return None if row is None else Flagged(*row)


async def judge(
    connection: AsyncConnection,
    case_id: UUID,
    found: Flagged,
    *,
    urgent: bool,
    by: str,
    now: datetime,
    sealing: KeyRing,
    partitions: int,
    traceparent: str | None,
) -> Judged:
    """Take a verdict: the request's flag follows it, an event tells it, and its words are kept sealed.

    The same verdict again tells nothing anew.
    """
    last = (await connection.execute(_LAST, {"id": case_id})).one_or_none()
    if last is not None and last.urgent == urgent == found.urgent:
        return Judged(urgent, last.judged_at, last.kept)
    words = await _words(connection, case_id, found.received_at)
    sequence = found.sequence + 1
    await connection.execute(_JUDGE, {"id": case_id, "urgent": urgent, "sequence": sequence})
    await connection.execute(
        _KEEP,
        {
            "id": case_id,
            "urgent": urgent,
            "was_urgent": found.urgent,
            "screening": found.screening,
            "judged_at": now,
            "judged_by": by,
            "sealed_words": None if words is None else seal(sealing, words, case_id.bytes),
        },
    )
    event = RequestUrgencyJudged(urgent=urgent, judged_at=now, judged_by=by, screening=found.screening)
    partition = partition_of(case_id, partitions)
    row = OutboxRow(event.TOPIC, partition, case_id, sequence, event.TYPE, now, traceparent, event.encode())
    rows = await outbox.append(connection, [row])
    await outbox.notify(connection, {partition})
    return Judged(urgent, now, words is not None, rows)


async def _words(connection: AsyncConnection, case_id: UUID, received_at: datetime) -> bytes | None:
    asked = {
        "id": case_id,
        "received_at": received_at,
        "topic": RequestReceived.TOPIC,
        "type": RequestReceived.TYPE,
    }
    payload = (await connection.execute(_WORDS, asked)).scalar_one_or_none()
    if payload is None:
        return None
    told = orjson.loads(payload)
    return orjson.dumps({"subject": told.get("subject"), "body": told["body"]})


async def learned(connection: AsyncConnection, sealing: KeyRing) -> Sequence[Sentence]:
    """Requests that people judged, as sentences to train with. Raises `UnsealError` where a key is missing."""
    found: list[Sentence] = []
    for case_id, urgent, sealed in await connection.execute(_LEARNED):
        words = orjson.loads(unseal(sealing, sealed, case_id.bytes))
        text = f"{words['subject']}\n{words['body']}" if words["subject"] else words["body"]
        found.append(Sentence(FAMILY, f"{FAMILY}/{case_id}", urgent, FAMILY, text))
    return found


async def forget(connection: AsyncConnection, now: datetime, keep: timedelta) -> None:
    """Delete verdicts, with the words, that are older than `keep`."""
    await connection.execute(_FORGET, {"before": now - keep})
