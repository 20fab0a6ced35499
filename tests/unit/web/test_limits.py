from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from shared.web import problems
from shared.web.limits import BodyLimit, RateLimit, TokenBucket
from shared.web.problems import MEDIA_TYPE

LIMIT = 1_000


class Model(BaseModel):
    text: str


@pytest.fixture
async def limited() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(BodyLimit, max_bytes=LIMIT)

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.post("/model")
    async def model(body: Model) -> int:
        return len(body.text)

    @app.post("/swallows")
    async def swallows(request: Request) -> str:
        try:
            await request.body()
        except Exception:
            return "all is well"
        return "read"

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def _chunks(total: int, size: int = 300) -> AsyncIterator[bytes]:
    for start in range(0, total, size):
        yield b"x" * min(size, total - start)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_not(limited: httpx.AsyncClient, chunked: bool) -> None:
    def body(size: int) -> Any:
        return _chunks(size) if chunked else b"x" * size

    taken = await limited.post("/size", content=body(LIMIT))
    assert (taken.status_code, taken.json()) == (200, LIMIT)
    refused = await limited.post("/size", content=body(LIMIT + 1))
    assert refused.status_code == 413
    assert refused.headers["content-type"] == MEDIA_TYPE
    assert refused.headers["connection"] == "close"
    assert refused.json()["limit"] == LIMIT


async def test_a_declared_length_is_refused_before_a_byte_is_read(limited: httpx.AsyncClient) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    answer = await limited.post("/size", content=never(), headers={"content-length": "1001"})
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/model", "/swallows"])
async def test_whatever_the_application_makes_of_the_cut_off_body_the_answer_is_413(
    limited: httpx.AsyncClient, path: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await limited.post(path, content=_chunks(5_000), headers=headers)
    assert answer.status_code == 413
    assert answer.json()["type"].endswith(":body-too-large")


async def test_an_answer_that_has_begun_is_not_mixed_with_another() -> None:
    async def early(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["more_body"]:
            pass

    async def receive() -> Message:
        return {"type": "http.request", "body": b"x" * 600, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    sent: list[Message] = []
    with pytest.raises(HTTPException):
        await BodyLimit(early, LIMIT)({"type": "http", "headers": []}, receive, send)
    assert [message.get("status") for message in sent] == [200]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def _rate_limited(clock: Clock, **options: Any) -> httpx.AsyncClient:
    app = FastAPI()
    app.add_middleware(RateLimit, rate=0.5, burst=3, clock=clock, **options)

    @app.get("/{path}")
    async def answer(path: str) -> str:
        return path

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def test_a_burst_is_served_then_the_rate_holds_and_says_when_to_go_on() -> None:
    clock = Clock()
    async with _rate_limited(clock) as client:
        assert [(await client.get("/x")).status_code for _ in range(4)] == [200, 200, 200, 429]
        clock.now += 0.5
        refused = await client.get("/x")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert refused.headers["content-type"] == MEDIA_TYPE
        clock.now += 1.5
        assert [(await client.get("/x")).status_code for _ in range(2)] == [200, 429]
        clock.now += 3_600
        assert [(await client.get("/x")).status_code for _ in range(4)] == [200, 200, 200, 429]


async def test_health_is_never_limited() -> None:
    async with _rate_limited(Clock()) as client:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert {(await client.get(path)).status_code for _ in range(5)} == {200}


async def test_a_caller_cannot_choose_another_limit_by_a_header() -> None:
    async with _rate_limited(Clock()) as client:
        codes = [
            (await client.get("/x", headers={"X-Channel-Key": str(nth), "X-Forwarded-For": str(nth)})).status_code
            for nth in range(4)
        ]
    assert codes[-1] == 429


async def test_callers_are_counted_apart_and_only_so_many_are_remembered() -> None:
    callers = iter(["a"] * 4 + ["b"] + ["c"] + ["a"])
    async with _rate_limited(Clock(), caller=lambda _: next(callers), max_callers=2) as client:
        assert [(await client.get("/x")).status_code for _ in range(7)] == [200, 200, 200, 429, 200, 200, 200]


@given(st.lists(st.floats(0, 10), max_size=60), st.floats(0.1, 50), st.integers(1, 20))
def test_no_caller_gets_more_than_burst_and_rate_allow(gaps: list[float], rate: float, burst: int) -> None:
    now, taken = 0.0, 0
    bucket = TokenBucket(burst, now)
    for gap in gaps:
        now += gap
        wait = bucket.take(rate, burst, now)
        if wait == 0:
            taken += 1
        else:
            now += wait
            assert bucket.take(rate, burst, now) == 0, "after the wait that was told there is one"
            taken += 1
    assert taken <= burst + rate * now + 1e-6
