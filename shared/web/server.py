"""uvicorn as a `mode` service: it lives and stops with the other parts of the process, in their event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any

import mode
import uvicorn
from starlette.types import ASGIApp

from shared.ports import PortTakenError

GRACE_SECONDS = 10
"""How long requests being answered have to finish when the server stops."""
_BACKLOG = 2_048


class HttpServerError(RuntimeError):
    """The HTTP server could not start. The message says why."""


class HttpServer(mode.Service):  # type: ignore[misc]
    """Serves an ASGI application at `host:port`; `start` returns when it listens, `stop` when all answers are out.

    Port 0 takes a free one, `port` and `url` tell which. Raises `PortTakenError` when another process has the port.
    A failure while serving crashes the service, and those it is a part of (`beacon`).
    """

    def __init__(
        self, app: ASGIApp, *, host: str = "127.0.0.1", port: int, name: str, websockets: bool = False, **kwargs: Any
    ) -> None:
        self._host = host
        self._wanted = port
        self._name = name
        self._socket: socket.socket | None = None
        self._serving: asyncio.Task[None] | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                http="httptools",
                ws="auto" if websockets else "none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                # The address in X-Forwarded-For is the caller's to choose; limits count the real one.
                proxy_headers=False,
                backlog=_BACKLOG,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        super().__init__(**kwargs)

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        if self._socket is None:
            raise HttpServerError(f"The HTTP server of {self._name} is not started.")
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The address without a final slash, `http://127.0.0.1:8001`, once started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    async def on_start(self) -> None:
        """Listen. Raises `PortTakenError` or `HttpServerError`."""
        # Bound here and not by uvicorn, which would end the process without a word of which port.
        self._socket = bind(self._host, self._wanted, self._name)
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]), name=f"http-{self._name}")
        listening = asyncio.create_task(self._server.listening.wait())
        try:
            await asyncio.wait({listening, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
        if self._serving.done():
            self._socket.close()
            error = None if self._serving.cancelled() else self._serving.exception()
            raise HttpServerError(
                f"The HTTP server of {self._name} could not start: its application failed at start-up; see the log."
            ) from error
        self._serving.add_done_callback(self._ended)

    def _ended(self, serving: asyncio.Task[None]) -> None:
        if serving.cancelled() or self.should_stop:
            return
        error = serving.exception() or HttpServerError(f"The HTTP server of {self._name} ended by itself.")
        self.add_future(self._fail(error))

    async def _fail(self, error: BaseException) -> None:
        raise error

    async def on_stop(self) -> None:
        """Take no new connections, finish what is being answered (up to `GRACE_SECONDS`), and end."""
        if self._serving is None:
            return
        self._server.should_exit = True
        try:
            await self._serving
        finally:
            if self._socket is not None:
                self._socket.close()


class _Server(uvicorn.Server):
    """uvicorn without its hands on the process: signals and exit are the worker's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as error:
            raise HttpServerError("The application's start-up failed.") from error
        self.listening.set()


def bind(host: str, port: int, name: str) -> socket.socket:
    """A socket bound to `host:port` (0: a free port). Raises `PortTakenError`, or `HttpServerError` for a bad host."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise HttpServerError(f"{host!r} is not an address of this machine; set MINSHENG_HOST to one.") from None
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        # A bound port is only refused to others once it listens.
        bound.listen(_BACKLOG)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        variable = f"MINSHENG_{name.upper()}_PORT"
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(port, name, f"set {variable} to another port") from None
        if error.errno == errno.EACCES:
            raise HttpServerError(f"Port {port} is for root alone; set {variable} to one above 1023.") from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise HttpServerError(f"{host} is not an address of this machine; set MINSHENG_HOST to one.") from None
        raise
    return bound
