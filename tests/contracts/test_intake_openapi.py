"""Intake keeps to its own OpenAPI document, whatever it is sent: no failure, no undocumented answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.web.auth import channel_key
from shared.web.server import HttpServer
from tests.support.intake import Replica, intake_settings, posted

SETTINGS = intake_settings()
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = {
    ("POST", "/v1/requests"): 202,
    ("POST", "/v1/requests/batch"): 200,
    ("GET", "/v1/requests/{case_id}"): 200,
    ("GET", "/v1/requests"): 200,
    ("GET", "/v1/channels"): 200,
    ("GET", "/v1/channels/{channel}"): 200,
}


def explore(url: str, method: str, path: str, made: dict[str, Any], headers: dict[str, str]) -> Counter[int]:
    """Send many made-up requests to one operation; returns how often it answered with which status."""
    operation = schemathesis.openapi.from_url(f"{url}/openapi.json")[path][method]
    statuses: Counter[int] = Counter()
    serial = count()

    def ours(body: Any) -> None:
        # Else nearly all that is made up would end at the registry, or at the first request of that id.
        if isinstance(body, dict):
            for one in body.get("requests", [body]) if isinstance(body.get("requests", [body]), list) else []:
                if isinstance(one, dict):
                    one.update(channel="wechat-0012", channel_request_id=f"made-up-{next(serial)}")

    @hypothesis.settings(
        max_examples=60, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(case=operation.as_strategy(), known=st.booleans())
    def send(case: schemathesis.Case[Any], known: bool) -> None:
        if known:
            ours(case.body)
            if "case_id" in case.path_parameters:
                case.path_parameters["case_id"] = made["case_id"]
            if "channel" in case.path_parameters:
                case.path_parameters["channel"] = "wechat-0012"
            if "number" in case.query:
                case.query["number"] = made["number"]
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=CHECKS)
        statuses[answer.status_code] += 1

    send()
    return statuses


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=str)
async def test_made_up_requests(database: str, method: str, path: str) -> None:
    await migrate("intake", database)
    engine = create_engine(database)
    replica = Replica(engine, SETTINGS)
    async with replica.channel() as client:
        made = (await client.post("/v1/requests", json=posted())).json()
    server = HttpServer(replica.api, port=0, name="intake")
    await server.start()
    try:
        headers = (
            dict(replica.staff().headers)
            if path == "/v1/channels"
            else {"X-Channel-Key": channel_key(SETTINGS.channel_ring, "wechat/*")}
        )
        statuses = await asyncio.to_thread(explore, server.url, method, path, made, headers)
    finally:
        await server.stop()
        await engine.dispose()
    # What was made up was not all refused at the door.
    assert statuses[OPERATIONS[method, path]] > 0
