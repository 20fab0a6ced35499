"""The real services as processes of their own, on a Kafka and a PostgreSQL that a test may kill, freeze and restart."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from shared import ports
from shared.bus.admin import TopicAdmin, wanted_topics
from shared.events.topics import TopicNames
from shared.process import ChildProcess, spawn
from shared.settings import PREFIX, Settings, new_keys
from shared.store.migration import migrate
from tests.support.kafka import KafkaServer
from tests.support.places import PROJECT
from tests.support.postgres import PostgresServer

PARTITIONS = 4
SESSION_TIMEOUT_MS = 6_000
READY_SECONDS = 60.0


@dataclass(slots=True)
class Instance:
    """One process of a service."""

    service: str
    url: str
    process: ChildProcess
    http: httpx.AsyncClient

    async def kill(self) -> None:
        """End it at once (SIGKILL)."""
        await self.process.kill()

    async def stop(self) -> None:
        """End it in order, as an orchestrator does."""
        status = await self.process.stop(signal.SIGTERM, grace=30.0)
        assert status in (0, -signal.SIGTERM), f"{self.process.name} ended with {status}:\n{self.process.log_tail()}"

    def freeze(self) -> None:
        """Let it stand still, with all its connections open."""
        self.process.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send(signal.SIGCONT)

    async def ready(self, *, seconds: float = READY_SECONDS) -> None:
        """Return once it says that it can serve; raises `AssertionError` with its last word."""
        last = "no answer"

        async def asked() -> None:
            nonlocal last
            while True:
                try:
                    answer = await self.http.get(f"{self.url}/readyz", timeout=5.0)
                except httpx.TransportError as error:
                    last = type(error).__name__
                else:
                    if answer.status_code == 200:
                        return
                    last = answer.text
                await asyncio.sleep(0.05)

        try:
            async with asyncio.timeout(seconds):
                await self.process.while_running(asked())
        except TimeoutError:
            raise AssertionError(
                f"{self.process.name} was not ready within {seconds:g} s: {last}\n{self.process.log_tail()}"
            ) from None

    async def metric(self, name: str) -> float:
        """The sum of one of its Prometheus metrics over all labels."""
        text = (await self.http.get(f"{self.url}/metrics", timeout=5.0)).text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))


@dataclass(slots=True)
class Deployment:
    """A deployment of its own: keys, topic prefix, databases, ports. Several processes of a service may run at once."""

    kafka: KafkaServer
    postgres: PostgresServer
    folder: Path
    prefix: str = field(default_factory=lambda: f"f{secrets.token_hex(4)}")
    variables: dict[str, str] = field(default_factory=dict)
    """Settings of the services beside those that every deployment has."""
    keys: dict[str, str] = field(default_factory=lambda: new_keys("f1"))
    instances: list[Instance] = field(default_factory=list)
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(trust_env=False))
    _started: int = 0

    def settings(self) -> Settings:
        """The settings that its services have."""
        values: dict[str, Any] = {name.removeprefix(PREFIX).lower(): value for name, value in self._variables().items()}
        return Settings(_env_file=None, **values)

    async def prepare(self, services: Sequence[str]) -> None:
        """Make the databases of `services`, and the topics."""
        settings = self.settings()
        for service in services:
            await migrate(service, settings.database_for(service))
        async with TopicAdmin(self.kafka.bootstrap) as admin:
            await admin.apply(
                wanted_topics(TopicNames(self.prefix), partitions=PARTITIONS, replication=1, retention_hours=24)
            )

    def launch(self, service: str) -> Instance:
        """Start a process of a service on a port of its own."""
        self._started += 1
        port = ports.pick(0, service, remedy="free a port")
        name = f"{service}-{self._started}"
        variables = self._variables() | {
            f"{PREFIX}{service.upper()}_PORT": str(port),
            f"{PREFIX}DATA_DIR": str(self.folder / name),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        process = spawn(
            name,
            [sys.executable, "-m", "services", service],
            log=self.folder / f"{name}.log",
            env=inherited | variables | {"PYTHONPATH": str(PROJECT)},
            # Not the project: a developer's .env there must not reach a test.
            cwd=self.folder,
        )
        instance = Instance(service, f"http://127.0.0.1:{port}", process, self.http)
        self.instances.append(instance)
        return instance

    async def start(self, service: str) -> Instance:
        """Start a process of a service and wait until it can serve."""
        instance = self.launch(service)
        await instance.ready()
        return instance

    def running(self, service: str) -> list[Instance]:
        """The processes of a service that have not ended."""
        return [one for one in self.instances if one.service == service and one.process.running]

    async def close(self) -> None:
        """End every process."""
        for instance in self.instances:
            # A frozen one takes no other signal; one that has ended takes none.
            await instance.kill()
        await self.http.aclose()

    def _variables(self) -> dict[str, str]:
        return self.keys | {
            f"{PREFIX}KAFKA": self.kafka.bootstrap,
            f"{PREFIX}DATABASE": self.postgres.url,
            f"{PREFIX}TOPIC_PREFIX": self.prefix,
            f"{PREFIX}PARTITIONS": str(PARTITIONS),
            f"{PREFIX}SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            f"{PREFIX}EMBEDDED": "false" if self.kafka.real else "true",
            f"{PREFIX}ANALYTICS_LIVE": "false",
            **self.variables,
        }
