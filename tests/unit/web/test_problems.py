from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import httpx
import pytest
import structlog
from fastapi import FastAPI, Query
from pydantic import BaseModel, Field, field_validator
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from shared.decision import Refusal
from shared.telemetry import logging as telemetry
from shared.telemetry.tracing import trace_id
from shared.web import problems
from shared.web.problems import MEDIA_TYPE, Problem, refused
from shared.web.trace import TraceContext

SECRET = "王小明13812345678"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Body(BaseModel):
    name: str = Field(max_length=3)
    age: int = 0
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None

    @field_validator("age")
    @classmethod
    def _adult(cls, age: int) -> int:
        if age < 0:
            raise ValueError("write an age of 0 or more")
        return age


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(responses=problems.RESPONSES)
    problems.install(app)
    app.add_middleware(TraceContext)

    @app.get("/teapot")
    async def teapot() -> None:
        raise Problem(418, "teapot", "I'm a teapot", "Use the coffee machine.", headers={"X-Pot": "1"}, pot=7)

    @app.get("/refused")
    async def no() -> None:
        raise refused(Refusal("not-your-case", "Case 7 is assigned to Li."))

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError(SECRET)

    @app.get("/gone")
    async def gone() -> None:
        raise HTTPException(410)

    @app.post("/body")
    async def body(body: Body, limit: Annotated[int, Query()] = 1) -> None:
        return None

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


async def test_a_problem_has_the_members_of_the_standard_and_its_own(client: httpx.AsyncClient) -> None:
    answer = await client.get("/teapot")
    assert answer.status_code == 418
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["x-pot"] == "1"
    told = answer.json()
    assert told.pop("trace") == trace_id(answer.headers["traceparent"])
    assert told == {
        "type": "urn:minsheng:problem:teapot",
        "title": "I'm a teapot",
        "status": 418,
        "detail": "Use the coffee machine.",
        "pot": 7,
    }


async def test_a_refusal_of_the_domain_is_a_conflict_with_its_reason(client: httpx.AsyncClient) -> None:
    answer = await client.get("/refused")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith(":not-your-case")
    assert answer.json()["detail"] == "Case 7 is assigned to Li."


async def test_validation_names_each_field_and_echoes_no_value(client: httpx.AsyncClient) -> None:
    answer = await client.post("/body?limit=x", json={"name": SECRET, "age": -1, "pet": {"kind": SECRET}})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == MEDIA_TYPE
    errors = {error["field"]: (error["code"], error["message"]) for error in answer.json()["errors"]}
    assert errors["query.limit"][0] == "int_parsing"
    assert errors["body.name"] == ("string_too_long", "String should have at most 3 characters")
    assert errors["body.age"] == ("value_error", "write an age of 0 or more")
    assert errors["body.pet"] == ("union_tag_invalid", "Input should be one of 'cat', 'dog'")
    assert "王小明" not in answer.text
    assert "13812345678" not in answer.text


async def test_what_is_not_json_is_said_to_be_none(client: httpx.AsyncClient) -> None:
    answer = await client.post("/body", content=f'{{"name": {SECRET}', headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["message"] == "This is not JSON."
    assert "王小明" not in answer.text


async def test_unknown_addresses_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    missing = await client.get("/nowhere")
    assert (missing.status_code, missing.headers["content-type"]) == (404, MEDIA_TYPE)
    assert missing.json()["type"] == "urn:minsheng:problem:not-found"
    wrong = await client.put("/teapot")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
    assert wrong.json()["type"] == "urn:minsheng:problem:method-not-allowed"
    assert (await client.get("/gone")).json()["type"] == "urn:minsheng:problem:gone"


async def test_an_unexpected_failure_is_logged_with_the_trace_that_the_caller_is_told(
    client: httpx.AsyncClient,
) -> None:
    root, lines = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    telemetry.configure("test", stream=lines)
    try:
        answer = await client.get("/boom")
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
        structlog.reset_defaults()
    assert answer.status_code == 500
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "王小明" not in answer.text
    (record,) = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert record["event"] == "request_failed"
    assert record["route"] == "/boom"
    assert record["trace"] == answer.json()["trace"]
    assert record["failure"][0]["type"] == "builtins.RuntimeError"
    assert "13812345678" not in lines.getvalue()


async def test_an_answer_cut_off_in_the_middle_does_not_look_complete() -> None:
    async def cut(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(SECRET)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    sent: list[Message] = []
    # The server breaks the connection when the exception reaches it.
    with pytest.raises(RuntimeError):
        await problems.UnexpectedErrors(cut)({"type": "http", "method": "GET"}, receive, send)
    assert [message.get("status") for message in sent] == [200]


async def test_the_description_of_every_operation_knows_problems_alone(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    for path in described["paths"].values():
        for operation in path.values():
            assert set(operation["responses"]) == {"200", "default"}
            assert MEDIA_TYPE in operation["responses"]["default"]["content"]
