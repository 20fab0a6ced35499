"""Posting until there is an answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from services.importer.journal import Counts, Done, Refusal
from services.importer.keys import ChannelKeys
from services.importer.outcomes import Outcomes, Prepared, mark_of
from services.importer.posting import GaveUpError, Poster
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


SINCE = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def repeated(at: datetime) -> dict[str, Any]:
    return {"status": 202, "repeated": True, "urgent": True, "received_at": at.isoformat()}


def settled(outcomes: Outcomes, row: int, result: dict[str, Any], request_id: str = "m") -> Counts:
    return outcomes.settled([Prepared(row, request_id, b"", "website-0001")], [result]).counts


def test_a_case_whose_answer_was_lost_is_a_case() -> None:
    outcomes = Outcomes(since=SINCE, unanswered={1, 2})
    assert settled(outcomes, 1, repeated(SINCE)) == Counts(cases=1, urgent=1)
    assert settled(outcomes, 2, repeated(SINCE - timedelta(microseconds=1)), "older") == Counts(repeated=1)
    assert settled(outcomes, 3, repeated(SINCE), "of another program, now") == Counts(repeated=1)


@pytest.mark.parametrize("order", [(5, 9), (9, 5)])
def test_of_rows_that_are_one_request_one_is_the_case(order: tuple[int, int]) -> None:
    """Row 5 and row 9 are the same; whichever answer got lost, one case is counted."""
    same = mark_of("website-0001", "m")
    for unanswered in ({5}, {9}, {5, 9}):
        outcomes = Outcomes(since=SINCE, unanswered=unanswered, several={same})
        total = Counts()
        for nth, row in enumerate(order):
            first_known = nth == 0 and row not in unanswered
            answer = {**repeated(SINCE), "repeated": not first_known}
            total.add(settled(outcomes, row, answer))
        assert (total.cases, total.repeated) == (1, 1)
    known = Outcomes(since=SINCE, unanswered={9}, several={same}, made={same})
    assert settled(known, 9, repeated(SINCE)) == Counts(repeated=1)


async def test_a_lost_answer_of_this_run_counts_as_well() -> None:
    answers: list[httpx.Response | Exception] = [httpx.ReadTimeout("lost"), results(*[repeated(SINCE)] * 4)]

    def handle(_: httpx.Request) -> httpx.Response:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    told: list[Done] = []
    async with httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="http://intake") as client:
        await Poster(client, patience=60, outcomes=Outcomes(since=SINCE)).post(ROWS, "key", told.append)
    assert told[0].counts == Counts(cases=4, urgent=4)


async def test_a_remark_of_the_platform_is_kept() -> None:
    remark = {"code": "contact-not-read", "field": "requester.phone", "text": "号码无法识别"}
    told, _ = await post(lambda ids: results({**ACCEPTED, "remarks": [remark]}, *[ACCEPTED] * 3))
    assert told[0].counts == Counts(cases=4)
    assert told[0].remarks == (Refusal(1, "m-1", "contact-not-read: requester.phone: 号码无法识别"),)


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
