"""What can't be decoded or decided, among ten thousand good events: it alone is set aside, and a mended service goes on
with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from random import Random
from uuid import UUID, uuid4

import pytest

from shared.bus import dead_letters
from shared.bus.handlers import AggregateHandler, Aggregates
from shared.bus.publisher import Outgoing
from shared.decision import Decision, Moment
from shared.events import base
from shared.events.request import RequestReceived
from shared.store.migration import migrate
from tests.faults.plan import Plan
from tests.support import ledger
from tests.support.kafka import KafkaServer
from tests.support.kernel import PARTITIONS, Bench, case_sequences, until
from tests.support.ledger import Entry, counted, entries, request

pytestmark = [pytest.mark.faults]

CASES = 2_000
EVENTS_OF_A_CASE = 5
BAD_OF_A_SORT = 10
LATER_TYPE = "minsheng.request.amended.v1"
"""A type that the service learns only when it is mended."""
CHANGED_TYPE = "minsheng.request.repeated.v1"
"""A type whose schema the service has wrong until it is mended."""
REASONS = {"raising": "ValueError", "malformed": "wrong-schema", "unknown": "unknown-type", "wrong": "wrong-schema"}


class TooStrict(RequestReceived):
    """Asks for a field that nobody sends."""

    clerk: str


class Mended(RequestReceived):
    """Does without."""


@dataclass(slots=True)
class Service:
    """Decides like the ledger, and can't decide `boom` before it is mended."""

    mended: bool = False

    def receive(self, entry: Entry | None, event: RequestReceived, moment: Moment) -> Decision[Entry]:
        """Count the request."""
        if event.body == "boom" and self.mended:
            event = event.model_copy(update={"body": "ok"})
        return ledger.receive(entry, event, moment)

    def handler(self) -> AggregateHandler[Entry]:
        """What a worker runs."""
        types: tuple[type[RequestReceived], ...] = (RequestReceived, TooStrict, Mended)
        return AggregateHandler(Aggregates(entries(), partitions=PARTITIONS), dict.fromkeys(types, self.receive))


@pytest.fixture
async def bench(kafka: KafkaServer, database: str, namespace: str) -> AsyncIterator[Bench]:
    """A service on a broker and a database."""
    await migrate("ledger", database)
    bench = await Bench.open(kafka, database, namespace)
    await ledger.create_entries(bench.engine)
    yield bench
    await bench.close()


def typed(outgoing: Outgoing, event_type: str) -> Outgoing:
    """The record under another type."""
    outgoing.headers[:] = [(n, event_type.encode() if n == "ce_type" else v) for n, v in outgoing.headers]
    return outgoing


def bad_event(bench: Bench, sort: str, case: UUID, sequence: int) -> Outgoing:
    """An event of one sort that can't be applied."""
    match sort:
        case "raising":
            return bench.outgoing(case, sequence, request("boom"))
        case "malformed":
            return bench.outgoing(case, sequence, request(), value=b"\xff\x00{]")
        case "unknown":
            return typed(bench.outgoing(case, sequence, request()), LATER_TYPE)
        case _:
            return typed(bench.outgoing(case, sequence, request()), CHANGED_TYPE)


