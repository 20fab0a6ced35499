"""A consumer's client is stopped while the broker is away: the consumer goes on when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from uuid import UUID, uuid4

import pytest

from shared.bus.handlers import AggregateHandler, Aggregates
from shared.bus.identity import TopicIdentities
from shared.events.request import RequestReceived
from shared.store.migration import migrate
from tests.support import ledger
from tests.support.kafka import KafkaServer
from tests.support.kernel import PARTITIONS, Bench, until
from tests.support.ledger import counted, entries, request

pytestmark = [pytest.mark.real_kafka]


# Seen red without shared/bus/consumer.py, BatchConsumer._leave (a plain `await consumer.stop()` in its place): the
# client's cancelled fetches end the consumer for good, in silence.
async def test_a_session_that_fails_while_the_broker_is_away(
    own_kafka: KafkaServer, database: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each look at the topics' identity that fails ends a session: let there be many, at any moment of the outage.
    monkeypatch.setattr("shared.bus.consumer.IDENTITY_SECONDS", 0.01)
    asked = 0
    of = TopicIdentities.of

    async def counting(self: TopicIdentities, names: Collection[str]) -> dict[str, UUID]:
        nonlocal asked
        asked += 1
        return await of(self, names)

    monkeypatch.setattr(TopicIdentities, "of", counting)
    await migrate("ledger", database)
    bench = await Bench.open(own_kafka, database, namespace)
    try:
        await ledger.create_entries(bench.engine)
        handler = AggregateHandler(Aggregates(entries(), partitions=PARTITIONS), {RequestReceived: ledger.receive})
        worker = bench.worker(handler)
        cases = [uuid4() for _ in range(20)]
        await bench.send([(case, 1, request()) for case in cases])

        async def all_counted(times: int) -> bool:
            return await counted(bench.engine) == dict.fromkeys(cases, times)

        await until(lambda: all_counted(1), what="the first events applied")
        for times in (2, 3):
            await own_kafka.kill()
            before = asked

            async def sessions_failed(before: int = before) -> bool:
                return asked > before + 3 or worker.tasks[0].done()

            await until(sessions_failed, what="sessions failed while the broker was away")
            await own_kafka.start()
            assert not worker.tasks[0].done(), "the consumer must not end"
            await bench.send([(case, times, request()) for case in cases])

            async def counted_again(times: int = times) -> bool:
                return await all_counted(times)

            await until(counted_again, seconds=60, what="events after the outage applied")
    finally:
        await asyncio.wait_for(bench.close(), 60)
