"""The SMS gateway's contract, both ways over real HTTP: what we send, its answers, its callbacks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from prometheus_client import REGISTRY

from services.followup import store
from services.followup.domain.state import Stage
from services.followup.gateways.gateway import Accepted, GatewayUnavailableError, Outgoing, Refused
from services.followup.gateways.http import HttpGateway
from shared.privacy.keys import KeyRing, new_key
from shared.web.auth import sign
from shared.web.server import HttpServer
from tests.support.carrier import TOKEN, Carrier
from tests.support.followup import House

pytest_plugins = ("tests.support.followup_fixtures",)

NUMBER = "+8613900001234"
PHONE = {"phone": NUMBER}
RECEIPTS = "/v1/callbacks/sms/receipts"
REPLIES = "/v1/callbacks/sms/replies"


def outgoing(number: str = NUMBER) -> Outgoing:
    return Outgoing(uuid4(), number, "您好")


async def test_messages_are_handed_over(carrier: Carrier, gateway: HttpGateway) -> None:
    one, other = outgoing(), outgoing("+8613900005678")
    handed = await gateway.send([one, other])
    assert set(handed.accepted) == {Accepted(each.message_id, f"c-{each.message_id}") for each in (one, other)}
    assert handed.refused == ()
    assert carrier.sent == {str(each.message_id): (each.to, "您好") for each in (one, other)}
    assert carrier.authorisations == [f"Bearer {TOKEN}"]


async def test_what_the_answer_says_of_other_messages_is_passed_over(carrier: Carrier, gateway: HttpGateway) -> None:
    message = outgoing()
    carrier.troubles.append("foreign")
    handed = await gateway.send([message])
    assert [one.message_id for one in handed.accepted] == [message.message_id]
    assert handed.refused == ()


async def test_without_messages_nobody_is_called(carrier: Carrier, gateway: HttpGateway) -> None:
    await gateway.send([])
    assert carrier.calls == []


async def test_a_partial_refusal(carrier: Carrier, gateway: HttpGateway) -> None:
    good, bad, odd = outgoing(), outgoing("+8613900005678"), outgoing("+8613900005679")
    carrier.refusing = {bad.to: "no-such-number", odd.to: "号码 13900005679 错误"}
    handed = await gateway.send([good, bad, odd])
    assert [one.message_id for one in handed.accepted] == [good.message_id]
    # A code that is free text may quote the number: it goes no further.
    assert set(handed.refused) == {Refused(bad.message_id, "no-such-number"), Refused(odd.message_id, "unknown")}


async def test_a_message_that_spoils_its_batch_is_found(carrier: Carrier, gateway: HttpGateway) -> None:
    messages = [outgoing(f"+861390000{n:04d}") for n in range(9)]
    carrier.rejecting = {messages[6].to}
    handed = await gateway.send(messages)
    assert handed.refused == (Refused(messages[6].message_id, "rejected-422"),)
    assert len(handed.accepted) == 8


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_passes_is_tried_again_later(carrier: Carrier, gateway: HttpGateway, status: int) -> None:
    carrier.troubles.append(status)
    with pytest.raises(GatewayUnavailableError, match=str(status)):
        await gateway.send([outgoing()])


@pytest.mark.parametrize(
    ("status", "variable"), [(401, "TOKEN"), (403, "TOKEN"), (404, "URL"), (302, "URL"), (200, "URL")]
)
async def test_a_wrong_setting_is_named(carrier: Carrier, gateway: HttpGateway, status: int, variable: str) -> None:
    carrier.troubles.append(status)
    with pytest.raises(GatewayUnavailableError, match=f"MINSHENG_SMS_GATEWAY_{variable}"):
        await gateway.send([outgoing()])


async def test_an_answer_that_is_none(carrier: Carrier, gateway: HttpGateway) -> None:
    carrier.troubles.append("garbage")
    with pytest.raises(GatewayUnavailableError, match="form"):
        await gateway.send([outgoing()])


@pytest.mark.parametrize("trouble", ["slow", "dribble"])
async def test_a_slow_gateway_is_given_up_and_absorbs_the_repetition(carrier: Carrier, trouble: str) -> None:
    hasty = HttpGateway(carrier.url, TOKEN, timeout=0.3)
    message = outgoing()
    carrier.troubles.append(trouble)
    began = time.monotonic()
    async with asyncio.timeout(5):
        with pytest.raises(GatewayUnavailableError):
            await hasty.send([message])
    assert time.monotonic() - began < 3
    handed = await hasty.send([message])
    assert [one.message_id for one in handed.accepted] == [message.message_id]
    assert len(carrier.calls) == 2
    assert len(carrier.sent) == 1
    await hasty.close()


async def test_a_gateway_that_is_not_there() -> None:
    gateway = HttpGateway("http://127.0.0.1:1/carrier", TOKEN, timeout=2.0)
    with pytest.raises(GatewayUnavailableError, match="MINSHENG_SMS_GATEWAY_URL"):
        await gateway.send([outgoing()])
    await gateway.close()


def test_numbers_and_texts_stay_out_of_what_is_printed() -> None:
    printed = repr(outgoing())
    assert NUMBER not in printed
    assert "您好" not in printed


@pytest.fixture
async def callbacks(house: House) -> AsyncIterator[httpx.AsyncClient]:
    server = HttpServer(house.http(), port=0, name="followup")
    await server.start()
    async with httpx.AsyncClient(base_url=server.url) as client:
        yield client
    await server.stop()


async def post(
    client: httpx.AsyncClient, path: str, body: Any, *, ring: KeyRing, at: float | None = None
) -> httpx.Response:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    signature = sign(ring, raw, int(time.time() if at is None else at))
    headers = {"X-Minsheng-Signature": signature, "Content-Type": "application/json"}
    return await client.post(path, content=raw, headers=headers)


def now() -> str:
    return datetime.now(UTC).isoformat()


async def sent(house: House, gateway: HttpGateway) -> tuple[UUID, str]:
    case = await house.resolve(PHONE)
    await house.dispatcher(gateway).run_due()
    rows = await house.rows(store.messages, "case_id", "kind", "message_id")
    return case, next(str(row[2]) for row in rows if row[0] == case and row[1] == "survey")


async def test_receipts_and_replies_move_the_follow_up(
    house: House, gateway: HttpGateway, callbacks: httpx.AsyncClient
) -> None:
    case, message_id = await sent(house, gateway)
    ring = house.settings.callback_ring
    receipts = {"receipts": [{"message_id": message_id, "status": "delivered", "at": now()}]}
    for expected in ((1, 0, 0), (0, 1, 0)):
        answer = await post(callbacks, RECEIPTS, receipts, ring=ring)
        assert answer.status_code == 200
        body = answer.json()
        assert (body["recorded"], body["repeated"], body["unknown"]) == expected
    replies = {"replies": [{"reply_id": "r-1", "from": "13900001234", "text": "4", "at": now()}]}
    for expected in ((1, 0, 0), (0, 1, 0)):
        body = (await post(callbacks, REPLIES, replies, ring=ring)).json()
        assert (body["recorded"], body["repeated"], body["unknown"]) == expected
    assert await house.told(case) == [
        "survey.requested",
        "survey.sent",
        "survey.delivered",
        "survey.answered",
        "rectification.opened",
    ]


async def test_a_failed_receipt(house: House, gateway: HttpGateway, callbacks: httpx.AsyncClient) -> None:
    case, message_id = await sent(house, gateway)
    receipts = {"receipts": [{"message_id": message_id, "status": "failed", "code": "absent", "at": now()}]}
    await post(callbacks, RECEIPTS, receipts, ring=house.settings.callback_ring)
    assert (await house.state(case)).stage is Stage.PHONE_DESK


CODES = (
    ("MK:0001", "mk-0001"),
    ("2:10", "2-10"),
    ("UNDELIV", "undeliv"),
    ("REJECTD", "rejectd"),
    ("absent", "absent"),
    ("undeliverable subscriber", "undeliverable-subscriber"),
    ("ＩＢ：０００８", "ib-0008"),
    ("空号", "unknown"),
    ("用户关机", "unknown"),
    ("-5", "5"),
    ("::", "unknown"),
    # A number is nobody's business, wherever it stands.
    ("13900001234", "unknown"),
    ("no route to +86 139-0000-1234", "unknown"),
    (101, "101"),
    (None, "unknown"),
    ("x" * 64, "x" * 64),
)


async def test_any_code_of_a_carrier_is_taken(house: House, gateway: HttpGateway, callbacks: httpx.AsyncClient) -> None:
    cases = [await sent(house, gateway) for _ in CODES]
    receipts = [
        {"message_id": message_id, "status": "failed", "code": code, "at": now()}
        for (_, message_id), (code, _) in zip(cases, CODES, strict=True)
    ]
    answer = await post(callbacks, RECEIPTS, {"receipts": receipts}, ring=house.settings.callback_ring)
    assert (answer.json()["recorded"], answer.json()["refused"]) == (len(CODES), []), answer.text
    found = [(await house.state(case)).desk_reason for case, _ in cases]
    assert found == [reason for _, reason in CODES]
    assert "1234" not in str([row[1] for row in await house.rows(store.messages, "kind", "code") if row[0] == "survey"])


BAD_RECEIPTS: list[Any] = [
    {"message_id": "\ud83d", "status": "failed", "at": "2026-11-24T09:00:00Z"},
    {"message_id": "a\u0000b", "status": "failed", "at": "2026-11-24T09:00:00Z"},
    {"message_id": 7, "status": "failed", "at": "2026-11-24T09:00:00Z"},
    {"message_id": "m", "status": "DELIVRD", "at": "2026-11-24T09:00:00Z"},
    {"message_id": "m", "status": "failed"},
    {"message_id": "m", "status": "failed", "at": 1732400000},
    {"message_id": "m", "status": "failed", "at": "1732400000"},
    {"message_id": "m", "status": "failed", "at": "2026-11-24"},
    {"message_id": "m", "status": "failed", "at": "2026-11-24T09:00:00"},
    {"message_id": "m", "status": "failed", "code": "x" * 65, "at": "2026-11-24T09:00:00Z"},
    {"message_id": "m", "status": "failed", "code": "a\nb", "at": "2026-11-24T09:00:00Z"},
    {"message_id": "m", "status": "failed", "code": "\ud83d", "at": "2026-11-24T09:00:00Z"},
    {"message_id": "m", "status": "failed", "code": ["x"], "at": "2026-11-24T09:00:00Z"},
    None,
    [],
    "receipt",
    17,
]
BAD_REPLIES: list[Any] = [
    {"reply_id": "r", "from": NUMBER, "text": "1 \ud83d", "at": "2026-11-24T09:00:00Z"},
    {"reply_id": "a\u0000b", "from": NUMBER, "text": "1", "at": "2026-11-24T09:00:00Z"},
    {"reply_id": "r", "from": "\ud83d", "text": "1", "at": "2026-11-24T09:00:00Z"},
    {"reply_id": "r", "from": NUMBER, "at": "2026-11-24T09:00:00Z"},
    {"from": NUMBER, "text": "1", "at": "2026-11-24T09:00:00Z"},
    {"reply_id": "r", "from": NUMBER, "text": 1, "at": "2026-11-24T09:00:00Z"},
    {"reply_id": "r", "from": NUMBER, "text": "1", "at": True},
    {"reply_id": "r", "from": NUMBER, "text": "1" * 4_001, "at": "2026-11-24T09:00:00Z"},
    None,
]


async def test_a_bad_receipt_is_answered_for_itself(
    house: House, gateway: HttpGateway, callbacks: httpx.AsyncClient
) -> None:
    first, second = await sent(house, gateway), await sent(house, gateway)
    good = [{"message_id": message_id, "status": "delivered", "at": now()} for _, message_id in (first, second)]
    raw = json.dumps({"receipts": [good[0], *BAD_RECEIPTS, good[1]]}).encode()
    answer = await post(callbacks, RECEIPTS, raw, ring=house.settings.callback_ring)
    assert (answer.status_code, answer.json()["recorded"]) == (200, 2), answer.text
    refused = answer.json()["refused"]
    assert [one["index"] for one in refused] == list(range(1, len(BAD_RECEIPTS) + 1))
    for one in refused:
        assert all(
            error["field"].startswith(f"receipts.{one['index']}") and error["message"] for error in one["errors"]
        )
    for case, _ in (first, second):
        assert (await house.state(case)).stage is Stage.DELIVERED


def refused_replies() -> float:
    name = "minsheng_followup_callback_items_refused_total"
    return REGISTRY.get_sample_value(name, {"kind": "replies"}) or 0.0


async def test_a_bad_reply_is_answered_for_itself(
    house: House, gateway: HttpGateway, callbacks: httpx.AsyncClient
) -> None:
    first, _ = await sent(house, gateway)
    second, _ = await sent(house, gateway)
    good = [{"reply_id": f"good-{n}", "from": NUMBER, "text": "1", "at": now(), "operator": "x"} for n in range(2)]
    raw = json.dumps({"replies": [good[0], *BAD_REPLIES, good[1]], "batch": 7}).encode()
    before = refused_replies()
    answer = await post(callbacks, REPLIES, raw, ring=house.settings.callback_ring)
    assert (answer.status_code, answer.json()["recorded"]) == (200, 2), answer.text
    assert [one["index"] for one in answer.json()["refused"]] == list(range(1, len(BAD_REPLIES) + 1))
    # Nobody reads the gateway's log: what is refused must be seen here.
    assert refused_replies() == before + len(BAD_REPLIES)
    assert NUMBER not in answer.text
    for case in (first, second):
        assert (await house.state(case)).stage is Stage.SETTLED


NO_JSON = (
    b'{"receipts": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
    b'{"receipts": [' + b"9" * 10_000 + b"]}",
    b'{"receipts": [NaN]}',
    b'{"receipts": [{"message_id": "\xff"}]}',
    '{"receipts": []}'.encode("utf-16"),
)


async def test_what_is_no_json_is_told_so(house: House, callbacks: httpx.AsyncClient) -> None:
    for raw in NO_JSON:
        answer = await post(callbacks, RECEIPTS, raw, ring=house.settings.callback_ring)
        assert answer.status_code == 422, answer.text


async def test_a_byte_order_mark_does_no_harm(house: House, gateway: HttpGateway, callbacks: httpx.AsyncClient) -> None:
    _, message_id = await sent(house, gateway)
    raw = orjson.dumps({"receipts": [{"message_id": message_id, "status": "delivered", "at": now()}]})
    answer = await post(callbacks, RECEIPTS, b"\xef\xbb\xbf" + raw, ring=house.settings.callback_ring)
    assert (answer.status_code, answer.json()["recorded"]) == (200, 1)


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ('{"accepted": [{"message_id": "%(good)s", "carrier_id": "c-1"}, {"message_id": 3}], "refused": 4}', True),
        ('{"accepted": [{"message_id": "%(good)s", "carrier_id": 17}], "extra": {}}', True),
        ('{"accepted": [{"message_id": "%(good)s", "carrier_id": "a\\u0000\\ud83d"}]}', True),
        ('{"accepted": [{"message_id": "%(good)s"}]}', True),
        ('{"refused": [{"message_id": "%(good)s", "code": 404}, null]}', False),
    ],
)
async def test_one_bad_item_of_the_gateway_s_answer_spoils_itself_alone(
    house: House, carrier: Carrier, gateway: HttpGateway, answer: str, accepted: bool
) -> None:
    case = await house.resolve(PHONE)
    rows = await house.rows(store.messages, "message_id")
    carrier.answering = (answer % {"good": rows[0][0]}).encode()
    await house.dispatcher(gateway).run_due()
    assert (await house.state(case)).stage is (Stage.SENT if accepted else Stage.PHONE_DESK)


async def test_what_is_not_ours_is_counted_and_harmless(house: House, callbacks: httpx.AsyncClient) -> None:
    receipts = {
        "receipts": [
            {"message_id": "another-customer-17", "status": "delivered", "at": now()},
            {"message_id": str(uuid4()), "status": "delivered", "at": now()},
        ]
    }
    answer = await post(callbacks, RECEIPTS, receipts, ring=house.settings.callback_ring)
    assert answer.json() == {"recorded": 0, "repeated": 0, "unknown": 2, "refused": []}


@pytest.mark.parametrize("path", [RECEIPTS, REPLIES])
async def test_a_forged_signature_is_refused(house: House, callbacks: httpx.AsyncClient, path: str) -> None:
    body = orjson.dumps({"replies": [], "receipts": []})
    forged = await post(callbacks, path, body, ring=KeyRing.parse(new_key("k1")))
    assert forged.status_code == 401
    good = sign(house.settings.callback_ring, body, int(time.time()))
    changed = await callbacks.post(path, content=body + b" ", headers={"X-Minsheng-Signature": good})
    assert changed.status_code == 401
    assert (await callbacks.post(path, content=body)).status_code == 401


async def test_the_same_bytes_again_after_days_or_at_once_count_once(
    house: House, gateway: HttpGateway, callbacks: httpx.AsyncClient
) -> None:
    case, message_id = await sent(house, gateway)
    ring, began = house.settings.callback_ring, time.time() - 15 * 60
    receipts = orjson.dumps({"receipts": [{"message_id": message_id, "status": "delivered", "at": now()}]})
    replies = orjson.dumps({"replies": [{"reply_id": "r-1", "from": NUMBER, "text": "4", "at": now()}]})
    for path, raw in ((RECEIPTS, receipts), (REPLIES, replies)):
        answers = await asyncio.gather(*(post(callbacks, path, raw, ring=ring, at=began) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {200}
        assert sum(answer.json()["recorded"] for answer in answers) == 1
        # A retry queue sends what was signed days ago.
        old = await post(callbacks, path, raw, ring=ring, at=time.time() - 71 * 3600)
        assert (old.status_code, old.json()["repeated"]) == (200, 1)
    assert (await house.told(case)).count("survey.answered") == 1


async def test_an_opt_out_of_days_ago_is_taken(
    house: House, carrier: Carrier, gateway: HttpGateway, callbacks: httpx.AsyncClient
) -> None:
    case, _ = await sent(house, gateway)
    house.now += timedelta(hours=71)
    written = (house.now - timedelta(hours=70)).isoformat()
    replies = {"replies": [{"reply_id": "r-1", "from": NUMBER, "text": "TD", "at": written}]}
    answer = await post(callbacks, REPLIES, replies, ring=house.settings.callback_ring, at=time.time() - 70 * 3600)
    assert answer.json()["recorded"] == 1
    assert (await house.state(case)).opted_out


@pytest.mark.parametrize("shift", [-72 * 3600 - 2, 310])
async def test_a_stale_signature_is_refused(
    house: House, gateway: HttpGateway, callbacks: httpx.AsyncClient, shift: int
) -> None:
    case, message_id = await sent(house, gateway)
    receipts = {"receipts": [{"message_id": message_id, "status": "delivered", "at": now()}]}
    ring = house.settings.callback_ring
    stale = await post(callbacks, RECEIPTS, receipts, ring=ring, at=time.time() + shift)
    assert stale.status_code == 401
    assert (await house.state(case)).stage is Stage.SENT


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"replies": 3}',
        {"replies": [{"reply_id": "", "from": NUMBER, "text": "1", "at": "2026-11-24T09:00:00Z"}]},
        {"replies": [{"reply_id": "r", "from": NUMBER, "text": "1", "at": "2026-11-24T09:00:00"}]},
        {"replies": [{"reply_id": "r", "from": NUMBER, "text": "1", "at": "0001-01-01T00:00:00+14:00"}]},
        {"replies": [{"reply_id": "r", "from": NUMBER, "text": "1" * 4_001, "at": "2026-11-24T09:00:00Z"}]},
    ],
)
async def test_a_malformed_batch_is_refused_without_an_echo(
    house: House, callbacks: httpx.AsyncClient, body: Any
) -> None:
    answer = await post(callbacks, REPLIES, body, ring=house.settings.callback_ring)
    assert answer.status_code == 422
    assert NUMBER not in answer.text
    assert await house.rows(store.replies, "reply_id") == []


async def test_a_zero_byte_in_a_reply_does_no_harm(
    house: House, gateway: HttpGateway, callbacks: httpx.AsyncClient
) -> None:
    case, _ = await sent(house, gateway)
    replies = {"replies": [{"reply_id": "r-1", "from": NUMBER, "text": "1 谢\x00谢", "at": now()}]}
    answer = await post(callbacks, REPLIES, replies, ring=house.settings.callback_ring)
    assert answer.status_code == 200
    assert (await house.state(case)).answers[0].comment == "谢谢"


async def test_the_limit_of_a_batch(house: House, callbacks: httpx.AsyncClient) -> None:
    reply = {"from": NUMBER, "text": "1\x00", "at": now()}
    full = {"replies": [reply | {"reply_id": f"r-{n}"} for n in range(1_000)]}
    ring = house.settings.callback_ring
    assert (await post(callbacks, REPLIES, full, ring=ring)).json()["unknown"] == 1_000
    over = {"replies": [reply | {"reply_id": f"r-{n}"} for n in range(1_001)]}
    assert (await post(callbacks, REPLIES, over, ring=ring)).status_code == 422
