"""HTTP as a patient outside system uses it: what fails for a while is sent again until there is an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from services.simulator.stopping import Stop
from shared.bus.backoff import Backoff

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 30.0
_LATER = frozenset({408, 425, 429})


class NoAnswerError(RuntimeError):
    """There is no answer now, but may be later: no connection, a timeout, or a status that says so."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answer:
    """A final answer: its status, and its JSON, None where it holds none."""

    status: int
    content: Any

    @property
    def ok(self) -> bool:
        """Whether what was asked for was done."""
        return 200 <= self.status < 300

    @property
    def problem(self) -> str:
        """The last part of the problem's type, `request-differs`; the status where the answer is no problem."""
        kind = self.content.get("type") if isinstance(self.content, dict) else None
        return str(kind).rpartition(":")[2] if kind else str(self.status)


@dataclass(frozen=True, slots=True)
class Away:
    """A service without an answer, since when (by the loop's clock), and how the first attempt failed."""

    url: str
    since: float
    reason: str


class Caller:
    """Sends requests over a pool of connections."""

    def __init__(self, session: aiohttp.ClientSession, stop: Stop) -> None:
        self._session = session
        self._stop = stop
        self.retries = 0
        """How many attempts had to be repeated."""
        self.away: Away | None = None
        """The service that gives no answer, while there is one and no other answers."""

    async def once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """One attempt. Raises `NoAnswerError`."""
        try:
            async with self._session.request(method, url, data=body, headers=headers) as response:
                content = await response.read()
                status = response.status
                retry_after = response.headers.get("Retry-After", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._missed(url, type(error).__name__)
            raise NoAnswerError(type(error).__name__) from error
        self.away = None
        if status >= 500 or status in _LATER:
            raise NoAnswerError(f"status {status}", float(retry_after) if retry_after.isdigit() else 0.0)
        try:
            return Answer(status, orjson.loads(content) if content else None)
        except orjson.JSONDecodeError:
            return Answer(status, None)

    def _missed(self, url: str, reason: str) -> None:
        if self.away is None:
            parts = urlsplit(url)
            self.away = Away(f"{parts.scheme}://{parts.netloc}", asyncio.get_running_loop().time(), reason)

    async def until_answered(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer | None:
        """Attempts until there is a final answer; None when the simulation ends before."""
        backoff: Backoff | None = None
        while True:
            try:
                return await self.once(method, url, headers, body)
            except NoAnswerError as none:
                backoff = backoff or Backoff(first=0.1, longest=5.0)
                if await self._stop.pause(max(none.retry_after, backoff.next_delay())):
                    return None
                self.retries += 1


@asynccontextmanager
async def connected(stop: Stop, connections: int) -> AsyncIterator[Caller]:
    """A caller with at most `connections` connections, closed afterwards."""
    # No limit on the whole: what waits for a free connection is late, not lost, and its latency shall tell so.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS)
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=25)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    ) as session:
        yield Caller(session, stop)
