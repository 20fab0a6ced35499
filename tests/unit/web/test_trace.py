from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from shared.telemetry.tracing import current_traceparent, trace_id
from shared.web.trace import TraceContext

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(TraceContext)

    @app.get("/")
    async def seen() -> str | None:
        return current_traceparent()

    return app


async def test_the_callers_trace_goes_on_in_the_handler_and_comes_back(app: FastAPI) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-00"})
    assert answer.json() == answer.headers["traceparent"]
    assert trace_id(answer.json()) == TRACE
    assert "00f067aa0ba902b7" not in answer.json()
    assert current_traceparent() is None


async def test_without_a_usable_one_each_request_has_a_trace_of_its_own(app: FastAPI) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        seen = [trace_id((await client.get("/", headers={"traceparent": "bad"})).json()) for _ in range(2)]
    assert None not in seen
    assert seen[0] != seen[1]
