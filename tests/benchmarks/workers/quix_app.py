"""Routing as a Quix Streams application: a batching sink, called with what each checkpoint gathered."""

from __future__ import annotations

import asyncio

from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch

from tests.benchmarks.workers.casework import Casework, Incoming, Site, Told, incoming, mark

_BATCH = 2_000
_SECONDS = 0.2

site = Site()
app = Application(
    broker_address=site.kafka,
    consumer_group=site.group,
    auto_offset_reset="earliest",
    auto_create_topics=False,
    commit_every=_BATCH,
    commit_interval=_SECONDS,
    consumer_poll_timeout=_SECONDS,
    consumer_extra_config={"session.timeout.ms": site.settings.session_timeout_ms, "max.poll.interval.ms": 600_000},
    producer_extra_config={"acks": "all", "linger.ms": 5},
    loglevel="WARNING",
)


class CaseSink(BatchingSink):  # type: ignore[misc]
    """Requests become cases: a transaction for each partition's batch, then published and marked."""

    def __init__(self, runner: asyncio.Runner) -> None:
        super().__init__()
        self._runner = runner
        self._casework = Casework(site)
        self._producer = app.get_producer()

    def setup(self) -> None:
        """Open the database and the producer."""
        self._connection = self._runner.run(site.connect())
        self._producer.__enter__()

    def write(self, batch: SinkBatch) -> None:
        """Work on what a checkpoint gathered of one partition."""
        read = [incoming(batch.partition, item.headers, item.value) for item in batch]
        told = self._runner.run(self._store(read))
        for one in told:
            self._producer.produce(
                site.cases, value=one.value, key=one.key, headers=one.headers, partition=one.partition
            )
        left = self._producer.flush()
        if left:
            raise RuntimeError(f"{left} events were not acknowledged")
        if told:
            self._runner.run(mark(self._connection, told))

    async def _store(self, read: list[Incoming]) -> list[Told]:
        async with self._connection.transaction():
            return await self._casework.apply(self._connection, read)


if __name__ == "__main__":
    topic = app.topic(site.requests, value_deserializer="bytes", key_deserializer="bytes")
    with asyncio.Runner() as runner:
        app.dataframe(topic).sink(CaseSink(runner))
        app.run()
