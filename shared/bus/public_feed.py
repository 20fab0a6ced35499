"""The public topics: what other agencies may be given. Reads the internal topics and publishes the public fields alone.

`minsheng.public.*` has the partitions, keys and CloudEvents attributes of the internal topics, and of each event the
fields that its class marks `Public`; an event without any is withheld. Delivery is at least once, in order for each
case: a reader drops what it has seen by `ce_id`, or by `ce_sequence` within `ce_source` and `ce_subject`. Sequences of
a case may have holes here, where an event was withheld.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
import structlog
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.bus.admission import Record
from shared.bus.batch import Applied
from shared.bus.consumer import BatchConsumer
from shared.bus.envelope import headers_of
from shared.bus.identity import TopicIdentities
from shared.bus.kernel import Kernel
from shared.bus.progress import Place, move_offsets
from shared.bus.publisher import Outgoing, Publisher
from shared.events.topics import LOGICAL, TopicNames
from shared.telemetry.metrics import KernelMetrics

log = structlog.get_logger(__name__)

NAME = "public-feed"
"""The name of its offsets and of its consumer group."""

_UNREADABLE = Counter(
    "minsheng_public_feed_unreadable", "Records that the public feed could not decode, and so did not publish."
)

# A frozen worker must not hold its partitions for ever: PostgreSQL ends the transaction it has left open.
_PATIENCE = sa.text("SET LOCAL idle_in_transaction_session_timeout = '30s'")


def public_record(record: Record, topics: Mapping[str, str]) -> Outgoing | None:
    """The public projection of a record, or None where nothing of it may leave the bureau.

    `topics` gives the public topic of each internal one. Headers are made anew from the attributes that the envelope
    knows, so that a header which an emitter adds for the bureau's own use stays inside.
    """
    received = record.received
    if received is None:
        return None
    value = received.event.public()
    if value is None:
        return None
    return Outgoing(
        topic=topics[received.topic],
        partition=received.partition,
        key=str(received.case_id).encode(),
        value=value,
        headers=headers_of(
            source=received.source,
            type=received.type,
            case_id=received.case_id,
            sequence=received.sequence,
            time=received.time,
            traceparent=received.traceparent,
        ),
        timestamp=int(min(received.time.timestamp(), time.time()) * 1000),
    )


class PublicProjector:
    """Applies batches by publishing their projections: acknowledged first, offsets committed after.

    The offsets move first inside the transaction, which fences: a worker that has lost a partition publishes nothing
    of it, and the one that got it waits until what is being published is acknowledged or given up.
    """

    def __init__(self, engine: AsyncEngine, publisher: Publisher, names: TopicNames) -> None:
        self._engine = engine
        self._publisher = publisher
        self._topics = {names.internal(logical): names.public(logical) for logical in LOGICAL}

    async def apply(
        self,
        records: Sequence[Record],
        moves: Mapping[Place, tuple[int, int]],
        topic_ids: Mapping[str, UUID],
    ) -> Applied:
        """Publish `records` and move the offsets; raises `FencedError`, or what broker and database raise."""
        outgoing = [public for record in records if (public := public_record(record, self._topics)) is not None]
        unreadable = [record for record in records if record.received is None]
        async with self._engine.begin() as connection:
            await connection.execute(_PATIENCE)
            await move_offsets(connection, NAME, moves, topic_ids)
            await self._publisher.publish(outgoing)
        for record in unreadable:
            # The service's own consumers keep it as a dead letter; nobody outside is told of what nobody can read.
            log.warning("public_feed_unreadable", topic=record.topic, partition=record.partition, offset=record.offset)
        _UNREADABLE.inc(len(unreadable))
        return Applied(events=len(outgoing), repeated=0, dead=0, filled=0, rows=[])


class PublicFeed:
    """The feed's consumer with connections of its own, hosted by a service that lends its database for the offsets.

    It keeps no cursors: those of the database belong to the service, and would hide from one what the other has read.
    """

    def __init__(self, kernel: Kernel) -> None:
        settings = kernel.settings
        client = f"{settings.topic_prefix}-{NAME}"
        self._publisher = Publisher(settings.kafka, client_id=client, idempotent=not settings.embedded)
        self._identities = TopicIdentities(settings.kafka, client_id=f"{client}-identity")
        self.consumer = BatchConsumer(
            name=NAME,
            group=client,
            bootstrap=settings.kafka,
            topics=[kernel.topics.internal(logical) for logical in LOGICAL],
            engine=kernel.engine,
            applier=PublicProjector(kernel.engine, self._publisher, kernel.topics),
            identities=self._identities,
            metrics=KernelMetrics(NAME),
            session_timeout_ms=settings.session_timeout_ms,
        )
        kernel.consumers.append(self.consumer)

    async def close(self) -> None:
        """Give back the connections; the consumer has ended before."""
        await self._publisher.close()
        await self._identities.close()
