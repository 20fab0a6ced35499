"""Whether a Docker engine answers, and a container on a fixed port of this machine that may be killed and started."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping

import docker
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

from shared import ports


@functools.cache
def engine_answers() -> bool:
    """Whether a Docker engine can be used; a client without an engine is not enough."""
    try:
        client = docker.from_env(timeout=5)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except DockerException:
        return False
    finally:
        client.close()


class Container:
    """One container whose `port` is published on the same port of this machine over stops and starts."""

    def __init__(self, image: str, port: int, *, command: str | None = None) -> None:
        self.host_port = ports.pick(0, image, remedy="free a port")
        self._container = DockerContainer(image).with_bind_ports(port, self.host_port)
        if command is not None:
            self._container.with_command(command)
        self._created = False

    @property
    def host(self) -> str:
        """Where the published port is reached."""
        return str(self._container.get_container_host_ip())

    def set_environment(self, variables: Mapping[str, str]) -> None:
        """Give the container environment variables; before its first start."""
        self._container.with_envs(**variables)

    async def start(self) -> None:
        """Create and start the container, or start it again with the data it had."""
        if self._created:
            await asyncio.to_thread(self._container.get_wrapped_container().start)
            return
        await asyncio.to_thread(self._container.start)
        self._created = True

    async def stop(self) -> None:
        """Stop the container in order."""
        await asyncio.to_thread(self._container.get_wrapped_container().stop)

    async def kill(self) -> None:
        """End the container's process at once (SIGKILL)."""
        await asyncio.to_thread(self._container.get_wrapped_container().kill)

    async def remove(self) -> None:
        """Remove the container and its data."""
        if self._created:
            await asyncio.to_thread(self._container.stop)
