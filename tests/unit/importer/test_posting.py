"""Posting until there is an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from services.importer.journal import Counts, Done, Refusal
from services.importer.keys import ChannelKeys
from services.importer.posting import GaveUpError, Poster, Prepared
from shared.privacy.keys import KeyRing, new_key
from shared.web.channels import channel_key, read_channel_key

ROWS = [Prepared(nth, f"m-{nth}", b'{"id":%d}' % nth) for nth in range(1, 5)]
ACCEPTED = {"status": 202, "repeated": False, "urgent": False}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.bus.backoff.Backoff.next_delay", lambda _: 0.0)


async def post(
    handler: Callable[[list[int]], httpx.Response], *, patience: float = 60.0
) -> tuple[list[Done], list[list[int]]]:
    seen: list[list[int]] = []
    settled: list[Done] = []

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["X-Channel-Key"] == "key"
        ids = [one["id"] for one in orjson.loads(request.content)["requests"]]
        seen.append(ids)
        return handler(ids)

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="http://intake") as client:
        await Poster(client, patience=patience).post(ROWS, "key", settled.append)
    return settled, seen


def results(*answers: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"results": answers})


async def test_each_row_is_counted_as_what_it_became() -> None:
    refused = {
        "status": 422,
        "type": "urn:minsheng:problem:invalid-request",
        "detail": "d",
        "errors": [{"field": "body", "code": "c", "message": "too long"}],
    }
    answers: list[dict[str, Any]] = [ACCEPTED, {**ACCEPTED, "repeated": True}, {**ACCEPTED, "urgent": True}, refused]
    settled, _ = await post(lambda _: results(*answers))
    assert settled == [
        Done(
            (1, 2, 3, 4),
            Counts(cases=2, repeated=1, refused=1, urgent=1),
            (Refusal(4, "m-4", "invalid-request: body: too long"),),
        )
    ]


@pytest.mark.parametrize("trouble", [503, 500, 429, "connection"])
async def test_a_platform_that_is_away_is_waited_for(trouble: int | str) -> None:
    left = [trouble, trouble]

    def handle(ids: list[int]) -> httpx.Response:
        if not left:
            return results(*[ACCEPTED] * len(ids))
        left.pop()
        if isinstance(trouble, int):
            return httpx.Response(trouble)
        raise httpx.ConnectError("away")

    settled, seen = await post(handle)
    assert len(seen) == 3
    assert [done.counts.cases for done in settled] == [4]


async def test_only_what_was_not_stored_is_posted_again() -> None:
    def handle(ids: list[int]) -> httpx.Response:
        return results(*[{"status": 503} if len(ids) == 4 and one in (2, 3) else ACCEPTED for one in ids])

    settled, seen = await post(handle)
    assert seen == [[1, 2, 3, 4], [2, 3]]
    assert [done.rows for done in settled] == [(1, 4), (2, 3)]


async def test_what_is_too_large_is_halved_until_one_is_alone() -> None:
    def handle(ids: list[int]) -> httpx.Response:
        if 3 in ids:
            return httpx.Response(413, json={"type": "urn:minsheng:problem:body-too-large", "detail": "Send less."})
        return results(*[ACCEPTED] * len(ids))

    (settled,), _ = await post(handle)
    assert settled.counts == Counts(cases=3, refused=1)
    assert settled.refusals == (Refusal(3, "m-3", "body-too-large: Send less."),)


async def test_patience_ends() -> None:
    with pytest.raises(GaveUpError, match=r"status 503.*goes on where it stopped"):
        await post(lambda _: httpx.Response(503), patience=0.0)


@pytest.mark.parametrize("status", [401, 404, 302])
async def test_no_waiting_mends_a_bad_key_or_address(status: int) -> None:
    with pytest.raises(GaveUpError, match="refuses the posts"):
        await post(lambda _: httpx.Response(status))


def test_keys_by_channel() -> None:
    ring = KeyRing.parse(new_key("k1"))
    one, family = channel_key(ring, "wechat-0001"), channel_key(ring, "hotline-12345/*")
    keys = ChannelKeys([one, family], None)
    assert keys.of("wechat-0001") == one
    assert keys.of("hotline-12345-0007") == family
    assert keys.of("wechat-0002") is None
    made = ChannelKeys([one], ring)
    assert made.of("wechat-0001") == one
    key = made.of("weibo-0003")
    assert key is not None
    scope = read_channel_key(ring, key)
    assert scope is not None
    assert scope.scope == "weibo-0003"
    assert made.of("不是") is None
    with pytest.raises(ValueError, match="ch_"):
        ChannelKeys(["secret"], None)
