"""The console, wired: settings, gateways, feeds and the web application, hosted like every other service."""

from __future__ import annotations

from typing import Any

import mode
import structlog

from services.console import api
from services.console.feed import Feeds
from services.console.gateways.analytics import Analytics
from services.console.gateways.client import http_client
from services.console.gateways.readiness import ReadinessGateway
from services.console.gateways.registries import Registries
from services.console.session import Sessions
from services.console.settings import WATCHED, ConsoleSettings
from shared.hosting import faust_app
from shared.settings import Settings
from shared.telemetry import logging
from shared.web.health import Readiness
from shared.web.server import HttpServer

log = structlog.get_logger(__name__)

SERVICE = "console"

settings = Settings()
console_settings = ConsoleSettings()
app = faust_app(SERVICE, settings)


@app.service
class Console(mode.Service):  # type: ignore[misc]
    """The staff's web page. It keeps nothing: no database, no bus; it asks the others as the person signed in."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._server: HttpServer | None = None

    async def on_start(self) -> None:
        """Serve. Ends the process with a word where staff keys are missing or the port is another's."""
        logging.configure(SERVICE, settings.log_level)
        try:
            await self._begin()
        except Exception as error:  # noqa: BLE001 - told, and the process ends
            raise logging.not_started(error) from None
        log.info("service_started")

    async def _begin(self) -> None:
        urls = {service: console_settings.url_of(service, settings) for service in WATCHED}
        sessions = Sessions(settings.staff_ring)
        self._client = http_client()
        self._feeds = Feeds(
            Analytics(self._client, urls["analytics"]),
            Registries(self._client, urls["routing"], urls["intake"]),
            ReadinessGateway(self._client, urls),
            zone=settings.zone,
            refresh_seconds=console_settings.console_refresh_seconds,
            max_viewers=console_settings.console_viewers,
        )
        # Ready as soon as it serves: that another service is down is what the page is there to tell.
        web = api.create(settings, Readiness(), sessions, self._feeds, https=console_settings.console_https)
        self._server = HttpServer(
            web, host=settings.host, port=settings.port_of(SERVICE), name=SERVICE, websockets=True, beacon=self.beacon
        )
        await self._server.start()

    async def on_stop(self) -> None:
        """End the feeds first, so that nothing waits for an answer while the server says goodbye."""
        if self._server is not None:
            await self._feeds.close()
            await self._server.stop()
            await self._client.aclose()
        log.info("service_stopped")
