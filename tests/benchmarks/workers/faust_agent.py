"""Routing as a Faust agent: `stream.take_events`, a transaction for each batch, then the app's producer."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import faust

from tests.benchmarks.workers.casework import Casework, Site, incoming, mark

_BATCH = 2_000

site = Site()
casework = Casework(site)
app = faust.App(
    site.group,
    broker=f"kafka://{site.kafka}",
    store="memory://",
    web_enabled=False,
    topic_partitions=site.settings.partitions,
    topic_disable_leader=True,
    producer_acks=-1,
    producer_max_batch_size=256 * 1024,
    broker_session_timeout=site.settings.session_timeout_ms / 1000,
    broker_request_timeout=site.settings.session_timeout_ms / 1000 + 5,
    stream_buffer_maxsize=2 * _BATCH,
    datadir=site.settings.data_dir / "faust-agent",
)
requests = app.topic(site.requests, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw")
cases = app.topic(site.cases, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw")
connections: list[asyncpg.Connection] = []


@app.agent(requests)  # type: ignore[untyped-decorator]
async def route(stream: Any) -> None:
    """Requests become cases."""
    if not connections:
        connections.append(await site.connect())
    connection = connections[0]
    async for events in stream.take_events(_BATCH, within=0.1):
        batch = [incoming(event.message.partition, event.message.headers, event.value) for event in events]
        async with connection.transaction():
            told = await casework.apply(connection, batch)
        sent = [
            await cases.send(key=one.key, value=one.value, headers=one.headers, partition=one.partition, force=True)
            for one in told
        ]
        await asyncio.gather(*sent)
        if told:
            await mark(connection, told)


if __name__ == "__main__":
    app.finalize()
    faust.Worker(app, loglevel="WARN", quiet=True).execute_from_commandline()
