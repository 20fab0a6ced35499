"""The SMS gateway's contract, both ways over real HTTP: what we send, its answers, its callbacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

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


async def test_what_is_not_ours_is_counted_and_harmless(house: House, callbacks: httpx.AsyncClient) -> None:
    receipts = {
        "receipts": [
            {"message_id": "another-customer-17", "status": "delivered", "at": now()},
            {"message_id": str(uuid4()), "status": "delivered", "at": now()},
        ]
    }
    answer = await post(callbacks, RECEIPTS, receipts, ring=house.settings.callback_ring)
    assert answer.json() == {"recorded": 0, "repeated": 0, "unknown": 2}


@pytest.mark.parametrize("path", [RECEIPTS, REPLIES])
async def test_a_forged_signature_is_refused(house: House, callbacks: httpx.AsyncClient, path: str) -> None:
    body = orjson.dumps({"replies": [], "receipts": []})
    forged = await post(callbacks, path, body, ring=KeyRing.parse(new_key("k1")))
    assert forged.status_code == 401
    good = sign(house.settings.callback_ring, body, int(time.time()))
    changed = await callbacks.post(path, content=body + b" ", headers={"X-Minsheng-Signature": good})
    assert changed.status_code == 401
    assert (await callbacks.post(path, content=body)).status_code == 401


@pytest.mark.parametrize("shift", [-301, 310])
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
