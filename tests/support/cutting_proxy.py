"""A proxy for tests that treats connections as bad networks do: it cuts them, and passes nothing on for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHUNK = 65_536


@dataclass(slots=True)
class CuttingProxy:
    """Passes on what comes to `port`; `cuts` counts the connections that it ended for their age."""

    target: int
    longest: float
    """Seconds after which a connection is cut."""
    port: int = 0
    cuts: int = 0
    _passing: asyncio.Event = field(default_factory=asyncio.Event)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def lose(self, seconds: float) -> None:
        """Pass nothing on, in either direction, and end nothing: as where all packets are lost."""
        self._passing.clear()
        await asyncio.sleep(seconds)
        self._passing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._passing.wait()
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self.target)
            try:
                async with asyncio.timeout(self.longest), asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, onward_writer))
                    group.create_task(self._pump(onward_reader, writer))
            except TimeoutError:
                self.cuts += 1
            finally:
                onward_writer.transport.abort()
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            # One side is gone, or the test has ended.
            pass
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._passing.wait()
            writer.write(data)
            await writer.drain()
        # A half of a connection that is at its end ends both.
        raise ConnectionResetError

    async def close(self) -> None:
        """End all connections."""
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)


@asynccontextmanager
async def cutting_proxy(target: int, *, longest: float) -> AsyncIterator[CuttingProxy]:
    """A proxy before the port `target` on this machine."""
    proxy = CuttingProxy(target, longest)
    proxy._passing.set()
    server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
