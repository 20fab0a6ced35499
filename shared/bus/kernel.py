"""The parts of the kernel that one service runs on, made from its settings and joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel

from shared.bus.batch import BatchApplier
from shared.bus.consumer import BatchConsumer
from shared.bus.envelope import source_of
from shared.bus.handlers import Aggregates, Effects, Handler
from shared.bus.identity import TopicIdentities
from shared.bus.publisher import Publisher
from shared.bus.relay import Relay
from shared.bus.retries import Retries
from shared.events.topics import DEAD_LETTERS, TopicNames
from shared.settings import Settings
from shared.store.aggregate import AggregateTable
from shared.store.engine import application_of, create_engine
from shared.telemetry.metrics import KernelMetrics

S = TypeVar("S", bound=BaseModel)


class Kernel:
    """Database, bus and relay of one service. `emits` are the logical topics that its events go to."""

    def __init__(self, service: str, settings: Settings, *, emits: Sequence[str]) -> None:
        self.service = service
        self.settings = settings
        self.database = settings.database_for(service)
        application = application_of(service)
        self.engine = create_engine(self.database, application=application)
        self.topics = TopicNames(settings.topic_prefix)
        self.source = source_of(service)
        self.metrics = KernelMetrics(service)
        self.identities = TopicIdentities(settings.kafka, client_id=f"{settings.topic_prefix}-{service}-identity")
        self.publisher = Publisher(
            settings.kafka, client_id=f"{settings.topic_prefix}-{service}", idempotent=not settings.embedded
        )
        self.relay = Relay(
            database=self.database,
            publisher=self.publisher,
            topics=self.topics,
            source=self.source,
            emits=(*emits, DEAD_LETTERS),
            topic_ids=self.identities.of,
            metrics=self.metrics,
            application=application,
        )
        self.consumers: list[BatchConsumer] = []

    def aggregates(self, table: AggregateTable[S], effects: Effects | None = None) -> Aggregates[S]:
        """The service's aggregates, with the deployment's number of partitions."""
        return Aggregates(table, partitions=self.settings.partitions, effects=effects)

    def consumer(self, handler: Handler, reads: Sequence[str], *, name: str | None = None) -> BatchConsumer:
        """The service's main consumer: reads logical topics, and owns the relaying of the partitions it is given.

        A service has one: cursors say what its database has seen of a case, so that a second consumer there would skip
        what the first one had applied. Raises `ValueError` when asked for another.
        """
        if self.consumers:
            raise ValueError(f"{self.service} has a consumer already; read all its topics with that one.")
        consumer = BatchConsumer(
            name=name or self.service,
            group=f"{self.settings.topic_prefix}-{name or self.service}",
            bootstrap=self.settings.kafka,
            topics=[self.topics.internal(topic) for topic in reads],
            engine=self.engine,
            applier=BatchApplier(self.engine, name or self.service, handler),
            identities=self.identities,
            metrics=self.metrics,
            relay=self.relay,
            retries=Retries(self.engine, name or self.service, handler),
            session_timeout_ms=self.settings.session_timeout_ms,
        )
        self.consumers.append(consumer)
        return consumer

    async def close(self) -> None:
        """Give back connections; consumers and relay have ended before."""
        await self.publisher.close()
        await self.identities.close()
        await self.engine.dispose()
