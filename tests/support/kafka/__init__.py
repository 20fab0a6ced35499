"""A Kafka for tests: one face, whichever server is behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support import chain
from tests.support.chain import Link
from tests.support.kafka.container import ContainerKafka
from tests.support.kafka.embedded import EmbeddedKafka
from tests.support.kafka.external import ExternalKafka
from tests.support.kafka.java import JavaKafka
from tests.support.kafka.server import KafkaServer
from tests.support.places import scratch

__all__ = ["KafkaServer", "running_kafka"]


@asynccontextmanager
async def running_kafka(*, private: bool = False, measured: bool = False) -> AsyncIterator[KafkaServer]:
    """A running Kafka by the chain; ended afterwards when it is ours. `private`: the caller may kill and restart it;
    `measured`: its speed is looked at, not only what it does."""
    link = chain.kafka(private=private)
    with scratch("kafka") as folder:
        server: KafkaServer
        match link:
            case Link.ENVIRONMENT:
                server = ExternalKafka.from_environment()
            case Link.DOCKER:
                server = ContainerKafka()
            case Link.JAVA:
                server = JavaKafka(folder, measured=measured)
            case Link.EMBEDDED:
                server = EmbeddedKafka(folder)
        try:
            await server.start()
            yield server
        finally:
            await server.close()
