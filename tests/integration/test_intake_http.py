"""Intake's HTTP interface on a real database."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.number import case_number, parse_case_number
from services.intake.projection import project
from services.intake.screening.screen import ADVICE
from shared.bus.envelope import Received
from shared.events.case import CaseAssigned
from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.telemetry.tracing import trace_id
from shared.web.auth import Role
from tests.support.intake import Replica, count, intake_settings, posted, told
from tests.support.postgres import PostgresServer

SETTINGS = intake_settings()
PATH = "/v1/requests"
AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


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
            (
                b'{"channel": "wechat-0012", "channel_request_id": "m-1", "body": "x", '
                b'"requester": {"phone": "139OOO13900"}}'
            ),
            "requester.phone",
        ),
        (b'{"channel": "wechat-0012", "channel_request_id": "m-1", "body": "x", "body": "y"}', "body"),
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


ITEM = b'{"channel": "wechat-0012", "channel_request_id": "m-%d", "body": %s}'
BAD_BODIES = [
    rb'"a\ud83d"',
    b'"a\0"',
    b"[" * 3_000 + b"]" * 3_000,
    b"9" * 5_000,
    b"NaN",
    b"1e999",
    b'"a", "body": "b"',
    b'"\xb5\xc6"',
    b'{"a": null}',
    rb'"\u3164"',
]


async def test_one_bad_request_of_a_batch_leaves_the_others(replica: Replica) -> None:
    async with replica.channel() as client:
        for nth, bad in enumerate(BAD_BODIES):
            items = [ITEM % (3 * nth, b'"x"'), ITEM % (3 * nth + 1, bad), ITEM % (3 * nth + 2, b'"y"')]
            answer = await client.post(f"{PATH}/batch", content=b'{"requests": [' + b",".join(items) + b"]}")
            assert answer.status_code == 200
            assert [result["status"] for result in answer.json()["results"]] == [202, 422, 202]
            alone = await client.post(PATH, content=items[1])
            assert slug(alone) == (422, "invalid-request")
    assert await count(replica.engine, "requests") == len(await told(replica.engine)) == 2 * len(BAD_BODIES)


async def test_a_byte_order_mark_is_no_obstacle_and_other_encodings_are(replica: Replica) -> None:
    alone, batch = ITEM % (1, b'"x"'), b'{"requests": [' + ITEM % (2, b'"x"') + b"]}"
    async with replica.channel() as client:
        assert (await client.post(PATH, content=b"\xef\xbb\xbf" + alone)).status_code == 202
        marked = await client.post(f"{PATH}/batch", content=b"\xef\xbb\xbf" + batch)
        assert [result["status"] for result in marked.json()["results"]] == [202]
        for encoding in ("utf-16", "utf-16-le", "utf-32", "gb18030"):
            for path, body in ((PATH, alone), (f"{PATH}/batch", batch)):
                other = body.replace(b'"x"', '"灯"'.encode()).decode().encode(encoding)
                answer = await client.post(path, content=other)
                if encoding == "gb18030" and path.endswith("batch"):
                    # Where one text begins and another ends is clear: each is answered for itself.
                    told = answer.json()["results"][0]
                    assert (answer.status_code, told["status"]) == (200, 422)
                else:
                    told = answer.json()
                    assert slug(answer) == (422, "invalid-request")
                assert told["errors"][0]["code"] == "json_encoding"
    assert await count(replica.engine, "requests") == 2


@pytest.mark.parametrize("path", [PATH, f"{PATH}/batch"])
async def test_no_bytes_are_a_failure(replica: Replica, path: str) -> None:
    rng = random.Random(7)
    noise = [b"", b"\\ud83d", b"\xff", b'"', b"{", b"]", b"\0", b"1e999"]
    good = json.dumps(posted() if path == PATH else {"requests": [posted(), posted("m-2")]}).encode()
    async with replica.channel() as client:
        for _ in range(400):
            body = bytearray(good)
            for _ in range(rng.randint(1, 4)):
                at = rng.randrange(len(body))
                body[at : at + rng.randint(0, 3)] = rng.choice(noise)
            answer = await client.post(path, content=bytes(body))
            assert answer.status_code in (200, 202, 403, 409, 422), bytes(body)
            if answer.status_code == 200:
                assert {result["status"] for result in answer.json()["results"]} <= {202, 403, 409, 422}, bytes(body)


async def test_a_contact_that_cannot_be_read_does_not_cost_the_request(replica: Replica) -> None:
    requester = {"phone": "不方便透露"}
    async with replica.channel() as client:
        answer = await client.post(PATH, json=posted("m-1", requester=requester))
        again = await client.post(PATH, json=posted("m-1", requester=requester))
        batch = await client.post(f"{PATH}/batch", json={"requests": [posted("m-2", requester=requester)]})
        several = await client.post(PATH, json=posted("m-3", requester={"phone": "13900000001、13900000002"}))
        plain = await client.post(PATH, json=posted("m-4", requester={"phone": "13900000001-9100"}))
        misspelt = await client.post(PATH, json=posted("m-5", requester={"phone": "139OOOO0001"}))
    assert answer.status_code == 202
    (remark,) = answer.json()["remarks"]
    assert (remark["code"], remark["field"]) == ("contact-unread", "requester.phone")
    assert "电话" in remark["text"]
    assert again.json() == {**answer.json(), "repeated": True}
    assert batch.json()["results"][0]["remarks"] == [remark]
    assert [one["code"] for one in several.json()["remarks"]] == ["contact-several"]
    assert (plain.status_code, "remarks" in plain.json()) == (202, False)
    assert slug(misspelt) == (422, "invalid-request")
    assert misspelt.json()["errors"][0]["field"] == "requester.phone"
    assert "不方便" not in answer.text + "".join(event.model_dump_json() for event in await told(replica.engine))


async def test_points_of_a_familys_maps_become_wgs_84(replica: Replica) -> None:
    shifted = {"latitude": 29.047335, "longitude": 121.121930}
    forms = [
        posted("m-1", location=shifted),
        posted("m-2", location={**shifted, "datum": "wgs84"}),
        posted("m-3", channel="weibo-0001", location=shifted),
        posted("m-4", channel="weibo-0001", location={**shifted, "datum": "gcj02"}),
    ]
    for form in forms:
        async with replica.channel("weibo/*" if form["channel"] == "weibo-0001" else "wechat/*") as client:
            assert (await client.post(PATH, json=form)).status_code == 202
    points = [event.location for event in await told(replica.engine)]
    meant = [(29.0500, 121.1175), (29.047335, 121.121930), (29.047335, 121.121930), (29.0500, 121.1175)]
    for point, (latitude, longitude) in zip(points, meant, strict=True):
        assert point is not None
        # A metre of latitude, and of longitude here.
        assert point.latitude == pytest.approx(latitude, abs=9e-6)
        assert point.longitude == pytest.approx(longitude, abs=1e-5)


async def test_another_spelling_is_the_same_request(replica: Replica) -> None:
    spellings: list[dict[str, Any]] = [
        {"submitted_at": "2026-11-24T08:30:00+08:00", "location": {"latitude": 0.0, "longitude": 1}},
        {"submitted_at": "2026-11-24T00:30:00Z", "location": {"latitude": -0.0, "longitude": 1.0, "datum": None}},
    ]
    async with replica.channel() as client:
        answers = [(await client.post(PATH, json=posted(**spelling))).json() for spelling in spellings]
    assert [answer["repeated"] for answer in answers] == [False, True]


async def test_each_unit_sees_its_own_requests_alone(replica: Replica) -> None:
    async with replica.channel() as client:
        made = [(await client.post(PATH, json=posted(f"m-{nth}"))).json() for nth in range(3)]
    async with replica.engine.begin() as connection:
        for one, unit in zip(made, ("u1", "u2"), strict=False):
            assigned = CaseAssigned(unit=unit, officer=None, contact_due=AT, due=AT)
            await project([_of_routing(UUID(one["case_id"]), assigned)], connection)
    unknown = (404, "unknown-request")
    for role in (Role.OFFICER, Role.UNIT_LEAD):
        async with replica.staff(role, "u1") as client:
            own, others, nobodys = [await client.get(PATH, params={"number": one["number"]}) for one in made]
            nothing = await client.get(PATH, params={"number": case_number(date(2020, 1, 2), 3)})
            assert own.json()["unit"] == "u1"
            # Numbers can be counted through: what is another's and what is not there are told alike.
            assert slug(others) == slug(nobodys) == slug(nothing) == unknown
            assert others.json()["detail"] == nothing.json()["detail"]
            assert (await client.get(f"{PATH}/{made[0]['case_id']}")).status_code == 200
            assert slug(await client.get(f"{PATH}/{made[1]['case_id']}")) == (403, "other-unit")
            assert slug(await client.get(f"{PATH}/{made[2]['case_id']}")) == (403, "other-unit")
            assert slug(await client.get(f"{PATH}/{uuid4()}")) == unknown
        async with replica.staff(role) as client:
            for one in (made[0]["number"], case_number(date(2020, 1, 2), 3)):
                assert slug(await client.get(PATH, params={"number": one})) == (403, "unit-needed")
    for role in (Role.OPERATOR, Role.SUPERVISOR, Role.ANALYST, Role.ADMIN):
        async with replica.staff(role, "u1") as client:
            assert [(await client.get(PATH, params={"number": one["number"]})).status_code for one in made] == [200] * 3


def _of_routing(case_id: UUID, event: CaseAssigned) -> Received:
    return Received("t", 0, 0, "/minsheng/routing", event.TYPE, case_id, 1, AT, None, event)


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


async def test_a_server_that_became_read_only_is_waited_for(own_postgres: PostgresServer) -> None:
    url = await own_postgres.create_database()
    await migrate("intake", url)
    engine = create_engine(url)
    replica = Replica(engine, SETTINGS)
    async with replica.channel() as client:
        made = (await client.post(PATH, json=posted("m-1"))).json()
        await _read_only(own_postgres, "on")
        # The pool's connections are to a server that was a writing one; each of them is tried, and dropped.
        for _ in range(3):
            answers = await asyncio.gather(*(client.post(PATH, json=posted(f"n-{nth}")) for nth in range(10)))
            assert {slug(answer) for answer in answers} == {(503, "not-stored")}
            assert {answer.headers["retry-after"] for answer in answers} == {"1"}
        batch = await client.post(f"{PATH}/batch", json={"requests": [posted("n-1")]})
        assert batch.json()["results"][0]["status"] == 503
        assert slug(await client.get(f"{PATH}/{made['case_id']}")) == (503, "not-readable")
        await _read_only(own_postgres, "off")
        again = await asyncio.gather(*(client.post(PATH, json=posted(f"n-{nth}")) for nth in range(10)))
        assert [answer.status_code for answer in again] == [202] * 10
    assert await count(engine, "requests") == await count(engine, "outbox") == 11
    await engine.dispose()


async def _read_only(server: PostgresServer, value: str) -> None:
    """Let the server take no writes, as a standby does, for those who are connected, too."""
    connection = await asyncpg.connect(server.url, database="postgres")
    try:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        await connection.execute("SELECT pg_reload_conf()")
        other = await asyncpg.connect(server.url, database="postgres")
        try:
            async with asyncio.timeout(10):
                while await other.fetchval("SHOW default_transaction_read_only") != value:
                    await asyncio.sleep(0.02)
        finally:
            await other.close()
    finally:
        await connection.close()


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


async def test_a_channel_can_see_whether_it_is_known_and_its_key_good(replica: Replica) -> None:
    async with replica.channel("wechat-0012") as channel, replica.staff() as staff, replica.stranger() as stranger:
        own = await channel.get("/v1/channels/wechat-0012")
        assert (own.status_code, own.json()["id"], own.json()["family"]) == (200, "wechat-0012", "wechat")
        assert (await channel.get("/v1/channels/wechat-0013")).status_code == 403
        assert (await channel.get("/v1/channels/nowhere-0001")).status_code == 404
        assert (await staff.get("/v1/channels/wechat-0013")).status_code == 200
        assert (await stranger.get("/v1/channels/wechat-0012")).status_code == 401
