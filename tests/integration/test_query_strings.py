"""Whatever stands in the address of a list or figure, the answer is a result or says what is wrong: never a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.analytics.api import AnalyticsApi, install
from services.analytics.live import LiveRate
from services.analytics.settings import AnalyticsSettings
from shared.bus.handlers import utc_now
from shared.settings import Settings
from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.web.app import create_api
from shared.web.auth import Role, Staff, issue_token
from shared.web.health import Readiness
from shared.web.paging import CursorPart, encode_cursor
from tests.support.followup import House
from tests.support.routing import RoutingParts

SERVICES = ("analytics", "followup", "routing")
DAYS = (
    *("0000-01-01", "0001-01-01", "0001-01-05", "0001-01-30", "9999-12-31", "10000-01-01", "-0001-01-01"),
    *("2026-02-30", "2026-3-1", "2026-11-25", "1732400000", "1e9", "99999999999999999999", "2026-01-01T00:00:00"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00+23:59", "2026-11-25T08:00:00Z"),
)
EDGES = (
    *DAYS,
    *("NaN", "inf", "-1", "0", "1", "1.5", "200", "201", "2147483648", "9223372036854775808", "٣", "", " ", "\x00"),
    *(str(UUID(int=0)), str(UUID(int=2**128 - 1)), "true", "closed", "settled", "linjiang-branch", "day,unit", "null"),
)
TIMES: tuple[CursorPart, ...] = (
    *(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)),
    # What encode_cursor itself would not write, but a caller can.
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-14:00", "2026-11-25", "2026-11-25T00:00:00", "NaN"),
)
IDS: tuple[CursorPart, ...] = (UUID(int=0), UUID(int=2**128 - 1), "0", "{" + str(UUID(int=1)) + "}")
NUMBERS: tuple[CursorPart, ...] = (0, -1, 2**63 - 1, 2**63, -(2**63), 10**30, "", "\x00", "x" * 200)
PART = st.sampled_from((*TIMES, *IDS, *NUMBERS))
CURSORS = st.one_of(
    st.tuples(st.sampled_from(TIMES), st.sampled_from(IDS)),
    st.tuples(st.sampled_from(IDS)),
    st.lists(PART, min_size=1, max_size=3),
).map(lambda parts: encode_cursor(*parts))
VALUES = st.one_of(
    st.sampled_from(EDGES),
    CURSORS,
    st.dates().map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.text(max_size=12),
)


MADE_FOR = {"cursor": CURSORS, "from": st.sampled_from(DAYS), "to": st.sampled_from(DAYS)}


def values_of(name: str) -> st.SearchStrategy[str]:
    """What may stand behind a parameter: more often something like what it is made for."""
    return st.one_of(MADE_FOR[name], VALUES) if name in MADE_FOR else VALUES


@pytest.fixture(params=SERVICES)
async def service(
    request: pytest.FixtureRequest, make_database: Callable[[str | None], Awaitable[str]]
) -> AsyncIterator[tuple[FastAPI, str]]:
    """One service's HTTP interface on an empty database, and a token that may read all that it shows."""
    database = await make_database(None)
    await migrate(request.param, database)
    engine = create_engine(database)
    live: LiveRate | None = None
    keys: Settings
    if request.param == "routing":
        routing = RoutingParts(engine)
        http, keys = routing.http, routing.settings
    elif request.param == "followup":
        house = House(engine)
        http, keys = house.http(), house.settings
    else:
        configured = AnalyticsSettings.model_validate(House(engine).settings.model_dump())
        live = LiveRate(configured)
        http, keys = create_api("analytics", "test", configured, Readiness()), configured
        install(http, AnalyticsApi(configured, engine, live, utc_now))
    yield http, issue_token(keys.staff_ring, Staff("s-1", "N", Role.SUPERVISOR, None), now=datetime.now(UTC))
    if live is not None:
        await live.close()
    await engine.dispose()


def questions(http: FastAPI) -> dict[str, list[str]]:
    """The parameters of each address that is read, as the service documents them."""
    return {
        path: [one["name"] for one in operations["get"].get("parameters", ()) if one["in"] in ("query", "path")]
        for path, operations in http.openapi()["paths"].items()
        if "get" in operations and path.startswith("/v1/")
    }


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
async def test_no_query_string_makes_a_service_fail(service: tuple[FastAPI, str], data: st.DataObject) -> None:
    http, token = service
    asked = questions(http)
    assert any(asked.values())
    path = data.draw(st.sampled_from(sorted(path for path, names in asked.items() if names)))
    values = data.draw(
        st.fixed_dictionaries(
            {name: values_of(name) for name in asked[path] if f"{{{name}}}" in path},
            optional={name: values_of(name) for name in asked[path] if f"{{{name}}}" not in path},
        )
    )
    query = {name: value for name, value in values.items() if f"{{{name}}}" not in path}
    for name in values.keys() - query.keys():
        path = path.replace(f"{{{name}}}", quote(values[name], safe=""))
    transport = httpx.ASGITransport(http, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://service", headers={"Authorization": f"Bearer {token}"}
    ) as client:
        answer = await client.get(path, params=query)
    assert answer.status_code < 500, (path, query, answer.text)
    if answer.status_code >= 400:
        told = answer.json()
        assert told["status"] == answer.status_code
        assert told["detail"]
