"""Intake's HTTP interface on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.number import case_number, parse_case_number
from services.intake.domain.urgency import ADVICE
from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.telemetry.tracing import trace_id
from shared.web.auth import Role
from tests.support.intake import Replica, count, intake_settings, posted, told
from tests.support.postgres import PostgresServer

SETTINGS = intake_settings()
PATH = "/v1/requests"


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    await migrate("intake", database)
    engine = create_engine(database)
    yield engine
    await engine.dispose()


@pytest.fixture
def replica(engine: AsyncEngine) -> Replica:
    return Replica(engine, SETTINGS)


def slug(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].removeprefix("urn:minsheng:problem:")


async def test_a_request_is_accepted_once(replica: Replica) -> None:
    async with replica.channel() as client:
        first, again = [await client.post(PATH, json=posted()) for _ in range(2)]
    assert (first.status_code, again.status_code) == (202, 202)
    answer = first.json()
    assert parse_case_number(answer["number"]) == answer["number"]
    assert datetime.fromisoformat(answer["received_at"]).utcoffset() == timedelta(0)
    assert answer["links"] == {"progress": f"{PATH}/{answer['case_id']}"}
    assert (answer["urgent"], answer["repeated"], "advice" in answer) == (False, False, False)
    assert again.json() == {**answer, "repeated": True}
    assert await count(replica.engine, "requests") == 1


async def test_other_content_under_the_id_is_a_conflict(replica: Replica) -> None:
    async with replica.channel() as client:
        first = await client.post(PATH, json=posted())
        other = await client.post(PATH, json=posted(body="另一件事"))
    assert slug(other) == (409, "request-differs")
    assert other.json()["case_id"] == first.json()["case_id"]


async def test_an_urgent_matter_is_told_to_call_110(replica: Replica) -> None:
    async with replica.channel() as client:
        answer = (await client.post(PATH, json=posted(body="楼下正在打架，有人流血"))).json()
        again = (await client.post(PATH, json=posted(body="楼下正在打架，有人流血"))).json()
    assert (answer["urgent"], answer["advice"]) == (True, ADVICE)
    assert (again["urgent"], again["advice"]) == (True, ADVICE)
    assert [event.urgent for event in await told(replica.engine)] == [True]


async def test_the_trace_of_the_call_goes_on_in_the_event(replica: Replica, engine: AsyncEngine) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    async with replica.channel() as client:
        await client.post(PATH, json=posted(), headers={"traceparent": parent})
    async with engine.connect() as connection:
        stored = (await connection.exec_driver_sql("SELECT traceparent FROM outbox")).scalar_one()
    assert trace_id(stored) == trace_id(parent)
    assert stored != parent


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"{", ""),
        (b"[]", ""),
        (b'{"channel": "wechat-0012", "channel_request_id": "m-1", "body": " "}', "body"),
        (b'{"channel": "wechat-0012", "channel_request_id": "m-1", "body": "\xff"}', ""),
        (b'{"channel": "wechat-0012", "channel_request_id": "m-1", "body": "\\ud800"}', ""),
        (
            b'{"channel": "wechat-0012", "channel_request_id": "m-1", "body": "x", "requester": {"phone": "13900"}}',
            "requester.phone",
        ),
    ],
)
async def test_what_cannot_be_read_is_told_by_field(replica: Replica, content: bytes, field: str) -> None:
    async with replica.channel() as client:
        answer = await client.post(PATH, content=content)
    assert slug(answer) == (422, "invalid-request")
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert "13900" not in answer.text
    assert await count(replica.engine, "requests") == 0


async def test_a_channel_must_be_in_the_registry(replica: Replica) -> None:
    async with replica.channel("wechat-9999") as client:
        answer = await client.post(PATH, json=posted(channel="wechat-9999"))
    assert slug(answer) == (422, "unknown-channel")


async def test_a_request_from_the_future_is_refused(replica: Replica) -> None:
    async with replica.channel() as client:
        near, far = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (9, 11))
        assert (await client.post(PATH, json=posted("m-1", submitted_at=near.isoformat()))).status_code == 202
        answer = await client.post(PATH, json=posted("m-2", submitted_at=far.isoformat()))
    assert slug(answer) == (422, "submitted-in-the-future")


@pytest.mark.parametrize(
    ("scope", "status"), [("wechat-0012", 202), ("wechat/*", 202), ("wechat-0013", 403), ("weibo/*", 403)]
)
async def test_a_key_is_good_for_its_channels(replica: Replica, scope: str, status: int) -> None:
    async with replica.channel(scope) as client:
        alone = await client.post(PATH, json=posted())
        batch = await client.post(f"{PATH}/batch", json={"requests": [posted()]})
    assert alone.status_code == status
    assert batch.json()["results"][0]["status"] == status
    assert await count(replica.engine, "requests") == (1 if status == 202 else 0)


async def test_nothing_is_open_to_strangers(replica: Replica) -> None:
    async with replica.channel() as client:
        case_id = (await client.post(PATH, json=posted())).json()["case_id"]
    async with replica.stranger() as client:
        for key in ({}, {"X-Channel-Key": "ch_wechat-0012_" + "A" * 32}):
            answers = [
                await client.post(PATH, json=posted("m-2"), headers=key),
                await client.post(f"{PATH}/batch", json={"requests": [posted("m-2")]}, headers=key),
                await client.get(f"{PATH}/{case_id}", headers=key),
                await client.get(PATH, params={"number": "261124-0004217-8"}, headers=key),
            ]
            assert [answer.status_code for answer in answers] == [401, 401, 401, 401]
            assert all("ChannelKey" in answer.headers["www-authenticate"] for answer in answers)
        assert (await client.get("/v1/channels")).status_code == 401
    assert await count(replica.engine, "requests") == 1


async def test_progress_is_for_the_own_channel_and_staff(replica: Replica) -> None:
    async with replica.channel() as client:
        made = (await client.post(PATH, json=posted())).json()
    readers = [
        (replica.channel("wechat-0012"), 200),
        (replica.channel("wechat/*"), 200),
        (replica.channel("wechat-0013"), 404),
        (replica.channel("weibo/*"), 404),
        (replica.staff(Role.OPERATOR), 200),
        (replica.staff(Role.AGENCY), 403),
    ]
    for client, status in readers:
        async with client:
            by_id = await client.get(f"{PATH}/{made['case_id']}")
            by_number = await client.get(PATH, params={"number": made["number"].replace("-", " ")})
        assert (by_id.status_code, by_number.status_code) == (status, status)
        if status == 200:
            assert by_id.json() == by_number.json()
            assert by_id.json() == {
                "case_id": made["case_id"],
                "number": made["number"],
                "channel": "wechat-0012",
                "state": "received",
                "received_at": by_id.json()["received_at"],
                "updated_at": by_id.json()["received_at"],
                "unit": None,
                "steps": [{"at": by_id.json()["received_at"], "code": "received", "text": "已受理"}],
            }


async def test_a_number_that_was_read_wrongly_is_told_so(replica: Replica) -> None:
    async with replica.channel() as client:
        made = (await client.post(PATH, json=posted())).json()
        wrong = made["number"][:-1] + str((int(made["number"][-1]) + 1) % 10)
        assert slug(await client.get(PATH, params={"number": wrong})) == (422, "invalid-number")
        assert slug(await client.get(PATH, params={"number": case_number(date(2020, 1, 2), 3)})) == (
            404,
            "unknown-request",
        )
        assert slug(await client.get(f"{PATH}/{uuid4()}")) == (404, "unknown-request")
        assert slug(await client.get(f"{PATH}/1")) == (422, "invalid-request")


async def test_each_request_of_a_batch_has_its_own_answer(replica: Replica) -> None:
    requests: list[Any] = [
        posted("m-1"),
        posted("m-2", body=""),
        posted("m-1"),
        posted("m-1", body="别的"),
        posted("m-3", channel="weibo-0001"),
        7,
        posted("m-4"),
    ]
    async with replica.channel() as client:
        answer = await client.post(f"{PATH}/batch", json={"requests": requests})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [202, 422, 202, 409, 403, 422, 202]
    assert [result.get("repeated") for result in results] == [False, None, True, None, None, None, False]
    assert results[0]["case_id"] == results[2]["case_id"] == results[3]["case_id"]
    assert results[1]["errors"][0]["field"] == "body"
    assert await count(replica.engine, "requests") == await count(replica.engine, "outbox") == 2


async def test_a_batch_has_a_limit(replica: Replica) -> None:
    async with replica.channel() as client:
        full = await client.post(f"{PATH}/batch", json={"requests": [posted(f"m-{nth}") for nth in range(500)]})
        over = await client.post(f"{PATH}/batch", json={"requests": [posted(f"n-{nth}") for nth in range(501)]})
    assert {result["status"] for result in full.json()["results"]} == {202}
    assert slug(over) == (422, "invalid-request")
    assert await count(replica.engine, "requests") == 500


async def test_staff_see_the_registry(replica: Replica) -> None:
    async with replica.staff(Role.ANALYST) as client:
        answer = (await client.get("/v1/channels")).json()
    assert (answer["total"], len(answer["channels"]), len(answer["families"])) == (1_132, 1_132, 12)
    assert answer["channels"][0] == {"id": "hotline-12345-0001", "family": "hotline-12345", "name": "12345总台转办"}


async def test_a_full_queue_says_when_to_come_again(engine: AsyncEngine) -> None:
    replica = Replica(engine, intake_settings(intake_queue=1))
    async with engine.begin() as connection:
        # While another session holds the table, nothing can be stored.
        await connection.exec_driver_sql("LOCK TABLE requests IN ACCESS EXCLUSIVE MODE")
        async with replica.channel() as client:
            posts = [asyncio.create_task(client.post(PATH, json=posted(f"m-{nth}"))) for nth in range(6)]
            done, _ = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
            for answer in [task.result() for task in done]:
                assert slug(answer) == (503, "not-stored")
                assert answer.headers["retry-after"] == "1"
            await connection.rollback()
            statuses = sorted([(await task).status_code for task in posts])
    accepted = statuses.count(202)
    assert accepted >= 1
    assert statuses.count(503) == 6 - accepted >= 1
    assert await count(engine, "requests") == accepted


async def test_without_a_database_callers_are_told_to_come_again(own_postgres: PostgresServer) -> None:
    url = await own_postgres.create_database()
    await migrate("intake", url)
    engine = create_engine(url)
    replica = Replica(engine, SETTINGS)
    async with replica.channel() as client:
        made = (await client.post(PATH, json=posted("m-1"))).json()
        await own_postgres.kill()
        answers = await asyncio.gather(*(client.post(PATH, json=posted(f"n-{nth}")) for nth in range(10)))
        assert {slug(answer) for answer in answers} == {(503, "not-stored")}
        assert {answer.headers["retry-after"] for answer in answers} == {"1"}
        assert slug(await client.get(f"{PATH}/{made['case_id']}")) == (503, "not-readable")
        batch = await client.post(f"{PATH}/batch", json={"requests": [posted("n-1")]})
        assert batch.json()["results"][0]["status"] == 503
        await own_postgres.start()
        again = await asyncio.gather(*(client.post(PATH, json=posted(f"n-{nth}")) for nth in range(10)))
    assert [answer.status_code for answer in again] == [202] * 10
    assert await count(engine, "requests") == await count(engine, "outbox") == 11
    await engine.dispose()


async def test_the_document_tells_of_the_form(replica: Replica) -> None:
    async with replica.stranger() as client:
        document = (await client.get("/openapi.json")).json()
    operation = document["paths"][PATH]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/RequestForm"
    }
    assert "202" in operation["responses"]
    form = document["components"]["schemas"]["RequestForm"]
    assert set(form["required"]) == {"channel", "channel_request_id", "body"}
    assert "number" in document["components"]["schemas"]["AcceptedAnswer"]["properties"]
