"""Analytics keeps to its own OpenAPI document, whatever it is asked: no failure, no undocumented answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from services.analytics import api
from services.analytics.live import LiveRate
from services.analytics.projection import project
from services.analytics.settings import AnalyticsSettings
from shared.bus.envelope import Received
from shared.privacy.keys import new_key
from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.web.app import create_api
from shared.web.auth import Role, Staff, issue_token
from shared.web.health import Readiness
from shared.web.server import HttpServer
from tests.support.analytics import SOURCES, Story

PATHS = ("/v1/counts", "/v1/satisfaction", "/v1/open", "/v1/live", "/v1/recent", "/v1/cases/{case_id}")
CASE = uuid4()


@pytest.fixture
async def served(database: str) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """The address of an analytics that knows one case, and the headers of an analyst."""
    await migrate("analytics", database)
    engine = create_engine(database)
    now = datetime.now(UTC)
    story = Story(CASE, at=now)
    async with engine.begin() as connection:
        batch = [
            Received(topic, 0, nth, SOURCES[topic], event.TYPE, case_id, sequence, now, None, event)
            for nth, (topic, case_id, sequence, event) in enumerate(story.told())
        ]
        await project(batch, connection)
    settings = AnalyticsSettings(
        staff_keys=SecretStr(new_key("t1")),
        channel_keys=SecretStr(new_key("t1")),
        callback_keys=SecretStr(new_key("t1")),
    )
    live = LiveRate(settings)
    http = create_api("analytics", "test", settings, Readiness())
    api.install(http, api.AnalyticsApi(settings, engine, live, lambda: datetime.now(UTC)))
    server = HttpServer(http, port=0, name="analytics")
    await server.start()
    token = issue_token(settings.staff_ring, Staff("s-1", "测试", Role.ANALYST), now=now)
    yield server.url, {"Authorization": f"Bearer {token}"}
    await server.stop()
    await live.close()
    await engine.dispose()


def explore(url: str, path: str, headers: dict[str, str], case_id: UUID) -> Counter[int]:
    """Ask many made-up questions of one operation; returns how often it answered with which status."""
    operation = schemathesis.openapi.from_url(f"{url}/openapi.json")[path]["GET"]
    statuses: Counter[int] = Counter()

    @hypothesis.settings(
        max_examples=40, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(case=operation.as_strategy(), known=st.booleans())
    def send(case: schemathesis.Case[Any], known: bool) -> None:
        if known:
            # Made-up dimensions and codes are hardly ever some that exist.
            case.query = {}
            case.path_parameters = {name: str(case_id) for name in case.path_parameters}
        answer = case.call(headers=headers)
        case.validate_response(
            answer, checks=[not_a_server_error, status_code_conformance, response_schema_conformance]
        )
        statuses[answer.status_code] += 1

    send()
    return statuses


@pytest.mark.parametrize("path", PATHS)
async def test_made_up_questions(served: tuple[str, dict[str, str]], path: str) -> None:
    url, headers = served
    statuses = await asyncio.to_thread(explore, url, path, headers, CASE)
    # What was made up was not all refused at the door.
    assert statuses[200] > 0
