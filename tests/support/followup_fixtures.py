"""Fixtures around `tests.support.followup.House`: `pytest_plugins = ("tests.support.followup_fixtures",)`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.followup.gateways.http import HttpGateway
from shared.store.migration import migrate
from tests.support.carrier import TOKEN, Carrier, running_carrier
from tests.support.followup import House
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
async def followup_database(postgres: PostgresServer) -> AsyncIterator[str]:
    """The URL of a database with follow-up's tables, to be copied."""
    url = await postgres.create_database()
    await migrate("followup", url)
    yield url
    await postgres.drop_database(url)


@pytest.fixture
async def house(followup_database: str, make_database: Callable[[str | None], Awaitable[str]]) -> AsyncIterator[House]:
    """A follow-up service of this test's own."""
    house = House.open(await make_database(followup_database))
    yield house
    await house.engine.dispose()


@pytest.fixture
async def carrier() -> AsyncIterator[Carrier]:
    """The SMS gateway."""
    async with running_carrier() as carrier:
        yield carrier


@pytest.fixture
async def gateway(carrier: Carrier) -> AsyncIterator[HttpGateway]:
    """Follow-up's way to the SMS gateway."""
    gateway = HttpGateway(carrier.url, TOKEN, timeout=5.0)
    yield gateway
    await gateway.close()
