"""Flags and what people say of them, on a real database: told as events, kept sealed, and learned from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.screening import verdicts
from services.intake.screening.screen import ADVICE
from shared.events.request import RequestFlagged, RequestReceived, RequestUrgencyJudged
from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.web.auth import Role
from tests.support.intake import Replica, intake_settings, posted

SETTINGS = intake_settings()
URGENT = "我老公正在打我，快来"
CALM = "想问一下身份证到期了怎么换"


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    await migrate("intake", database)
    engine = create_engine(database)
    yield engine
    await engine.dispose()


@pytest.fixture
def replica(engine: AsyncEngine) -> Replica:
    return Replica(engine, SETTINGS)


async def events(engine: AsyncEngine) -> list[tuple[int, str, dict[str, Any]]]:
    """Sequence, type and content of what was told, in the order of the outbox."""
    async with engine.connect() as connection:
        rows = await connection.execute(sa.text("SELECT sequence, type, payload FROM outbox ORDER BY id"))
        return [(row[0], row[1], orjson.loads(row[2])) for row in rows]


async def hand_in(replica: Replica, body: str, request_id: str = "m-1") -> UUID:
    answer = await replica.channel().post("/v1/requests", json=posted(request_id, body=body))
    assert answer.status_code == 202
    return UUID(answer.json()["case_id"])


async def judge(client: httpx.AsyncClient, case_id: UUID, urgent: object) -> httpx.Response:
    return await client.post(f"/v1/requests/{case_id}/urgency", json={"urgent": urgent})


async def test_a_flag_is_an_event_behind_the_receipt_with_the_version_of_the_screen(
    replica: Replica, engine: AsyncEngine
) -> None:
    answer = await replica.channel().post("/v1/requests", json=posted(body=URGENT))
    assert (answer.json()["urgent"], answer.json()["advice"]) == (True, ADVICE)
    await hand_in(replica, CALM, "m-2")
    version = replica.screen.screen.version
    told = await events(engine)
    assert [(sequence, kind) for sequence, kind, _ in told] == [
        (1, RequestReceived.TYPE),
        (2, RequestFlagged.TYPE),
        (1, RequestReceived.TYPE),
    ]
    assert [content.get("screening") for _, _, content in told] == [version] * 3
    flagged = told[1][2]
    assert flagged["number"] == answer.json()["number"]
    assert flagged["score"] >= replica.screen.screen.threshold
    assert URGENT not in str(flagged)


async def test_many_at_once_are_each_told_in_their_order(replica: Replica, engine: AsyncEngine) -> None:
    batch = [posted(f"m-{n}", body=URGENT if n % 3 else CALM) for n in range(30)]
    answer = await replica.channel().post("/v1/requests/batch", json={"requests": batch})
    assert [one["urgent"] for one in answer.json()["results"]] == [bool(n % 3) for n in range(30)]
    again = await replica.channel().post("/v1/requests/batch", json={"requests": batch})
    assert all(one["repeated"] for one in again.json()["results"])
    async with engine.connect() as connection:
        rows = await connection.execute(
            sa.text("SELECT case_id, array_agg(sequence ORDER BY id) FROM outbox GROUP BY case_id")
        )
        assert sorted(row[1] for row in rows) == [[1]] * 10 + [[1, 2]] * 20


async def test_a_verdict_is_told_kept_and_learned_from(replica: Replica, engine: AsyncEngine) -> None:
    false_alarm, missed = await hand_in(replica, URGENT), await hand_in(replica, CALM, "m-2")
    answer = await judge(replica.staff(), false_alarm, False)
    assert answer.status_code == 200
    assert (answer.json()["urgent"], answer.json()["words_kept"]) == (False, True)
    assert (await judge(replica.staff(), missed, True)).status_code == 200
    judged = [
        (sequence, content) for sequence, kind, content in await events(engine) if kind == RequestUrgencyJudged.TYPE
    ]
    assert [(sequence, content["urgent"], content["judged_by"]) for sequence, content in judged] == [
        (3, False, "s1"),
        (2, True, "s1"),
    ]
    async with engine.connect() as connection:
        stored = await connection.execute(sa.text("SELECT sealed_words FROM screening_verdicts"))
        assert not any(URGENT in row[0] or CALM in row[0] for row in stored)
        learned = await verdicts.learned(connection, SETTINGS.sealing_ring)
    assert {(one.text, one.urgent) for one in learned} == {(URGENT, False), (CALM, True)}


async def test_the_same_verdict_again_changes_nothing_and_the_last_one_counts(
    replica: Replica, engine: AsyncEngine
) -> None:
    case_id = await hand_in(replica, URGENT)
    client = replica.staff()
    first = await judge(client, case_id, True)
    assert (await judge(client, case_id, True)).json() == first.json()
    await asyncio.gather(*(judge(client, case_id, False) for _ in range(5)))
    told = [content["urgent"] for _, kind, content in await events(engine) if kind == RequestUrgencyJudged.TYPE]
    assert told == [True, False]
    async with engine.connect() as connection:
        (one,) = await verdicts.learned(connection, SETTINGS.sealing_ring)
    assert one.urgent is False


async def test_words_that_the_outbox_has_forgotten_are_not_kept(replica: Replica, engine: AsyncEngine) -> None:
    case_id = await hand_in(replica, URGENT)
    async with engine.begin() as connection:
        await connection.execute(sa.text("DELETE FROM outbox"))
    assert (await judge(replica.staff(), case_id, True)).json()["words_kept"] is False
    async with engine.connect() as connection:
        assert await verdicts.learned(connection, SETTINGS.sealing_ring) == []


async def test_old_verdicts_are_forgotten_with_their_words(replica: Replica, engine: AsyncEngine) -> None:
    await judge(replica.staff(), await hand_in(replica, URGENT), True)
    now = datetime.now(UTC)
    for passed, left in ((timedelta(days=9), 1), (timedelta(days=11), 0)):
        async with engine.begin() as connection:
            await verdicts.forget(connection, now + passed, timedelta(days=10))
            assert len(await verdicts.learned(connection, SETTINGS.sealing_ring)) == left


async def test_who_may_judge(replica: Replica, engine: AsyncEngine) -> None:
    case_id = await hand_in(replica, URGENT)
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE requests SET unit = 'u1'"))
    for role, unit, status in (
        (Role.OPERATOR, None, 200),
        (Role.SUPERVISOR, None, 200),
        (Role.ADMIN, None, 200),
        (Role.OFFICER, "u1", 200),
        (Role.UNIT_LEAD, "u1", 200),
        (Role.OFFICER, "u2", 403),
        (Role.OFFICER, None, 403),
        (Role.ANALYST, None, 403),
        (Role.AGENCY, None, 403),
    ):
        assert (await judge(replica.staff(role, unit), case_id, True)).status_code == status, role
    assert (await judge(replica.stranger(), case_id, True)).status_code == 401
    assert (await judge(replica.channel(), case_id, True)).status_code == 401


@pytest.mark.parametrize("verdict", [None, "yes", 1, {}, []])
async def test_a_verdict_is_yes_or_no(replica: Replica, verdict: object) -> None:
    answer = await judge(replica.staff(), uuid4(), verdict)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_request_that_is_not_there(replica: Replica) -> None:
    assert (await judge(replica.staff(), uuid4(), True)).status_code == 404
