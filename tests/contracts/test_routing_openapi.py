"""Routing keeps to its own OpenAPI document, whatever it is sent: no failure, no undocumented answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.web.auth import Role
from shared.web.server import HttpServer
from tests.support.routing import RoutingParts

READS = (("GET", "/v1/cases"), ("GET", "/v1/cases/{case_id}"), ("GET", "/v1/organisation"))
COMMANDS = ("accept", "contact", "resolve")


def explore(url: str, method: str, path: str, case_id: UUID, token: str) -> Counter[int]:
    """Send many made-up requests to one operation; returns how often it answered with which status."""
    operation = schemathesis.openapi.from_url(f"{url}/openapi.json")[path][method]
    statuses: Counter[int] = Counter()

    @hypothesis.settings(
        max_examples=40, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(case=operation.as_strategy(), known=st.booleans())
    def send(case: schemathesis.Case[Any], known: bool) -> None:
        if known and "case_id" in case.path_parameters:
            case.path_parameters["case_id"] = str(case_id)
            # A made-up version or a used key would leave nothing but their own refusals to be seen.
            case.headers.pop("If-Match", None)
            case.headers.pop("Idempotency-Key", None)
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(
            answer, checks=[not_a_server_error, status_code_conformance, response_schema_conformance]
        )
        statuses[answer.status_code] += 1

    send()
    return statuses


@pytest.mark.parametrize(("method", "path"), [*READS, *(("POST", f"/v1/cases/{{case_id}}/{c}") for c in COMMANDS)])
async def test_made_up_requests(database: str, method: str, path: str) -> None:
    await migrate("routing", database)
    engine = create_engine(database)
    parts = RoutingParts(engine)
    case_id = await parts.open_case(requester=None)
    officer = parts.officer(case_id)
    if path.endswith(("contact", "resolve")):
        accepted = await parts.client(Role.OFFICER, officer).post(f"/v1/cases/{case_id}/accept", json={})
        assert accepted.status_code == 200
    server = HttpServer(parts.http, port=0, name="routing")
    await server.start()
    try:
        token = parts.token(Role.OFFICER, officer)
        statuses = await asyncio.to_thread(explore, server.url, method, path, case_id, token)
    finally:
        await server.stop()
        await engine.dispose()
    # What was made up was not all refused at the door.
    assert statuses[200] > 0
