"""The console's HTTP side: sign-in, sign-out, health, and the live page mounted behind the guard."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from nicegui import ui
from pydantic import BeforeValidator
from starlette.middleware.gzip import GZipMiddleware

from services.console import page
from services.console.domain.language import Language, say
from services.console.feed import Feeds
from services.console.panels import environment
from services.console.security import SecurityHeaders, SignInGuard, same_origin, session_of
from services.console.session import COOKIE, Sessions, SignInError
from shared.settings import Settings
from shared.web import health, problems
from shared.web.health import Readiness
from shared.web.limits import BodyLimit, RateLimit
from shared.web.trace import TraceContext

_STATIC = Path(__file__).parent / "static"
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#0b2a55" d="M16 1 28 5v11c0 8-5 13-12 15'
    'C9 29 4 24 4 16V5z"/><path fill="none" stroke="#fff" stroke-width="2.6" d="M8 17h4l3-7 3 12 2.5-5H24"/></svg>'
)
_NO_STORE = {"Cache-Control": "no-store"}
PULSE_SECONDS = 5.0
"""The framework asks a browser for a sign of life after four fifths of it, and waits two fifths for the answer."""


def _language(value: object) -> Language:
    # A wrong language in an address is no reason to refuse somebody the sign-in page.
    return Language.ENGLISH if value == Language.ENGLISH.value else Language.CHINESE


LanguageParameter = Annotated[Language, BeforeValidator(_language)]


def create(settings: Settings, readiness: Readiness, sessions: Sessions, feeds: Feeds, *, https: bool) -> FastAPI:
    """The whole web application. NiceGUI has one set of pages in a process, so call it once in each."""
    app = FastAPI(
        title="Minsheng console", version=version("minsheng"), docs_url=None, redoc_url=None, openapi_url=None
    )
    login = environment().get_template("login.html")

    def sign_in_page(
        language: Language,
        status: int = 200,
        *,
        problem: str | None = None,
        notice: str | None = None,
        entered: bool = False,
    ) -> HTMLResponse:
        def text(key: str) -> str:
            return say(language, key)

        html = login.render(language=language, t=text, problem=problem, notice=notice, entered=entered)
        return HTMLResponse(html, status, headers=_NO_STORE)

    def sign_in(token: str, language: Language) -> Response:
        try:
            session, cookie = sessions.open(token)
        except SignInError as error:
            return sign_in_page(language, 401, problem=error.problem)
        # A page that goes on by itself, not a redirect: the browser would count a redirect to the site that the link
        # was followed from and withhold the strict cookie. It also takes the token out of the address and the history.
        response = sign_in_page(language, entered=True)
        response.set_cookie(
            COOKIE, cookie, expires=session.expires_at, path="/", secure=https, httponly=True, samesite="strict"
        )
        return response

    @app.get("/login")
    async def show_login(
        language: LanguageParameter = Language.CHINESE, token: str | None = None, ended: bool = False, out: bool = False
    ) -> Response:
        if token is not None:
            return sign_in(token, language)
        return sign_in_page(
            language, problem="problem-ended" if ended else None, notice="signed-out" if out and not ended else None
        )

    @app.post("/login")
    async def do_login(request: Request, language: LanguageParameter = Language.CHINESE) -> Response:
        if not same_origin(request.headers):
            return sign_in_page(language, 403, problem="problem-foreign")
        form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=8)
        return sign_in(form.get("token", [""])[0], language)

    @app.post("/logout")
    async def logout(request: Request, language: LanguageParameter = Language.CHINESE) -> Response:
        sessions.end(session_of(request.scope))
        response = RedirectResponse(f"/login?language={language.value}&out=1", 303, headers=_NO_STORE)
        response.delete_cookie(COOKIE, path="/", secure=https, httponly=True, samesite="strict")
        return response

    @app.get("/assets/console.css")
    async def styles() -> FileResponse:
        return FileResponse(_STATIC / "console.css", media_type="text/css", headers={"Cache-Control": "no-cache"})

    @app.get("/assets/console.js")
    async def script() -> FileResponse:
        return FileResponse(_STATIC / "console.js", media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    app.include_router(health.router("console", readiness, demonstration=settings.demonstration))
    problems.install(app)
    # Each is outside those above it: the guard is the innermost, so that all it refuses is limited and traced, too.
    app.add_middleware(SignInGuard, sessions=sessions)
    app.add_middleware(SecurityHeaders, https=https)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(RateLimit, rate=settings.rate_per_second, burst=settings.rate_burst)
    app.add_middleware(TraceContext)
    page.register(feeds, sessions)
    ui.run_with(
        app,
        title=say(Language.CHINESE, "platform"),
        favicon=_ICON,
        language="zh-CN",
        # From this one the framework reckons how often it asks for a sign of life: a lost page is known within seconds.
        reconnect_timeout=PULSE_SECONDS,
        binding_refresh_interval=None,
        # Compressed outside, where the nonces have been written already.
        gzip_middleware_factory=None,
        tailwind=False,
        show_welcome_message=False,
    )
    return app
