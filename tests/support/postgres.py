"""A PostgreSQL for tests: one face, whichever server is behind it, and databases of one's own on it."""

from __future__ import annotations

import asyncio
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from shared.store.embedded import EmbeddedPostgres
from tests.support import chain
from tests.support.chain import Link
from tests.support.docker import Container
from tests.support.places import scratch

IMAGE = "postgres:18"


class PostgresServer(ABC):
    """A running PostgreSQL. `start` after `stop` or `kill` brings it back on the same port with the same data."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The server, `postgresql://user:password@host:port/`, as a user who may create databases."""

    @abstractmethod
    async def start(self) -> None:
        """Start it and return once it takes connections."""

    @abstractmethod
    async def stop(self) -> None:
        """Shut it down in order."""

    @abstractmethod
    async def kill(self) -> None:
        """End it at once (SIGKILL)."""

    async def close(self) -> None:
        """End it for good and remove what it kept."""
        await self.kill()

    async def create_database(self, *, template: str | None = None) -> str:
        """Create a uniquely named database, empty or a copy of the database `template` (a URL), and return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        source = f'"{urlsplit(template).path[1:]}"' if template else "template0"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE {source}')
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    async def drop_database(self, url: str) -> None:
        """Drop a database by its URL, whoever is still connected to it."""
        await self._execute(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url, database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


class ExternalPostgres(PostgresServer):
    """The server that `MINSHENG_DATABASE` names: used, never stopped."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)._replace(path="/").geturl()

    @property
    def url(self) -> str:
        return self._url

    async def start(self) -> None:
        await _takes_connections(self._url, timeout=10.0)

    async def stop(self) -> None:
        raise RuntimeError("The PostgreSQL of MINSHENG_DATABASE isn't ours to stop; use the fixture `own_postgres`.")

    async def kill(self) -> None:
        raise RuntimeError("The PostgreSQL of MINSHENG_DATABASE isn't ours to kill; use the fixture `own_postgres`.")

    async def close(self) -> None:
        """Nothing: it isn't ours."""


class ContainerPostgres(PostgresServer):
    """The official image, by Docker; its data lives as long as the container, so also over kills."""

    def __init__(self) -> None:
        self._password = secrets.token_urlsafe(16)
        self._container = Container(IMAGE, 5432, command="postgres -c max_connections=200")
        self._container.set_environment({"POSTGRES_PASSWORD": self._password})

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self._password}@{self._container.host}:{self._container.host_port}/"

    async def start(self) -> None:
        await self._container.start()
        await _takes_connections(self.url)

    async def stop(self) -> None:
        await self._container.stop()

    async def kill(self) -> None:
        await self._container.kill()

    async def close(self) -> None:
        await self._container.remove()


class WheelPostgres(PostgresServer):
    """The embedded server, as `minsheng up` uses it."""

    def __init__(self, folder: Path) -> None:
        self._server = EmbeddedPostgres(folder)

    @property
    def url(self) -> str:
        return self._server.url

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    async def kill(self) -> None:
        await self._server.kill()

    async def close(self) -> None:
        await self._server.stop()


@asynccontextmanager
async def running_postgres(*, private: bool = False) -> AsyncIterator[PostgresServer]:
    """A running PostgreSQL by the chain; ended afterwards when it is ours. `private`: the caller may kill it."""
    with scratch("postgres") as folder:
        server: PostgresServer
        match chain.postgres(private=private):
            case Link.ENVIRONMENT:
                server = ExternalPostgres(os.environ["MINSHENG_DATABASE"])
            case Link.DOCKER:
                server = ContainerPostgres()
            case Link.EMBEDDED:
                server = WheelPostgres(folder)
            case Link.JAVA:
                raise RuntimeError(f"{chain.FORCE_DATABASE}=java: PostgreSQL comes by docker or embedded.")
        try:
            await server.start()
            yield server
        finally:
            await server.close()


async def _takes_connections(url: str, *, timeout: float = 60.0) -> None:
    try:
        async with asyncio.timeout(timeout):
            while True:
                try:
                    connection = await asyncpg.connect(url, database="postgres", timeout=5)
                except (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
                    await asyncio.sleep(0.05)
                else:
                    await connection.close()
                    return
    except TimeoutError as error:
        place = urlsplit(url).netloc.rpartition("@")[2]
        raise TimeoutError(f"No PostgreSQL took connections at {place} within {timeout:g} s.") from error
