from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import mode
import pytest
from fastapi import FastAPI

from shared.ports import PortTakenError
from shared.web.server import HttpServer, HttpServerError


def _app() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def hello() -> str:
        return "hello"

    return app


async def test_it_serves_when_started_and_the_port_is_free_when_stopped() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    server = HttpServer(_app(), port=0, name="intake")
    await server.start()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    port = server.port
    async with httpx.AsyncClient(base_url=server.url) as client:
        answer = await client.get("/")
        assert answer.json() == "hello"
        assert "server" not in answer.headers
    await server.stop()
    again = HttpServer(_app(), port=port, name="intake")
    await again.start()
    await again.stop()


async def test_it_listens_on_this_machine_alone() -> None:
    server = HttpServer(_app(), port=0, name="intake")
    await server.start()
    try:
        assert server._socket is not None
        assert server._socket.getsockname()[0] == "127.0.0.1"
    finally:
        await server.stop()


async def test_a_taken_port_is_named_with_the_variable_that_moves_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        server = HttpServer(_app(), port=port, name="routing")
        with pytest.raises(PortTakenError, match=rf"{port} for routing.*MINSHENG_ROUTING_PORT"):
            await server.start()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
async def test_a_host_that_is_not_this_machine_is_named(host: str) -> None:
    with pytest.raises(HttpServerError, match=rf"{host}.*MINSHENG_HOST"):
        await HttpServer(_app(), host=host, port=0, name="routing").start()


async def test_an_application_that_cannot_start_is_an_error_and_not_the_end_of_the_process() -> None:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        raise RuntimeError("no")
        yield

    server = HttpServer(FastAPI(lifespan=lifespan), port=0, name="routing")
    with pytest.raises(HttpServerError, match="failed at start-up"):
        await server.start()


async def test_a_request_being_answered_is_finished_before_it_stops() -> None:
    app, asked, go = FastAPI(), asyncio.Event(), asyncio.Event()

    @app.get("/slow")
    async def slow() -> str:
        asked.set()
        await go.wait()
        return "done"

    server = HttpServer(app, port=0, name="intake")
    await server.start()
    async with httpx.AsyncClient(base_url=server.url) as client:
        answer = asyncio.create_task(client.get("/slow"))
        await asked.wait()
        stopping = asyncio.create_task(server.stop())
        # The server takes no new connections any more, while the old one is still being answered.
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            except OSError:
                break
            writer.close()
            await writer.wait_closed()
        assert not answer.done()
        go.set()
        assert (await answer).json() == "done"
        await stopping


async def test_a_server_that_ends_by_itself_crashes_what_it_is_a_part_of() -> None:
    class Parent(mode.Service):  # type: ignore[misc]
        pass

    parent = Parent()
    server = HttpServer(_app(), port=0, name="intake", beacon=parent.beacon)
    await parent.start()
    await server.start()
    server._server.should_exit = True
    async with asyncio.timeout(10):
        await parent._crashed.wait()
    assert isinstance(parent.crash_reason, HttpServerError)
    await server.stop()
    await parent.stop()
