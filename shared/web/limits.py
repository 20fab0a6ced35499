"""Limits at the edge: how large a request's body and how fast one caller may be. Both as ASGI middleware."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.problems import Problem

MAX_CALLERS = 10_000
"""Callers remembered at once; the one unseen for longest is forgotten first."""
EXEMPT = frozenset({"/healthz", "/readyz", "/metrics"})
"""Never limited: an orchestrator that gets 429 would restart a healthy process."""


class BodyLimit:
    """Refuses bodies of more than `max_bytes` with 413, by their Content-Length or, when chunked, by what arrives."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), None)
        if declared is not None and declared.isdigit() and int(declared) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        arrived = 0
        exceeded = started = False

        async def receiving() -> Message:
            nonlocal arrived, exceeded
            message = await receive()
            if message["type"] == "http.request":
                arrived += len(message.get("body", b""))
                if arrived > self._max_bytes:
                    exceeded = True
                    raise HTTPException(413)
            return message

        async def sending(message: Message) -> None:
            nonlocal started
            # Whatever the application makes of a body that was cut off, the caller is told 413.
            if exceeded and not started:
                return
            started = True
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        except HTTPException:
            if not exceeded or started:
                raise
        if exceeded and not started:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = Problem(
            413,
            "body-too-large",
            "Body too large",
            f"A request body has at most {self._max_bytes} bytes here. Send less in one request.",
            # The rest of the body may never come: the connection is of no further use.
            headers={"Connection": "close"},
            limit=self._max_bytes,
        )
        await problem.response()(scope, receive, send)


class TokenBucket:
    """How much of its rate one caller has left: `burst` at once, `rate` per second in the long run."""

    __slots__ = ("_at", "_left")

    def __init__(self, burst: int, now: float) -> None:
        self._left = float(burst)
        self._at = now

    def take(self, rate: float, burst: int, now: float) -> float:
        """Take one token. Returns 0 when there was one, else the seconds until there will be; takes none then."""
        self._left = min(float(burst), self._left + max(0.0, now - self._at) * rate)
        self._at = now
        # What floating point lost of a whole token must not cost the caller another round.
        if self._left >= 1.0 - 1e-9:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / rate


def client_address(scope: Scope) -> str:
    """The caller by network address. Headers don't count: whoever can choose them chooses their own limit."""
    client = scope.get("client")
    return client[0] if client else ""


class RateLimit:
    """Refuses a caller's requests beyond `burst` at once and `rate` per second with 429 and Retry-After.

    Counted by each process for itself.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        rate: float,
        burst: int,
        caller: Callable[[Scope], str] = client_address,
        clock: Callable[[], float] = time.monotonic,
        max_callers: int = MAX_CALLERS,
    ) -> None:
        self._app = app
        self._rate = rate
        self._burst = burst
        self._caller = caller
        self._clock = clock
        self._max_callers = max_callers
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] not in EXEMPT:
            wait = self._take(self._caller(scope))
            if wait > 0:
                problem = Problem(
                    429,
                    "too-many-requests",
                    "Too many requests",
                    f"At most {self._rate:g} requests per second are taken from one caller. Go on after Retry-After.",
                    headers={"Retry-After": str(max(1, math.ceil(wait)))},
                )
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _take(self, caller: str) -> float:
        now = self._clock()
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = TokenBucket(self._burst, now)
            if len(self._buckets) > self._max_callers:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(caller)
        return bucket.take(self._rate, self._burst, now)
