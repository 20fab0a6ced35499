"""Routing's HTTP interface on a real database: who may do what, lists, versions, and writes that are sent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.routing import store
from services.routing.domain import decisions
from services.routing.domain.case import CaseState
from shared.bus.relay import Relay
from shared.events.request import RequestUrgencyJudged
from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.store.outbox import OutboxRow
from shared.web.auth import Role
from tests.support.routing import BUREAU, UNIT, RoutingParts

OTHER = "beihu-branch"
BODIES: dict[str, dict[str, Any]] = {"accept": {}, "contact": {"method": "phone"}, "resolve": {"result": "已处理"}}


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    await migrate("routing", database)
    engine = create_engine(database)
    yield engine
    await engine.dispose()


@pytest.fixture
async def parts(engine: AsyncEngine) -> RoutingParts:
    return RoutingParts(engine)


async def opened(parts: RoutingParts, *body: str, **changed: Any) -> UUID:
    return await parts.open_case(*body, **changed)


async def told(engine: AsyncEngine, case_id: UUID) -> list[int]:
    async with engine.connect() as connection:
        rows = await connection.execute(
            sa.text("SELECT sequence FROM outbox WHERE case_id = :id ORDER BY id"), {"id": case_id}
        )
        return list(rows.scalars())


def slug(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].removeprefix("urn:minsheng:problem:")


READERS = {
    (Role.OFFICER, UNIT): 200,
    (Role.UNIT_LEAD, UNIT): 200,
    (Role.OFFICER, OTHER): 403,
    (Role.UNIT_LEAD, OTHER): 403,
    (Role.OFFICER, None): 403,
    (Role.OPERATOR, None): 200,
    (Role.SUPERVISOR, None): 200,
    (Role.ANALYST, None): 200,
    (Role.ADMIN, None): 200,
    (Role.AGENCY, None): 403,
    (Role.SUPERVISOR, OTHER): 200,
    (None, None): 401,
}


@pytest.mark.parametrize(("who", "status"), READERS.items(), ids=str)
async def test_who_may_read(parts: RoutingParts, who: tuple[Role | None, str | None], status: int) -> None:
    case_id = await opened(parts)
    client = parts.client(who[0], unit=who[1])
    assert (await client.get(f"/v1/cases/{case_id}")).status_code == status
    listed = await client.get("/v1/cases", params={"unit": UNIT})
    assert listed.status_code == status
    if status == 200:
        assert [case["case_id"] for case in listed.json()["items"]] == [str(case_id)]


@pytest.mark.parametrize("command", BODIES)
@pytest.mark.parametrize("role", [*Role, None], ids=str)
async def test_who_may_act(parts: RoutingParts, role: Role | None, command: str) -> None:
    case_id = await opened(parts, requester=None)
    path = f"/v1/cases/{case_id}"
    mine = parts.officer(case_id)
    if command != "accept":
        assert (await parts.client(Role.OFFICER, mine).post(f"{path}/accept", json={})).status_code == 200
    allowed = role in (Role.OFFICER, Role.UNIT_LEAD)
    before = await told(parts.engine, case_id)
    elsewhere = await parts.client(role, mine, OTHER).post(f"{path}/{command}", json=BODIES[command])
    assert elsewhere.status_code == (401 if role is None else 403)
    assert await told(parts.engine, case_id) == before
    if role is Role.OFFICER:
        colleague = await parts.client(role, "m9998").post(f"{path}/{command}", json=BODIES[command])
        assert slug(colleague) == (403, "not-your-case")
    subject = "m9998" if role is Role.UNIT_LEAD else mine
    answer = await parts.client(role, subject).post(f"{path}/{command}", json=BODIES[command])
    assert answer.status_code == (200 if allowed else 401 if role is None else 403)
    assert len(await told(parts.engine, case_id)) == len(before) + allowed


async def test_officers_list_their_own_unit_alone(parts: RoutingParts) -> None:
    ours, theirs = await opened(parts), await opened(parts, "北湖区柳堤街道扰民")
    officer = parts.client(Role.OFFICER)
    assert [case["case_id"] for case in (await officer.get("/v1/cases")).json()["items"]] == [str(ours)]
    assert slug(await officer.get("/v1/cases", params={"unit": OTHER})) == (403, "other-unit")
    everyone = (await parts.client(Role.ADMIN, unit=None).get("/v1/cases")).json()["items"]
    assert {case["case_id"] for case in everyone} == {str(ours), str(theirs)}


async def test_a_subject_that_is_no_officer_id_is_told(parts: RoutingParts) -> None:
    case_id = await opened(parts)
    answer = await parts.client(Role.OFFICER, "Wang, Lei").post(f"/v1/cases/{case_id}/accept", json={})
    assert slug(answer) == (403, "no-officer-id")


async def pages(client: httpx.AsyncClient, **query: Any) -> list[str]:
    found: list[str] = []
    while True:
        page = (await client.get("/v1/cases", params={"limit": 3, **query})).json()
        assert len(page["items"]) <= 3
        found += [case["case_id"] for case in page["items"]]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


async def test_lists_go_on_by_cursor_newest_first_whatever_the_filter(parts: RoutingParts) -> None:
    ids = sorted([await opened(parts) for _ in range(8)], reverse=True)
    for case_id in ids[::2]:
        path = f"/v1/cases/{case_id}/accept"
        assert (await parts.client(Role.OFFICER, parts.officer(case_id)).post(path, json={})).status_code == 200
    officer = parts.officer(ids[0])
    admin = parts.client(Role.ADMIN, unit=None)
    every = [str(case_id) for case_id in ids]
    mine = [str(case_id) for case_id in ids if parts.officer(case_id) == officer]
    assert await pages(admin) == every
    assert await pages(admin, unit=UNIT) == every
    assert await pages(admin, state="accepted") == every[::2]
    assert await pages(admin, state="assigned", unit=UNIT) == every[1::2]
    assert await pages(admin, officer=officer) == mine
    assert await pages(admin, officer=officer, unit=UNIT, state="accepted") == [c for c in mine if c in every[::2]]
    assert await pages(admin, unit=OTHER) == []


async def test_urgent_cases_stand_first_until_they_are_done(parts: RoutingParts) -> None:
    ids = sorted([await opened(parts, urgent=place % 3 == 0, requester=None) for place in range(9)], reverse=True)
    async with parts.engine.connect() as connection:
        stored = await connection.execute(sa.text("SELECT case_id FROM cases WHERE urgent"))
        urgent = sorted(stored.scalars(), reverse=True)
    assert len(urgent) == 3
    done = urgent.pop(1)
    officer = parts.client(Role.OFFICER, parts.officer(done))
    for command in ("accept", "resolve"):
        assert (await officer.post(f"/v1/cases/{done}/{command}", json=BODIES[command])).status_code == 200
    admin = parts.client(Role.ADMIN, unit=None)
    calm = [case_id for case_id in ids if case_id not in urgent]
    expected = [str(case_id) for case_id in (*urgent, *calm)]
    assert await pages(admin) == expected
    assert await pages(admin, unit=UNIT) == expected
    assert await pages(admin, state="assigned") == [case_id for case_id in expected if case_id != str(done)]
    assert await pages(admin, urgent=True) == [str(case_id) for case_id in (*urgent, done)]
    assert await pages(admin, urgent=True, unit=UNIT, state="resolved") == [str(done)]
    assert await pages(admin, urgent=False) == [str(one) for one in ids if one not in urgent and one != done]


async def test_a_verdict_of_a_person_moves_a_case_in_the_lists(parts: RoutingParts) -> None:
    first, second = sorted([await opened(parts), await opened(parts)])
    admin = parts.client(Role.ADMIN, unit=None)
    assert await pages(admin) == [str(second), str(first)]
    judged = RequestUrgencyJudged(urgent=True, judged_at=datetime.now(UTC), judged_by="op1")
    await parts.commands.execute(first, lambda case, moment: decisions.judge_urgency(case, judged, moment, BUREAU))
    assert await pages(admin) == [str(first), str(second)]


STORED = """
INSERT INTO cases (case_id, version, state, status, unit, officer, urgent, pressing)
SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 2, '{}',
    CASE WHEN n <= 3000 THEN (ARRAY['assigned', 'accepted', 'closed'])[1 + n % 3] ELSE 'closed' END,
    CASE WHEN n <= 3000 THEN 'old-unit' ELSE 'u' || n % 7 END,
    CASE WHEN n <= 3000 THEN 'old-officer' ELSE 'o' || n % 31 END,
    n <= 500, n <= 150
