"""Publishing encoded records: a batch for each partition, acknowledged by all in-sync replicas before it returns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaProducer

log = structlog.get_logger(__name__)

STOP_SECONDS = 5.0
BATCH_BYTES = 256 * 1024
LARGEST_VALUE = 900_000
"""Bytes of one event's JSON: a record with its headers must stay under the broker's default of 1 MiB."""


class Outgoing(NamedTuple):
    """A record ready to be published. `timestamp` is in milliseconds since 1970."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int


class Publisher:
    """A producer that is thrown away after any failure, so that no half-sent batch lives on inside it.

    `idempotent` asks the broker to drop what a retry inside the client repeats; the embedded broker can't.
    """

    def __init__(self, bootstrap: str, *, client_id: str, idempotent: bool, timeout_ms: int = 10_000) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._idempotent = idempotent
        self._timeout_ms = timeout_ms
        self._producer: AIOKafkaProducer | None = None

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return when every record is acknowledged; raises on the first that is not, which leaves all in doubt."""
        if not records:
            return
        try:
            producer = await self._started()
            acknowledgements = await self._submit(producer, records)
            await asyncio.gather(*acknowledgements)
        except BaseException:
            await self.close()
            raise

    async def _submit(self, producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> list[asyncio.Future[object]]:
        places: dict[tuple[str, int], list[Outgoing]] = {}
        for record in records:
            places.setdefault((record.topic, record.partition), []).append(record)
        futures: list[asyncio.Future[object]] = []
        for (topic, partition), outgoing in places.items():
            batch = producer.create_batch()
            for record in outgoing:
                fields = {
                    "key": record.key,
                    "value": record.value,
                    "headers": record.headers,
                    "timestamp": record.timestamp,
                }
                if batch.append(**fields) is None:
                    futures.append(await producer.send_batch(batch, topic, partition=partition))
                    batch = producer.create_batch()
                    batch.append(**fields)
            futures.append(await producer.send_batch(batch, topic, partition=partition))
        return futures

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                client_id=self._client_id,
                acks="all",
                enable_idempotence=self._idempotent,
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=self._timeout_ms,
                metadata_max_age_ms=30_000,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def close(self) -> None:
        """Give up the producer, and with it whatever it has not sent."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        # Stopping waits for what is buffered; what a failure left there is relayed again from the outbox.
        # Waited for from outside: the client's own cancelled tasks must not look like an order to this one.
        stopping = asyncio.ensure_future(producer.stop())
        await asyncio.wait({stopping}, timeout=STOP_SECONDS)
        if not stopping.done():
            stopping.cancel()
            log.warning("producer_abandoned", error="TimeoutError")
        elif stopping.cancelled():
            log.warning("producer_abandoned", error="CancelledError")
        elif (error := stopping.exception()) is not None:
            log.warning("producer_abandoned", error=type(error).__name__)
