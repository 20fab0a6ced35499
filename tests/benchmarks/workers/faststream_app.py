"""Routing as a FastStream application: a batch subscriber, a transaction for each batch, then `publish`."""

from __future__ import annotations

import asyncio

import asyncpg
import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from shared.events.request import RequestReceived
from tests.benchmarks.workers.casework import Casework, Site, incoming, mark

_BATCH = 2_000

site = Site()
casework = Casework(site)
broker = KafkaBroker(site.kafka, acks="all", max_batch_size=256 * 1024)
app = FastStream(broker)
connections: list[asyncpg.Connection] = []


@app.on_startup  # type: ignore[untyped-decorator]
async def connect() -> None:
    """Open the database."""
    connections.append(await site.connect())


@broker.subscriber(  # type: ignore[untyped-decorator]
    site.requests,
    batch=True,
    max_records=_BATCH,
    group_id=site.group,
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.NACK_ON_ERROR,
    session_timeout_ms=site.settings.session_timeout_ms,
)
async def route(events: list[RequestReceived], message: KafkaMessage) -> None:
    """Requests become cases."""
    batch = [
        incoming(raw.partition, raw.headers, event) for raw, event in zip(message.raw_message, events, strict=True)
    ]
    connection = connections[0]
    async with connection.transaction():
        told = await casework.apply(connection, batch)
    # `publish_batch` gives all records the same headers, and each of these events has its own.
    sent = [
        await broker.publish(
            one.value,
            topic=site.cases,
            key=one.key,
            partition=one.partition,
            headers={name: value.decode() for name, value in one.headers},
            no_confirm=True,
        )
        for one in told
    ]
    await asyncio.gather(*sent)
    if told:
        await mark(connection, told)


if __name__ == "__main__":
    uvloop.run(app.run())
