"""ASGI middleware that carries the trace context of a request (W3C `traceparent`) in, through and out."""

from __future__ import annotations

from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.telemetry.tracing import span

_HEADER = b"traceparent"


class TraceContext:
    """Goes on with the caller's trace or begins one; handlers find it in `current_traceparent()`.

    The answer's `traceparent` header tells the caller what to look for in the logs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = next((value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER), None)
        # The path stays out of the span: it holds case ids.
        with span(f"HTTP {scope['method']}", parent, kind=SpanKind.SERVER) as traceparent:
            header = (_HEADER, traceparent.encode())

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message = {**message, "headers": [*message.get("headers", ()), header]}
                await send(message)

            await self._app(scope, receive, sending)
