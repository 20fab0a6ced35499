"""Analytics, wired: every event comes in, exact sums and the live rate are asked for, days and public events go out.

Starts as `minsheng analytics` or `faust -A services.analytics.app worker`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from services.analytics import api, store
from services.analytics.live import LiveRate
from services.analytics.projection import READS, RECENT_KEPT, project
from services.analytics.settings import AnalyticsSettings
from services.analytics.telling import TELL_SECONDS, DayTeller
from shared.bus.handlers import ProjectionHandler, utc_now
from shared.bus.kernel import Kernel
from shared.bus.public_feed import PublicFeed
from shared.hosting import EventService, Every, Wiring, faust_app, run
from shared.web.app import create_api

TRIM_SECONDS = 10.0

settings = AnalyticsSettings()
app = faust_app("analytics", settings)


@app.service
class Analytics(EventService):
    """The service, as Faust hosts it."""

    service = "analytics"
    emits = ("insights",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(settings, **kwargs)

    def wire(self, kernel: Kernel) -> Wiring:
        """Join projection, public feed, live rate, timers and HTTP."""
        kernel.consumer(ProjectionHandler(partial(project, zone=settings.zone)), READS)
        feed = PublicFeed(kernel)
        live = LiveRate(settings)
        counting: asyncio.Task[None] | None = None
        if settings.analytics_live:
            counting = asyncio.create_task(live.run(), name="live-rate")
        else:
            live.trouble = "is switched off by MINSHENG_ANALYTICS_LIVE"

        async def stop_live() -> None:
            if counting is not None:
                counting.cancel()
                await asyncio.gather(counting, return_exceptions=True)
            await live.close()

        async def trim() -> None:
            async with kernel.engine.begin() as connection:
                await store.trim_recent(connection, RECENT_KEPT)

        http = create_api("analytics", "民生警务平台 · 统计", settings, self.readiness)
        api.install(http, api.AnalyticsApi(settings, kernel.engine, live, utc_now))
        return Wiring(
            http,
            timers=(
                Every(TELL_SECONDS, "days-told", DayTeller(kernel).tell_changed),
                Every(TRIM_SECONDS, "recent-trimmed", trim),
            ),
            closing=(stop_live, feed.close),
        )


if __name__ == "__main__":
    run(app)
