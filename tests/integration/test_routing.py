"""Routing on a real broker and database: a request becomes a case, officers act by HTTP, clocks run out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from shared.bus import dead_letters
from shared.events.case import CaseOpened, CaseOverdue, CaseReopened, CaseResolved
from shared.events.followup import CaseSettled, RectificationOpened
from shared.events.words import Settlement
from shared.store.migration import migrate
from shared.store.revisions import missing_revisions
from shared.web.auth import Role
from tests.support.kafka import KafkaServer
from tests.support.kernel import Bench, until
from tests.support.routing import BUREAU, UNIT, Clock, RoutingParts, request

READS = ("requests", "followups")
FOLLOWUP = "/minsheng/followup"


@pytest.fixture
async def bench(kafka: KafkaServer, database: str, namespace: str) -> AsyncIterator[Bench]:
    await migrate("routing", database)
    bench = await Bench.open(kafka, database, namespace)
    yield bench
    await bench.close()


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def parts(bench: Bench, clock: Clock) -> RoutingParts:
    """Routing with a worker that reads and relays; the commands go through its relay."""
    handler = RoutingParts(bench.engine, clock=clock).handler
    worker = bench.worker(handler, reads=READS)
    return RoutingParts(bench.engine, worker.relay, clock)


async def types(bench: Bench, case_id: UUID) -> list[str]:
    return [
        type(received.event).__name__
        for received in sorted(await bench.published(), key=lambda received: received.sequence)
        if received.case_id == case_id
    ]


async def until_told(bench: Bench, case_id: UUID, *expected: str) -> None:
    async def told() -> bool:
        return await types(bench, case_id) == list(expected)

    await until(told, what=f"events {expected}")


async def test_the_whole_way_of_a_case(bench: Bench, parts: RoutingParts) -> None:
    case_id = uuid4()
    way = ["CaseOpened", "CaseAssigned"]
    await bench.send([(case_id, 1, request())])
    await until_told(bench, case_id, *way)

    officer = parts.client(Role.OFFICER, parts.officer(case_id))
    path = f"/v1/cases/{case_id}"
    for step, body in (("accept", {}), ("contact", {"method": "phone"}), ("resolve", {"result": "已劝离，恢复安静"})):
        answer = await officer.post(f"{path}/{step}", json=body)
        assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "resolved"
    way += ["CaseAccepted", "CitizenContacted", "CaseResolved"]
    await until_told(bench, case_id, *way)

    now = datetime.now(UTC)
    dissatisfied = RectificationOpened(round=1, unit=UNIT, opened_at=now)
    await bench.send([(case_id, 1, dissatisfied)], topic="followups", source=FOLLOWUP)
    way.append("CaseReopened")
    await until_told(bench, case_id, *way)
    early = await officer.post(f"{path}/resolve", json={"result": "好了"})
    assert (early.status_code, early.json()["type"]) == (409, "urn:minsheng:problem:contact-first")
    for step, body in (("contact", {"method": "visit"}), ("resolve", {"result": "上门说明，已装隔音"})):
        assert (await officer.post(f"{path}/{step}", json=body)).status_code == 200
    way += ["CitizenContacted", "CaseResolved"]
    await until_told(bench, case_id, *way)

    settled = CaseSettled(rounds=2, unit=UNIT, settled_at=now, settlement=Settlement.SATISFIED)
    await bench.send([(case_id, 2, settled)], topic="followups", source=FOLLOWUP)
    await until_told(bench, case_id, *way, "CaseClosed")

    shown = (await officer.get(path)).json()
    assert (shown["state"], shown["settlement"], shown["round"], shown["version"]) == ("closed", "satisfied", 2, 9)
    events = [received.event for received in await bench.published() if received.case_id == case_id]
    assert [event.round for event in events if isinstance(event, CaseResolved | CaseReopened)] == [1, 2, 2]
    (first,) = [event for event in events if isinstance(event, CaseOpened)]
    assert (first.category, first.district, first.words) == ("noise", "linjiang", ("唱歌", "扰民"))
    assert first.requester == "v1.k1.sealed"


async def test_a_batch_of_requests_becomes_one_case_each(bench: Bench, parts: RoutingParts) -> None:
    cases = [uuid4() for _ in range(100)]
    for _ in range(2):
        await bench.send([(case_id, 1, request(f"清溪县茶山乡第 {n} 次有人聚赌")) for n, case_id in enumerate(cases)])
    last = uuid4()
    await bench.send([(last, 1, request())])
    await until_told(bench, last, "CaseOpened", "CaseAssigned")

    async def all_there() -> bool:
        return len(await bench.published()) >= 202

    await until(all_there, what="two events for each of 101 cases")
    published = await bench.published()
    assert len(published) == 202
    assert {received.case_id for received in published} == {*cases, last}


async def test_a_followup_of_an_unknown_case_is_set_aside(bench: Bench, parts: RoutingParts) -> None:
    stranger = uuid4()
    lost = RectificationOpened(round=1, unit=UNIT, opened_at=datetime.now(UTC))
    await bench.send([(stranger, 1, lost)], topic="followups", source=FOLLOWUP)

    async def letters() -> bool:
        async with bench.engine.connect() as connection:
            found = await dead_letters.listed(connection)
        return [letter.case_id for letter in found] == [stranger]

    await until(letters, what="one dead letter")


async def test_what_ran_out_in_a_backlog_is_told_at_once_and_once(bench: Bench, parts: RoutingParts) -> None:
    case_id, received = uuid4(), datetime.now(UTC) - timedelta(days=60)
    await bench.send([(case_id, 1, request(received_at=received, submitted_at=received))])
    way = ["CaseOpened", "CaseAssigned", "CaseOverdue", "CaseOverdue"]
    await until_told(bench, case_id, *way)
    await parts.wakes.sweep()
    answer = await parts.client(Role.OFFICER, parts.officer(case_id)).post(f"/v1/cases/{case_id}/accept", json={})
    assert (answer.json()["contact_overdue"], answer.json()["overdue"]) == (True, True)
    await until_told(bench, case_id, *way, "CaseAccepted")


async def test_clocks_that_run_out_are_told_once(bench: Bench, parts: RoutingParts, clock: Clock) -> None:
    case_id = uuid4()
    # Opened long ago, and not in the future later: a broker refuses times to come.
    clock.ahead = -timedelta(days=60)
    await bench.send([(case_id, 1, request())])
    await until_told(bench, case_id, "CaseOpened", "CaseAssigned")
    assert await parts.wakes.sweep() == 0
    clock.ahead = timedelta(0)
    assert await parts.wakes.sweep() == 1
    assert await parts.wakes.sweep() == 0
    await until_told(bench, case_id, "CaseOpened", "CaseAssigned", "CaseOverdue", "CaseOverdue")
    events = [received.event for received in await bench.published()]
    assert [event.clock for event in events if isinstance(event, CaseOverdue)] == ["contact", "resolution"]
    shown = (await parts.client(Role.SUPERVISOR, unit=None).get(f"/v1/cases/{case_id}")).json()
    assert (shown["contact_overdue"], shown["overdue"]) == (True, True)


async def test_the_migrations_are_complete(bench: Bench) -> None:
    assert await missing_revisions("routing", bench.engine) == []
    assert BUREAU.units[UNIT].district == "linjiang"
