"""The live page: built once for each visitor, then told of every new snapshot. Only what changed is sent."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request
from markupsafe import escape
from nicegui import Client, ui

from services.console import chart
from services.console.domain.language import Language, say
from services.console.domain.snapshot import Snapshot
from services.console.feed import Feeds, TooManyViewersError
from services.console.panels import Panels, View
from services.console.security import session_of
from services.console.session import Session, Sessions

RECONNECT_SECONDS = 60.0
"""How long a page that lost its connection may come back and go on; after that it loads anew by itself."""
QUIET_SECONDS = 4.0
"""How much longer than three readings nothing may be heard before the page takes its connection for lost."""
ENDED = "&ended=1"


def register(feeds: Feeds, sessions: Sessions) -> None:
    """Add the live page in both languages to NiceGUI's routes."""
    panels = Panels()
    for language in Language:
        _register(language, feeds, sessions, panels)


def _register(language: Language, feeds: Feeds, sessions: Sessions, panels: Panels) -> None:
    @ui.page(
        language.home,
        title=f"{say(language, 'page')} · {say(language, 'platform')}",
        language=language.value,
        reconnect_timeout=RECONNECT_SECONDS,
    )
    def live(request: Request, client: Client) -> None:
        session = session_of(request.scope)
        quiet = round((3 * feeds.refresh_seconds + QUIET_SECONDS) * 1000)
        ui.add_head_html(
            '<link rel="stylesheet" href="/assets/console.css">'
            f'<script src="/assets/console.js" data-quiet="{quiet}"></script>'
        )
        page = LivePage(language, session, client, panels)
        page.build(
            panels.render(
                Snapshot(feeds.now(), services=feeds.health, names=feeds.names, unit=session.own_unit), language
            )
        )

        leave: Callable[[], None] | None = None

        def show(snapshot: Snapshot) -> None:
            if client.is_deleted:
                end()
            elif sessions.alive(session):
                page.show(snapshot)
            else:
                end()
                client.open(ended_address(language))

        def begin() -> None:
            nonlocal leave
            if leave is None:
                try:
                    leave = feeds.watch(session, show)
                except TooManyViewersError:
                    page.refuse()

        def end() -> None:
            nonlocal leave
            if leave is not None:
                leave()
                leave = None

        def pause() -> None:
            # A browser that came back may have its new connection before the old one is given up.
            if not client.has_socket_connection:
                end()

        begin()
        # A page whose browser is gone may come back for a while, but costs no reading meanwhile.
        client.on_connect(begin)
        client.on_disconnect(pause)
        client.on_delete(end)


def ended_address(language: Language) -> str:
    """The sign-in page with the notice that the session is over."""
    return f"/login?language={language.value}{ENDED}"


class LivePage:
    """The elements of one visitor's page."""

    def __init__(self, language: Language, session: Session, client: Client, panels: Panels) -> None:
        self._language = language
        self._session = session
        self._client = client
        self._panels = panels
        self._parts: dict[str, ui.html] = {}
        self._shown: dict[str, str] = {}

    def build(self, view: View) -> None:
        """Make the elements, showing `view`."""
        self._view = view
        with ui.element("div").classes("console"):
            with ui.element("header").classes("top"):
                ui.html(self._brand(), tag="div").classes("brand")
                self._part("status", "status")
                ui.html(self._visitor(), tag="nav").classes("visitor")
            # Told anew with every reading, so that the browser hears of the console also while no figure changes.
            self._pulse = ui.element("i").classes("pulse")
            self._part("services", "services")
            self._part("banner", "banner")
            with ui.element("main"):
                self._part("tiles", "tiles")
                with ui.element("section").classes("panel minutes"):
                    self._part("minutes-head", "head")
                    with ui.element("div").classes("plot").props(f'role=img aria-label="{self._say("minutes")}"'):
                        self._chart = ui.echart(
                            chart.options(view.minutes, view.requests, self._say("unit-requests"))
                        ).classes("chart")
                        self._part("minutes-over", "over")
                for name in ("states", "units", "groups", "events"):
                    with ui.element("section").classes(f"panel {name}"):
                        self._part(f"{name}-head", "head")
                        self._part(name, "body").props("tabindex=0")

    def show(self, snapshot: Snapshot) -> None:
        """Bring the page up to date."""
        view = self._panels.render(snapshot, self._language)
        self._pulse.props["data-at"] = snapshot.taken_at.isoformat()
        for name, html in view.parts.items():
            if self._shown[name] != html:
                self._shown[name] = html
                self._parts[name].set_content(html)
        if (view.minutes, view.requests) != (self._view.minutes, self._view.requests):
            options = self._chart.options
            options["xAxis"]["data"] = list(view.minutes)
            options["series"][0]["data"] = chart.points(view.requests)
            self._chart.update()
        self._view = view

    def refuse(self) -> None:
        """Say that no more pages can be served."""
        self._parts["banner"].set_content(f'<p class="alarm" role="alert">{escape(self._say("too-many"))}</p>')

    def _part(self, name: str, classes: str) -> ui.html:
        html = self._view.parts[name]
        self._shown[name] = html
        # Sanitised again in the browser, although the templates escape: two locks on one door.
        self._parts[name] = ui.html(html, tag="div", sanitize=True).classes(classes)
        return self._parts[name]

    def _say(self, key: str) -> str:
        return say(self._language, key)

    def _brand(self) -> str:
        return f"<h1>{escape(self._say('platform'))}</h1><span>{escape(self._say('page'))}</span>"

    def _visitor(self) -> str:
        staff, other = self._session.staff, self._language.other
        role = staff.role.chinese if self._language is Language.CHINESE else staff.role.value
        # Who is called by the role needs no second calling.
        shown = f"<b>{escape(staff.name)}</b>" + (
            "" if staff.name == role else f'<span class="role"> {escape(role)}</span>'
        )
        return (
            f'<a href="{other.home}" lang="{other.value}" title="{escape(self._say("switch-language-hint"))}">'
            f"{escape(self._say('switch-language'))}</a>"
            f'<span class="who">{shown}</span>'
            f'<form method="post" action="/logout?language={self._language.value}">'
            f"<button>{escape(self._say('sign-out'))}</button></form>"
        )
