"""Follow-up keeps to its own OpenAPI document, whatever it is sent: no failure, no undocumented answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Any
from uuid import UUID

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from services.followup.domain import followup
from services.followup.domain.state import Followup, Policy
from shared.decision import Decision, Moment
from shared.events.words import Satisfaction
from shared.privacy.keys import KeyRing
from shared.web.auth import Role, sign
from shared.web.server import HttpServer
from tests.support.followup import House

pytest_plugins = ("tests.support.followup_fixtures",)

PATHS = (
    ("GET", "/v1/followups"),
    ("GET", "/v1/followups/{case_id}"),
    ("POST", "/v1/followups/{case_id}/understood"),
    ("POST", "/v1/followups/{case_id}/answer"),
    ("POST", "/v1/followups/{case_id}/unreachable"),
    ("POST", "/v1/followups/{case_id}/contact-shown"),
    ("GET", "/v1/contact-readings"),
    ("POST", "/v1/callbacks/sms/receipts"),
    ("POST", "/v1/callbacks/sms/replies"),
)


NEED_VERSION = ("/answer", "/unreachable")


def explore(url: str, method: str, path: str, case_id: UUID, staff: dict[str, str], ring: KeyRing) -> Counter[int]:
    """Send many made-up requests to one operation; returns how often it answered with which status."""
    operation = schemathesis.openapi.from_url(f"{url}/openapi.json")[path][method]
    statuses: Counter[int] = Counter()

    @hypothesis.settings(
        max_examples=40, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(case=operation.as_strategy(), known=st.booleans())
    def send(case: schemathesis.Case[Any], known: bool) -> None:
        headers = dict(staff)
        if known and "case_id" in case.path_parameters:
            case.path_parameters["case_id"] = str(case_id)
            if path.endswith(NEED_VERSION):
                headers["If-Match"] = '"2"'
        if path.startswith("/v1/callbacks"):
            # A signature holds for the very bytes, so they are made here.
            raw = json.dumps(case.as_transport_kwargs().get("json")).encode()
            answer = case.call(
                data=raw, json=None, headers=headers | {"X-Minsheng-Signature": sign(ring, raw, int(time.time()))}
            )
        else:
            answer = case.call(headers=headers)
        case.validate_response(
            answer, checks=[not_a_server_error, status_code_conformance, response_schema_conformance]
        )
        statuses[answer.status_code] += 1

    send()
    return statuses


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_made_up_requests(house: House, method: str, path: str) -> None:
    case = await house.resolve({"phone": "+8613900001234"})
    await house.commands.execute(case, dissatisfied if path.endswith("understood") else house.failing)
    staff = house.staff(Role.ADMIN if path.endswith("readings") else Role.OPERATOR)
    server = HttpServer(house.http(), port=0, name="followup")
    await server.start()
    try:
        statuses = await asyncio.to_thread(explore, server.url, method, path, case, staff, house.settings.callback_ring)
    finally:
        await server.stop()
    # What was made up was not all refused at the door.
    assert statuses[200] > 0


def dissatisfied(state: Followup, moment: Moment) -> Decision[Followup]:
    return followup.answered(
        state,
        moment,
        Policy(),
        nth=None,
        level=Satisfaction.DISSATISFIED,
        comment=None,
        medium="phone",
        at=moment.now,
    )
