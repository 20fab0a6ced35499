"""The face of every Kafka that tests use, and how to know that one is ready."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError


class KafkaServer(ABC):
    """A running Kafka. `start` after `stop` or `kill` brings it back on the same port, with the same data if `real`."""

    real: bool
    """Whether it is Apache Kafka: durable, idempotent, transactional. Otherwise the embedded, memory-only broker."""

    @property
    @abstractmethod
    def bootstrap(self) -> str:
        """The address for clients, `HOST:PORT`."""

    @abstractmethod
    async def start(self) -> None:
        """Start it and return once clients can create topics."""

    @abstractmethod
    async def stop(self) -> None:
        """Shut it down in order."""

    @abstractmethod
    async def kill(self) -> None:
        """End it at once (SIGKILL)."""

    async def close(self) -> None:
        """End it for good and remove what it kept."""
        await self.kill()


async def ready(bootstrap: str, *, timeout: float = 60.0) -> None:
    """Return once the broker is registered with its controller and answers an admin client."""
    host, _, port = bootstrap.rpartition(":")
    try:
        async with asyncio.timeout(timeout):
            # The Kafka client logs each refused connection, so it comes in only after the port listens.
            while True:
                if await _listens(host, int(port)) and await _has_brokers(bootstrap):
                    return
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise TimeoutError(f"No Kafka answered at {bootstrap} within {timeout:g} s.") from error


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _has_brokers(bootstrap: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except KafkaError:
        return False
    finally:
        await admin.close()
