"""Routing, wired: requests and follow-ups come in, cases go out, staff act by HTTP, clocks run out."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from services.routing import api, store
from services.routing.domain import decisions
from services.routing.domain.case import Case
from services.routing.domain.organisation import Bureau
from services.routing.organisation import load_bureau
from services.routing.settings import RoutingSettings
from shared.bus.commands import Commands
from shared.bus.handlers import AggregateHandler, Reaction
from shared.bus.kernel import Kernel
from shared.bus.wakes import Wakes
from shared.events.base import Event
from shared.events.followup import CaseSettled, RectificationOpened
from shared.events.request import RequestReceived, RequestUrgencyJudged
from shared.hosting import EventService, Every, Wiring, faust_app, run
from shared.web.app import create_api
from shared.web.idempotency import forget_before

READS = ("requests", "followups")

settings = RoutingSettings()
app = faust_app("routing", settings)


def reactions(bureau: Bureau) -> dict[type[Event], Reaction[Case]]:
    """What routing does on which event."""
    return {
        RequestReceived: partial(decisions.receive, bureau=bureau),
        RequestUrgencyJudged: partial(decisions.judge_urgency, bureau=bureau),
        RectificationOpened: partial(decisions.rectify, bureau=bureau),
        CaseSettled: decisions.close,
    }


@app.service
class Routing(EventService):
    """The service, as Faust hosts it."""

    service = "routing"
    emits = ("cases",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(settings, **kwargs)

    def wire(self, kernel: Kernel) -> Wiring:
        """Join domain, tables, bus and HTTP."""
        bureau = load_bureau(settings.organisation_file, timezone=settings.timezone)
        aggregates = kernel.aggregates(store.case_table())
        kernel.consumer(AggregateHandler(aggregates, reactions(bureau)), READS)
        commands = Commands(kernel.engine, aggregates, kernel.relay)
        wakes = Wakes(commands, decisions.wake)

        async def forget_answers() -> None:
            oldest = aggregates.clock() - timedelta(hours=settings.idempotency_hours)
            async with kernel.engine.begin() as connection:
                await forget_before(connection, store.idempotency, oldest)

        http = create_api("routing", "民生警务平台 · 工单", settings, self.readiness)
        api.install(http, api.CaseApi(kernel.engine, commands, bureau))
        return Wiring(http, (Every(1.0, "deadlines", wakes.sweep), Every(600.0, "old-answers", forget_answers)))


if __name__ == "__main__":
    run(app)
