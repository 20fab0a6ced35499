"""Servers for tests, each by the chain of tests/support/chain.py, and names of one's own on them."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support import chain
from tests.support.kafka import KafkaServer, running_kafka
from tests.support.postgres import PostgresServer, running_postgres

# A busy machine is no fault of the code: what must be fast says so in a test of its own.
hypothesis.settings.register_profile("minsheng", deadline=None)
hypothesis.settings.load_profile("minsheng")

FIRST = ("tests/faults/", "tests/e2e/", "tests/benchmarks/", "tests/integration/")
"""What takes longest is begun first, so that no process is left with it when the others have ended."""
ONE_DEPLOYMENT = ("test_rebalance.py", "test_servers_restarted.py", "test_services_killed.py")
"""Fault tests that share a deployment."""
MOST_PROCESSES = 4
"""Each has a broker and a database server of its own."""


def pytest_xdist_auto_num_workers() -> int:
    return min(MOST_PROCESSES, os.cpu_count() or 1)


class ByModule(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps a module in one process, and the fault tests that share a deployment."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return "one deployment" if module.endswith(ONE_DEPLOYMENT) else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    return ByModule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    return next((place for place, folder in enumerate(FIRST) if item.nodeid.startswith(folder)), len(FIRST))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real_kafka") is not None and chain.kafka() is chain.Link.EMBEDDED:
        pytest.skip(
            "needs a real Apache Kafka: set MINSHENG_KAFKA=HOST:PORT, start Docker, or install java (17+) and mvn"
        )


@pytest.fixture(scope="session")
async def kafka() -> AsyncIterator[KafkaServer]:
    """The Kafka that tests share; take topic and group names from `namespace`."""
    async with running_kafka() as server:
        yield server


@pytest.fixture
async def own_kafka() -> AsyncIterator[KafkaServer]:
    """A Kafka for this test alone, which it may stop, kill and start."""
    async with running_kafka(private=True) as server:
        yield server


@pytest.fixture(scope="module")
async def module_kafka() -> AsyncIterator[KafkaServer]:
    """A Kafka for this module alone, which its tests may stop, kill and start."""
    async with running_kafka(private=True) as server:
        yield server


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[PostgresServer]:
    """The PostgreSQL that tests share; take databases from `database` or `make_database`."""
    async with running_postgres() as server:
        yield server


@pytest.fixture
async def own_postgres() -> AsyncIterator[PostgresServer]:
    """A PostgreSQL for this test alone, which it may stop, kill and start."""
    async with running_postgres(private=True) as server:
        yield server


@pytest.fixture(scope="module")
async def module_postgres() -> AsyncIterator[PostgresServer]:
    """A PostgreSQL for this module alone, which its tests may stop, kill and start."""
    async with running_postgres(private=True) as server:
        yield server


@pytest.fixture
async def make_database(postgres: PostgresServer) -> AsyncIterator[Callable[[str | None], Awaitable[str]]]:
    """Makes databases on the shared PostgreSQL, dropped after the test: `await make_database(None)` gives the URL of an
    empty one, `await make_database(url)` that of a copy of `url`, to which nobody may be connected meanwhile."""
    made: list[str] = []

    async def make(template: str | None) -> str:
        made.append(await postgres.create_database(template=template))
        return made[-1]

    yield make
    for url in made:
        await postgres.drop_database(url)


@pytest.fixture
async def database(make_database: Callable[[str | None], Awaitable[str]]) -> str:
    """The URL of an empty database of this test's own."""
    return await make_database(None)


@pytest.fixture
def namespace() -> str:
    """A string that nothing else uses: the prefix for this test's topics, consumer groups and the like."""
    return f"t{secrets.token_hex(5)}"
