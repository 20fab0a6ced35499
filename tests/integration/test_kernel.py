"""The transactional kernel on a real broker and database: effects once, order, holes, dead letters, commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from shared.bus import dead_letters
from shared.bus.batch import BatchApplier
from shared.bus.commands import Commands
from shared.bus.handlers import AggregateHandler, Aggregates, Reaction
from shared.bus.partitioning import partition_of
from shared.bus.progress import FencedError, begin_offset, load_offsets
from shared.bus.publisher import Outgoing
from shared.bus.retries import Retries
from shared.bus.watch import Watch
from shared.decision import Decision, Moment
from shared.events.base import Event
from shared.events.request import RequestReceived
from shared.store import outbox
from shared.store.migration import migrate
from shared.telemetry.metrics import KernelMetrics
from tests.support import ledger
from tests.support.kafka import KafkaServer
from tests.support.kernel import PARTITIONS, Bench, case_sequences, until
from tests.support.ledger import Entry, counted, entries, request


@pytest.fixture
async def bench(kafka: KafkaServer, database: str, namespace: str) -> AsyncIterator[Bench]:
    await migrate("ledger", database)
    bench = await Bench.open(kafka, database, namespace)
    await ledger.create_entries(bench.engine)
    yield bench
    await bench.close()


def handler(receive: Reaction[Entry] = ledger.receive) -> AggregateHandler[Entry]:
    reactions: dict[type[Event], Reaction[Entry]] = {RequestReceived: receive}
    return AggregateHandler(Aggregates(entries(), partitions=PARTITIONS), reactions)


async def letters(bench: Bench, *states: str) -> list[dead_letters.Listed]:
    async with bench.engine.connect() as connection:
        return await dead_letters.listed(connection, states=states or None)


async def ask(bench: Bench, action: str, ids: list[int] | None = None) -> None:
    async with bench.engine.begin() as connection:
        await dead_letters.ask(connection, action, ids)


async def total(bench: Bench) -> int:
    return sum((await counted(bench.engine)).values())


async def test_each_event_counts_once_and_leaves_once_in_order(bench: Bench) -> None:
    cases = [uuid4() for _ in range(50)]
    bench.worker(handler())
    for sequence in (1, 2, 3):
        await bench.send([(case, sequence, request()) for case in cases])
    # Delivered again, as after a crash of the emitter between acknowledgement and mark.
    await bench.send([(case, sequence, request()) for sequence in (1, 2, 3) for case in cases])
    await bench.send([(case, 4, request()) for case in cases])

    async def done() -> bool:
        return await total(bench) >= 200 and len(await bench.published()) >= 200

    await until(done, what="200 events applied and relayed")
    assert await counted(bench.engine) == dict.fromkeys(cases, 4)
    assert case_sequences(await bench.published()) == {case: [1, 2, 3, 4] for case in cases}
    assert await letters(bench) == []


async def test_a_second_worker_takes_over_without_doubling(bench: Bench) -> None:
    cases = [uuid4() for _ in range(40)]
    first = bench.worker(handler())
    await bench.send([(case, 1, request()) for case in cases])
    second = bench.worker(handler())
    await bench.send([(case, 2, request()) for case in cases])
    await until(lambda: _holds_all(bench), what="all partitions relayed by the two")
    await first.stop()
    await bench.send([(case, 3, request()) for case in cases])

    async def done() -> bool:
        return await total(bench) >= 120 and len(await bench.published()) >= 120

    await until(done, what="all events applied and relayed")
    assert second.relay.trouble is None
    assert await counted(bench.engine) == dict.fromkeys(cases, 3)
    assert case_sequences(await bench.published()) == {case: [1, 2, 3] for case in cases}


async def _holds_all(bench: Bench) -> bool:
    return {p for worker in bench.workers for p in range(PARTITIONS) if worker.relay.holds(p)} == set(range(PARTITIONS))


async def test_a_hole_holds_the_case_until_it_is_filled(bench: Bench) -> None:
    holed, whole = uuid4(), uuid4()
    bench.worker(handler())
    await bench.send([(holed, 1, request()), (holed, 3, request()), (holed, 4, request()), (whole, 1, request())])

    async def held() -> bool:
        return len(await letters(bench, "gap", "waiting")) == 2 and whole in await counted(bench.engine)

    await until(held, what="the events after the hole are held, the other case flows on")
    assert await counted(bench.engine) == {holed: 1, whole: 1}
    await bench.send([(holed, 2, request())])

    async def filled() -> bool:
        return (await counted(bench.engine))[holed] == 4

    await until(filled, what="the filled hole lets the case go on")
    assert [letter.state for letter in await letters(bench)] == ["applied", "applied"]


async def test_a_hole_that_can_not_be_filled_can_be_given_up(bench: Bench) -> None:
    case = uuid4()
    bench.worker(handler())
    await bench.send([(case, 1, request()), (case, 3, request()), (case, 4, request())])

    async def held() -> bool:
        return len(await letters(bench, "gap", "waiting")) == 2

    await until(held, what="held")
    await ask(bench, "discard")

    async def done() -> bool:
        return await counted(bench.engine) == {case: 3}

    await until(done, what="events 3 and 4 applied without 2")


async def test_bad_events_become_dead_letters_and_retry_brings_their_cases_up_to_date(bench: Bench) -> None:
    good = [uuid4() for _ in range(20)]
    raises, malformed, unknown, wrong = uuid4(), uuid4(), uuid4(), uuid4()
    ran: list[str] = []

    def receive(entry: Entry | None, event: RequestReceived, moment: object) -> object:
        if event.body == "boom" and not ran:
            raise ValueError("not yet")
        return ledger.receive(entry, event.model_copy(update={"body": "ok"}), moment)  # type: ignore[arg-type]

    bench.worker(handler(receive))  # type: ignore[arg-type]
    bad = [
        bench.outgoing(raises, 1, request("boom")),
        bench.outgoing(malformed, 1, request(), value=b"\xff\x00 not json"),
        bench.outgoing(unknown, 1, request()),
        bench.outgoing(wrong, 1, request(), value=b'{"body": 7}'),
        bench.outgoing(uuid4(), 1, request(), headers=[("x", b"y")], value=b"garbage"),
    ]
    bad[2].headers[:] = [(n, b"minsheng.request.vanished.v9" if n == "ce_type" else v) for n, v in bad[2].headers]
    await bench.publisher.publish(bad)
    await bench.send([(case, 1, request()) for case in good])
    await bench.send([(case, 2, request()) for case in (raises, malformed, unknown, wrong)])

    async def sorted_out() -> bool:
        return len(await letters(bench)) == 9 and await total(bench) == len(good)

    await until(sorted_out, what="five failed, four waiting behind them, the good ones applied")
    found = await letters(bench)
    assert {letter.reason for letter in found if letter.state == "failed"} == {
        "ValueError",
        "wrong-schema",
        "unknown-type",
        "not-a-cloudevent",
    }
    assert {letter.case_id for letter in found if letter.state == "waiting"} == {raises, malformed, unknown, wrong}

    ran.append("mended")
    await ask(bench, "retry")

    async def mended() -> bool:
        return (await counted(bench.engine)).get(raises) == 2 and not await letters(bench, "retry")

    await until(mended, what="the retried case is up to date, the waiting event included, the others failed again")
    states = {(letter.case_id, letter.sequence): letter.state for letter in await letters(bench)}
    assert states[raises, 1] == states[raises, 2] == "applied"
    assert states[malformed, 1] == "failed"
    await ask(bench, "discard")

    async def settled() -> bool:
        return await letters(bench, *dead_letters.OPEN_STATES) == []

    await until(settled, what="nothing is open after discarding")
    counts = await counted(bench.engine)
    assert [counts[case] for case in (malformed, unknown, wrong)] == [1, 1, 1]
    announced = await bench_dead_letter_topic(bench)
    assert announced == 9


async def bench_dead_letter_topic(bench: Bench) -> int:
    async with bench.engine.connect() as connection:
        result = await connection.execute(sa.text("SELECT count(*) FROM outbox WHERE topic = 'dead-letters'"))
        return int(result.scalar_one())


async def test_records_that_no_column_could_hold_stop_nobody(bench: Bench) -> None:
    good = [uuid4() for _ in range(10)]
    bench.worker(handler())
    # The client sends headers without a value, too, whatever its type says.
    strange: list[dict[str, Any]] = [
        {"ce_sequence": b"9" * 12},
        {"ce_source": b"/minsheng/\0"},
        {"ce_source": None},
        {"ce_type": b"minsheng.\0"},
        {"ce_time": b"0001-01-01T00:00:00+14:00"},
        {"\0": b"\0"},
    ]
    records = []
    for changed in strange:
        record = bench.outgoing(uuid4(), 1, request(), value=b"broken")
        headers = dict(record.headers) | changed
        records.append(record._replace(headers=list(headers.items())))
    # As large as the broker takes it: what tells of it is larger than the record, and must be taken as well.
    records.append(bench.outgoing(uuid4(), 1, request(), value=b"{" * 900_000))
    large = bench.outgoing(uuid4(), 1, request(), value=b"broken")
    records.append(large._replace(headers=[*large.headers, ("x", b"y" * 900_000)]))
    for record in records:
        await bench.publisher.publish([record])
    await bench.send([(case, 1, request()) for case in good])

    async def sorted_out() -> bool:
        return len(await letters(bench, "failed")) == len(records) and await total(bench) == len(good)

    await until(sorted_out, what="the strange ones are set aside, the good ones applied")
    await until(lambda: _nothing_pending(bench), what="every dead letter is told of on its topic")


async def test_what_names_two_places_or_lies_under_another_key_is_set_aside(bench: Bench) -> None:
    case, other, third = sorted(uuid4() for _ in range(3))
    bench.worker(handler())

    def of(sequence: int, *more: tuple[str, bytes], key: UUID | None = None) -> Outgoing:
        record = bench.outgoing(case, sequence, request())
        # Its partition stays, which is where the key's order is.
        return record._replace(headers=[*record.headers, *more], key=record.key if key is None else str(key).encode())

    misplaced = [
        of(1, key=other),
        of(1, ("ce_subject", str(third).encode())),
        of(1, ("CE_Subject", str(case).encode())),
        of(1)._replace(key=None),
    ]
    await bench.publisher.publish(misplaced)
    await bench.send([(one, sequence, request()) for one in (case, other, third) for sequence in (1, 2)])

    async def sorted_out() -> bool:
        return len(await letters(bench)) == len(misplaced) and await total(bench) == 6

    await until(sorted_out, what="the misplaced ones are set aside, and no case waits for them")
    found = await letters(bench)
    assert {letter.state for letter in found} == {"failed"}
    assert sorted(letter.reason for letter in found) == ["key-mismatch"] * 2 + ["repeated-attribute"] * 2
    # One whose place is known holds up what comes after it.
    await bench.publisher.publish([of(3, ("ce_type", b"minsheng.other.v1"))])
    await bench.send([(case, 4, request()), (other, 3, request())])

    async def waits() -> bool:
        return len(await letters(bench, "waiting")) == 1 and await total(bench) == 7

    await until(waits, what="the case waits")
    # Given up, they name no case, and none is moved by it.
    await ask(bench, "discard")

    async def settled() -> bool:
        return await letters(bench, *dead_letters.OPEN_STATES) == [] and await total(bench) == 8

    await until(settled, what="all are settled, and the case goes on")


async def _nothing_pending(bench: Bench) -> bool:
    async with bench.engine.connect() as connection:
        return bool(await connection.scalar(sa.text("SELECT count(*) = 0 FROM outbox_pending")))


async def test_a_retry_by_a_worker_that_lost_the_partition_is_fenced(bench: Bench) -> None:
    case = uuid4()
    worker = bench.worker(handler())
    await bench.send([(case, 1, request("boom"))])

    async def failed() -> bool:
        return len(await letters(bench, "failed")) == 1

    await until(failed, what="set aside")
    await worker.stop()
    place = (bench.topics.internal("requests"), partition_of(case, PARTITIONS))
    async with bench.engine.begin() as connection:
        stored = (await load_offsets(connection, "routing", [place]))[place]
        await dead_letters.ask(connection, "discard", None)
    retries = Retries(bench.engine, "routing", handler())
    ids = {place[0]: stored.topic_id}
    with pytest.raises(FencedError):
        await retries.work({place: stored.next_offset - 1}, ids, None)
    assert [letter.state for letter in await letters(bench)] == ["discard"]
    await retries.work({place: stored.next_offset}, ids, None)
    assert [letter.state for letter in await letters(bench)] == ["discarded"]


async def test_a_bad_row_is_found_among_good_ones(bench: Bench) -> None:
    """The database refuses one state of the batch: only its event is set aside."""
    async with bench.engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE entries ADD CONSTRAINT few CHECK (bodies < 2)"))
    cases = [uuid4() for _ in range(30)]
    twice = cases[7]
    await bench.send([(case, 1, request()) for case in cases] + [(twice, 2, request()), (twice, 3, request())])
    bench.worker(handler())

    async def done() -> bool:
        return len(await letters(bench)) == 2 and await total(bench) == 30

    await until(done, what="one failed, one behind it, all others applied")
    found = {(letter.case_id, letter.sequence): letter.state for letter in await letters(bench)}
    assert found == {(twice, 2): "failed", (twice, 3): "waiting"}


async def test_a_command_from_another_replica_is_relayed_by_the_owner(bench: Bench) -> None:
    case = uuid4()
    bench.worker(handler())
    await bench.send([(case, 1, request())])
    aggregates = Aggregates(entries(), partitions=PARTITIONS)

    async def known() -> bool:
        return case in await counted(bench.engine)

    await until(known, what="the case exists")
    commands = Commands(bench.engine, aggregates, None)
    executed = await commands.execute(
        case, lambda entry, moment: ledger.receive(entry, request(), moment), expected_version=1
    )
    assert executed.version == 2

    async def relayed() -> bool:
        return case_sequences(await bench.published()) == {case: [1, 2]}

    await until(relayed, what="the owner relayed the command's event")


async def test_a_topic_made_anew_is_rebuilt_and_read_from_its_beginning(bench: Bench) -> None:
    cases = [uuid4() for _ in range(10)]
    worker = bench.worker(handler())
    await bench.send([(case, 1, request()) for case in cases])

    async def relayed() -> bool:
        return len(await bench.published()) == 10

    await until(relayed, what="relayed")
    await worker.stop()
    await _make_anew(bench)
    bench.worker(handler())
    await bench.send([(case, 2, request()) for case in cases])
    await until(lambda: _all_twice(bench, cases), what="old events rebuilt, new ones read from offset 0")
    assert await letters(bench) == []


async def _all_twice(bench: Bench, cases: list[UUID]) -> bool:
    return case_sequences(await bench.published()) == {case: [1, 2] for case in cases}


async def _make_anew(bench: Bench) -> None:
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(bootstrap_servers=bench.kafka.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(list(bench.topics.all()))

        async def gone() -> bool:
            return not set(bench.topics.all()) & set(await admin.list_topics())

        await until(gone, what="topics deleted")
    finally:
        await admin.close()
    await bench.create_topics()


async def test_two_batches_of_one_partition_can_not_both_commit(bench: Bench) -> None:
    topic_id = uuid4()
    async with bench.engine.begin() as connection:
        await begin_offset(connection, "routing", ("t", 0), topic_id, 0)
    applier = BatchApplier(bench.engine, "routing", handler())
    results = await asyncio.gather(
        *(applier.apply([], {("t", 0): (0, 5)}, {"t": topic_id}) for _ in range(2)), return_exceptions=True
    )
    assert sum(isinstance(result, FencedError) for result in results) == 1


async def test_what_stands_still_shows_while_nothing_relays_and_nothing_is_consumed(bench: Bench) -> None:
    metrics = KernelMetrics("watched")
    watch = Watch(bench.engine, metrics, partitions=PARTITIONS)
    await watch.look()
    assert (metrics.outbox_depth._value.get(), metrics.outbox_age._value.get()) == (0, 0)
    cases = [uuid4() for _ in range(3)]
    await bench.send([(case, 1, request("boom" if nth == 0 else "ok")) for nth, case in enumerate(cases)])

    def receive(entry: Entry | None, event: RequestReceived, moment: Moment) -> Decision[Entry]:
        if event.body == "boom":
            raise ValueError(event.body)
        return ledger.receive(entry, event, moment)

    worker = bench.worker(handler(receive))

    async def set_aside() -> bool:
        return len(await letters(bench, "failed")) == 1 and await total(bench) == 2

    await until(set_aside, what="one event is set aside")
    await worker.stop()
    # As an outage of the broker leaves it: told, and not acknowledged.
    async with bench.engine.begin() as connection:
        await connection.execute(sa.text("UPDATE outbox SET \"time\" = now() - interval '1 hour'"))
        await connection.execute(
            sa.text("INSERT INTO outbox_pending SELECT partition, id FROM outbox ON CONFLICT DO NOTHING")
        )
        rows = (await connection.execute(sa.text("SELECT count(*) FROM outbox"))).scalar_one()
        assert (await outbox.pending(connection, PARTITIONS))[0] == rows == 3
    await watch.look()
    assert metrics.outbox_depth._value.get() == 3
    assert 3_600 <= metrics.outbox_age._value.get() < 3_700
    open_letters = {state: metrics.dead_letters_open(state)._value.get() for state in dead_letters.OPEN_STATES}
    assert open_letters == dict.fromkeys(dead_letters.OPEN_STATES, 0) | {"failed": 1}
