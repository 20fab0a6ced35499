"""A relay is killed between the broker's acknowledgement and the mark: the worst moment that it has."""

from __future__ import annotations

import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bus.envelope import Received
from shared.bus.handlers import AggregateHandler, Aggregates, ProjectionHandler
from shared.events.case import CaseAccepted
from shared.events.request import RequestReceived
from shared.process import spawn
from shared.store.migration import migrate
from tests.faults.plan import Plan
from tests.support import ledger
from tests.support.kafka import KafkaServer
from tests.support.kernel import PARTITIONS, Bench, case_sequences, until
from tests.support.ledger import counted, entries, request
from tests.support.places import PROJECT, scratch

pytestmark = [pytest.mark.faults, pytest.mark.real_kafka]

EVENTS_OF_A_CASE = 3
_COUNT = sa.text(
    """
    INSERT INTO entries (case_id, version, state, bodies) VALUES (:case, 1, '{}', 1)
    ON CONFLICT (case_id) DO UPDATE SET bodies = entries.bodies + 1
    """
)
_PENDING = sa.text(
    "SELECT case_id, sequence FROM outbox_pending JOIN outbox USING (id) WHERE topic = 'cases' ORDER BY id"
)

MakeDatabase = Callable[[str | None], Awaitable[str]]


@pytest.fixture
async def bench(kafka: KafkaServer, make_database: MakeDatabase, namespace: str) -> AsyncIterator[Bench]:
    """The service whose relay dies."""
    bench = await _bench(kafka, await make_database(None), namespace)
    yield bench
    await bench.close()


@pytest.fixture
async def reader(kafka: KafkaServer, make_database: MakeDatabase, namespace: str) -> AsyncIterator[Bench]:
    """A service that reads what the other emits."""
    reader = await _bench(kafka, await make_database(None), namespace)
    reader.name = "analytics"
    yield reader
    await reader.close()


async def _bench(kafka: KafkaServer, database: str, namespace: str) -> Bench:
    await migrate("ledger", database)
    bench = await Bench.open(kafka, database, namespace)
    await ledger.create_entries(bench.engine)
    return bench


async def _count(batch: Sequence[Received], connection: AsyncConnection) -> None:
    for received in batch:
        if isinstance(received.event, CaseAccepted):
            await connection.execute(_COUNT, {"case": received.case_id})


# Seen red without its protections:
#   shared/bus/relay.py, Relay._round: with `_MARK` before `publish`, what was not acknowledged is marked already;
#   shared/bus/admission.py, admit: without `if sequence <= cursor`, what was sent twice counts twice.
async def test_relay_killed_between_acknowledgement_and_mark(
    bench: Bench, reader: Bench, plan: Plan, namespace: str
) -> None:
    random = plan.random("relay")
    cases = [uuid4() for _ in range(300)]
    for sequence in range(1, EVENTS_OF_A_CASE + 1):
        await bench.send([(case, sequence, request()) for case in cases])
    reader.worker(ProjectionHandler(_count), reads=("cases",), emits=("insights",))

    sent_twice = 0
    for nth in plan.rounds(short=2, long=20):
        # The first process dies in the first round that it relays, which leaves the others something to do.
        await _die(bench, rounds=0 if nth == 0 else random.randrange(2), namespace=namespace)
        async with bench.engine.connect() as connection:
            pending = {(row[0], row[1]) for row in await connection.execute(_PENDING)}
        acknowledged = Counter((event.case_id, event.sequence) for event in await bench.published())
        unmarked = pending & set(acknowledged)
        assert unmarked, "the process died in time: events lie on the topic that are not marked"
        sent_twice += len(unmarked)
        await bench.send([(case, EVENTS_OF_A_CASE + nth + 1, request()) for case in cases])

    total = EVENTS_OF_A_CASE + nth + 1
    handler = AggregateHandler(Aggregates(entries(), partitions=PARTITIONS), {RequestReceived: ledger.receive})
    bench.worker(handler)

    async def done() -> bool:
        return sum((await counted(reader.engine)).values()) >= total * len(cases)

    await until(done, seconds=60, what="everything has arrived at the reader")
    assert await counted(reader.engine) == dict.fromkeys(cases, total)
    assert await counted(bench.engine) == dict.fromkeys(cases, total)
    published = await bench.published()
    assert len(published) >= total * len(cases) + sent_twice
    assert case_sequences(published) == {case: list(range(1, total + 1)) for case in cases}


async def _die(bench: Bench, *, rounds: int, namespace: str) -> None:
    with scratch("relay") as folder:
        process = spawn(
            "dying-relay",
            [
                *(sys.executable, "-m", "tests.support.dying_relay"),
                *(bench.kafka.bootstrap, bench.database, namespace, str(rounds)),
            ],
            log=folder / "log",
            cwd=PROJECT,
        )
        try:
            status = await process.wait()
            assert status == -signal.SIGKILL, f"ended with {status}:\n{process.log_tail()}"
        finally:
            await process.kill()