FROM generate_series(1, 30000) AS n
"""


def scanned(plan: dict[str, Any]) -> int:
    """Rows that the scans of a plan fetched, the ones that a filter threw away included."""
    own = 0
    if "Scan" in plan["Node Type"] and "Subquery" not in plan["Node Type"]:
        own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return int(own) + sum(scanned(below) for below in plan.get("Plans", ()))


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"state": CaseState.ASSIGNED},
        {"state": CaseState.CLOSED},
        {"unit": "old-unit"},
        {"officer": "old-officer"},
        {"unit": "old-unit", "state": CaseState.CLOSED},
        {"officer": "old-officer", "state": CaseState.ASSIGNED},
        {"urgent": True},
        {"urgent": True, "unit": "old-unit"},
        {"urgent": False},
    ],
    ids=str,
)
async def test_a_page_costs_the_same_however_many_cases_are_stored(parts: RoutingParts, filters: Any) -> None:
    """What is asked for lies behind 27,000 newer cases; without its index, these would be looked at one by one."""
    async with parts.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(sa.text(STORED))
        await connection.execute(sa.text("ANALYZE cases"))
        for pressing in (True, False):
            query = store.list_query(limit=51, pressing=pressing, **filters)
            compiled = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
            explained = await connection.scalar(sa.text(f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}"))
            found = len((await connection.execute(query)).all())
            assert found == 51 or pressing
            # Those that press are few; all of them may be looked at.
            assert scanned(explained[0]["Plan"]) <= (2 * 150 if pressing else 7 * 51 + len(CaseState))


@pytest.mark.parametrize(
    "query", [{"cursor": "x"}, {"state": "lost"}, {"limit": "0"}, {"limit": "201"}, {"unit": "U 1"}], ids=str
)
async def test_bad_questions_are_told(parts: RoutingParts, query: dict[str, str]) -> None:
    answer = await parts.client(Role.ADMIN).get("/v1/cases", params=query)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_case_that_is_not_there(parts: RoutingParts) -> None:
    admin, officer = parts.client(Role.ADMIN), parts.client(Role.OFFICER)
    assert slug(await admin.get(f"/v1/cases/{uuid4()}")) == (404, "unknown-case")
    assert slug(await officer.post(f"/v1/cases/{uuid4()}/accept", json={})) == (404, "unknown-case")


async def test_a_stale_version_is_told_and_nothing_is_done(parts: RoutingParts) -> None:
    case_id = await opened(parts)
    officer = parts.client(Role.OFFICER, parts.officer(case_id))
    path = f"/v1/cases/{case_id}"
    read = await officer.get(path)
    assert read.headers["etag"] == '"2"'
    stale = await officer.post(f"{path}/accept", json={}, headers={"If-Match": '"1"'})
    assert slug(stale) == (412, "stale-version")
    assert stale.json()["version"] == 2
    assert await told(parts.engine, case_id) == [1, 2]
    done = await officer.post(f"{path}/accept", json={}, headers={"If-Match": read.headers["etag"]})
    assert (done.status_code, done.headers["etag"], done.json()["version"]) == (200, '"3"', 3)
    anyway = await officer.post(f"{path}/contact", json={"method": "phone"}, headers={"If-Match": "*"})
    assert anyway.status_code == 200
    assert (await officer.post(f"{path}/resolve", json={}, headers={"If-Match": "4"})).status_code == 422


async def test_a_write_sent_again_is_answered_again_and_done_once(parts: RoutingParts) -> None:
    case_id = await opened(parts)
    officer = parts.client(Role.OFFICER, parts.officer(case_id))
    path = f"/v1/cases/{case_id}"
    key = {"Idempotency-Key": "take-on-1"}
    first = await officer.post(f"{path}/accept", json={}, headers=key)
    again = await officer.post(f"{path}/accept", json={}, headers=key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert again.headers["idempotent-replay"] == "true"
    assert await told(parts.engine, case_id) == [1, 2, 3]
    other = await officer.post(f"{path}/contact", json={"method": "phone"}, headers=key)
    assert slug(other) == (422, "idempotency-key-reused")
    lead = await parts.client(Role.UNIT_LEAD, "m9998").post(f"{path}/accept", json={}, headers=key)
    assert slug(lead) == (409, "wrong-state")


async def test_of_two_commands_at_once_one_wins(parts: RoutingParts) -> None:
    case_id = await opened(parts)
    clients = [parts.client(Role.OFFICER, parts.officer(case_id)) for _ in range(5)]
    answers = await asyncio.gather(*(c.post(f"/v1/cases/{case_id}/accept", json={}) for c in clients))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert await told(parts.engine, case_id) == [1, 2, 3]


class Relaying:
    """Stands for the relay of this process: which partitions it holds, and what it was handed."""

    def __init__(self) -> None:
        self.handed: list[int] = []

    def holds(self, partition: int) -> bool:
        return True

    def committed(self, rows: list[tuple[int, OutboxRow]]) -> None:
        self.handed += [row.sequence for _, row in rows]


async def test_committed_events_are_handed_to_the_relay(engine: AsyncEngine) -> None:
    relay = Relaying()
    parts = RoutingParts(engine, cast("Relay", relay))
    case_id = await parts.open_case()
    officer = parts.client(Role.OFFICER, parts.officer(case_id))
    assert (await officer.post(f"/v1/cases/{case_id}/accept", json={})).status_code == 200
    assert (await officer.post(f"/v1/cases/{case_id}/accept", json={})).status_code == 409
    assert relay.handed == [3]


async def test_the_organisation_is_told_to_all_staff_without_names_of_people(parts: RoutingParts) -> None:
    assert (await parts.client(None).get("/v1/organisation")).status_code == 401
    shown = (await parts.client(Role.AGENCY, unit=None).get("/v1/organisation")).json()
    assert {unit["code"] for unit in shown["units"]} == set(BUREAU.units)
    assert {district["code"]: district["name"] for district in shown["districts"]}["beihu"] == "北湖区"
    assert len(shown["categories"]) == len(BUREAU.taxonomy.categories)


async def test_a_database_that_is_away_is_told_as_unavailable() -> None:
    parts = RoutingParts(create_engine("postgresql://nobody@127.0.0.1:1/minsheng_routing"))
    answer = await parts.client(Role.ADMIN).get("/v1/cases")
    assert slug(answer) == (503, "temporarily-unavailable")
    assert answer.headers["retry-after"] == "2"