# Seen red without its protections:
#   shared/bus/admission.py, admit: without `waits[case_id] = Blocked(failed=True)`, later events overtake a bad one;
#   shared/bus/handlers.py, AggregateHandler.apply: without its `except`, and without the isolating that comes after it
#   in shared/bus/batch.py, BatchApplier.apply: one raising decide holds up its partition for ever.
async def test_only_bad_events_are_set_aside(bench: Bench, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(base._CATALOGUE, CHANGED_TYPE, TooStrict)
    random: Random = plan.random("bad")
    cases = [uuid4() for _ in range(CASES)]
    # Each bad event is the 2nd to 5th of its case; those before it are applied, those after it wait.
    chosen = random.sample(cases, BAD_OF_A_SORT * len(REASONS))
    bad = {
        case: (sort, random.randint(2, EVENTS_OF_A_CASE)) for case, sort in zip(chosen, [*REASONS] * 10, strict=True)
    }
    records: list[Outgoing] = []
    for sequence in range(1, EVENTS_OF_A_CASE + 1):
        for case in cases:
            sort, place = bad.get(case, ("", 0))
            records.append(
                bad_event(bench, sort, case, sequence)
                if sequence == place
                else bench.outgoing(case, sequence, request())
            )
    nameless = [bench.outgoing(uuid4(), 1, request(), headers=[("x", b"y")], value=b"?") for _ in range(BAD_OF_A_SORT)]
    for record in nameless:
        records.insert(random.randrange(len(records)), record)
    assert len(records) == CASES * EVENTS_OF_A_CASE + BAD_OF_A_SORT
    await bench.publisher.publish(records)

    service = Service()
    bench.worker(service.handler())
    held = {case: EVENTS_OF_A_CASE - place + 1 for case, (_, place) in bad.items()}
    applied = CASES * EVENTS_OF_A_CASE - sum(held.values())
    await _until_counted(bench, applied)
    letters = await _letters(bench)
    failed = [letter for letter in letters if letter.state == "failed"]
    expected = Counter({"not-a-cloudevent": BAD_OF_A_SORT})
    for sort in REASONS:
        expected[REASONS[sort]] += BAD_OF_A_SORT
    assert Counter(letter.reason for letter in failed) == expected
    assert {(one.case_id, one.sequence) for one in failed if one.case_id} == {(c, p) for c, (_, p) in bad.items()}
    assert {(one.case_id, one.sequence) for one in letters if one.state == "waiting"} == {
        (case, later) for case, (_, place) in bad.items() for later in range(place + 1, EVENTS_OF_A_CASE + 1)
    }
    assert await counted(bench.engine) == {case: EVENTS_OF_A_CASE - held.get(case, 0) for case in cases}

    # The mended service knows the new type, reads the changed schema and decides what it could not.
    monkeypatch.setitem(base._CATALOGUE, LATER_TYPE, Mended)
    monkeypatch.setitem(base._CATALOGUE, CHANGED_TYPE, Mended)
    service.mended = True
    await _ask(bench, "retry")
    hopeless = {case: held[case] for case, (sort, _) in bad.items() if sort == "malformed"}
    await _until_counted(bench, CASES * EVENTS_OF_A_CASE - sum(hopeless.values()))
    left = await _letters(bench, *dead_letters.OPEN_STATES)
    assert {letter.case_id for letter in left} == {None, *hopeless}

    # Nothing mends broken bytes: given up, they let their cases go on without them.
    await _ask(bench, "discard")
    await _until_counted(bench, CASES * EVENTS_OF_A_CASE - BAD_OF_A_SORT)

    async def settled() -> bool:
        return await _letters(bench, *dead_letters.OPEN_STATES) == []

    await until(settled, what="no dead letter is open")
    counts = {case: EVENTS_OF_A_CASE - (case in hopeless) for case in cases}
    assert await counted(bench.engine) == counts

    async def relayed() -> bool:
        return len(await bench.published()) >= sum(counts.values())

    await until(relayed, what="all decided events are on the topic")
    assert case_sequences(await bench.published()) == {case: list(range(1, n + 1)) for case, n in counts.items()}


async def _until_counted(bench: Bench, total: int) -> None:
    async def done() -> bool:
        return sum((await counted(bench.engine)).values()) >= total

    await until(done, seconds=90, what=f"{total} events applied")


async def _letters(bench: Bench, *states: str) -> list[dead_letters.Listed]:
    async with bench.engine.connect() as connection:
        return await dead_letters.listed(connection, states=states or None, limit=10_000)


async def _ask(bench: Bench, action: str) -> None:
    async with bench.engine.begin() as connection:
        await dead_letters.ask(connection, action, None)
