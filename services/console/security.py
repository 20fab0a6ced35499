"""Who gets in and what a browser may do with what it got: pure ASGI middleware around the whole console."""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.console.domain.language import Language
from services.console.session import COOKIE, Session, Sessions
from shared.web.problems import Problem

OPEN_PATHS = frozenset({"/login", "/healthz", "/readyz", "/metrics", "/assets/console.css", "/favicon.ico"})
"""What is there without sign-in: nothing of it tells anything about cases or staff."""

SESSION_KEY = "minsheng.session"
"""Where the guard leaves the session in an ASGI scope."""

_PLAIN_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The page's components are compiled in the browser ('unsafe-eval') and set styles on elements; scripts run by nonce.
_LIVE_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "object-src 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class SecurityHeaders:
    """Gives every answer its headers, and the scripts of the live page the nonce by which alone they run."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        live: tuple[Message, bytearray] | None = None
        nonce = secrets.token_urlsafe(16)

        async def sending(message: Message) -> None:
            nonlocal live
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if self._https:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                if headers.get("x-nicegui-content") == "page":
                    headers["Content-Security-Policy"] = _LIVE_POLICY.format(nonce=nonce)
                    live = (message, bytearray())
                    return
                headers["Content-Security-Policy"] = _PLAIN_POLICY
            elif message["type"] == "http.response.body" and live is not None:
                start, body = live
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                # Texts in the page are escaped: a literal script tag is always the page's own.
                whole = bytes(body).replace(b"<script", b'<script nonce="' + nonce.encode() + b'"')
                MutableHeaders(scope=start)["content-length"] = str(len(whole))
                await send(start)
                message = {"type": "http.response.body", "body": whole}
            await send(message)

        await self._app(scope, receive, sending)


class SignInGuard:
    """Lets nobody see anything without a session, and no other site act in a session's name."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        # The page's framework would build addresses from it; no proxy in front of the console needs that.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"x-forwarded-prefix"]
        if scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        session = self._sessions.read(session_cookie(headers))
        acts = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if session is None:
            await _turned_away(scope, headers)(scope, receive, send)
        elif acts and not same_origin(headers):
            await _FOREIGN.response()(scope, receive, send)
        else:
            scope[SESSION_KEY] = session
            await self._app(scope, receive, send)


_FOREIGN = Problem(403, "foreign-origin", "Refused", "This came from another site. Use the console's own pages.")
_SIGN_IN = Problem(401, "sign-in-needed", "Not signed in", "Sign in at /login with a staff token.")


def _turned_away(scope: Scope, headers: Headers) -> Response:
    if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and "text/html" in headers.get("accept", ""):
        language = Language.ENGLISH if scope["path"] == Language.ENGLISH.home else Language.CHINESE
        return RedirectResponse(language.sign_in, status_code=303, headers={"Cache-Control": "no-store"})
    return _SIGN_IN.response()


def session_of(scope: Scope) -> Session:
    """The session that the guard found for this request."""
    session = scope[SESSION_KEY]
    assert isinstance(session, Session)
    return session


def session_cookie(headers: Headers) -> str | None:
    """The session cookie's value."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None else None


def same_origin(headers: Headers) -> bool:
    """Whether a request that acts was made by the console's own pages, as the browser tells it."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    # A browser names the origin of whatever acts; what sends none is no browser, and has no cookie of its own.
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")
