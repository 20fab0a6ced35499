"""Intake's wiring: how its parts are joined. Starts as `minsheng intake` or `faust -A services.intake.app worker`."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from services.intake.acceptance import Acceptance
from services.intake.api import create_intake_api
from services.intake.channels.registry import ChannelRegistry
from services.intake.projection import READS, project
from services.intake.screening import api, rules, screen, verdicts
from services.intake.screening.in_force import ScreenInForce
from services.intake.settings import IntakeSettings
from services.intake.store import RequestStore
from shared.bus.handlers import ProjectionHandler, utc_now
from shared.bus.kernel import Kernel
from shared.hosting import EventService, Every, Wiring, faust_app, run
from shared.web.health import Need

settings = IntakeSettings()
app = faust_app("intake", settings)


@app.service
class Intake(EventService):
    """Takes requests in over HTTP, tells of them on `requests`, and follows their progress on the other topics."""

    service = "intake"
    emits = ("requests",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(settings, **kwargs)

    def wire(self, kernel: Kernel) -> Wiring:
        """Join registry, store, group commit and HTTP; the consumer also gives this process its share of relaying."""
        registry = ChannelRegistry.load(settings.channels_file)
        store = RequestStore(kernel.engine, kernel.relay, partitions=settings.partitions)
        screening = ScreenInForce(screen.shipped(), rules.load(settings.urgency_file))
        self.readiness.add("screening", lambda: screening.trouble, need=Need.NEVER)
        acceptance = Acceptance(
            store,
            registry,
            sealing=settings.sealing_ring,
            pseudonyms=settings.pseudonym_ring,
            screen=screening,
            zone=settings.zone,
            clock=utc_now,
            capacity=settings.intake_queue,
            largest_group=settings.intake_group,
        )
        kernel.consumer(ProjectionHandler(project), READS)

        async def forget() -> None:
            async with kernel.engine.begin() as connection:
                await verdicts.forget(connection, utc_now(), timedelta(days=settings.urgency_verdict_days))

        http = create_intake_api(settings, self.readiness, acceptance, store, registry)
        api.install(
            http,
            api.VerdictApi(
                kernel.engine,
                kernel.relay,
                sealing=settings.sealing_ring,
                partitions=settings.partitions,
                clock=utc_now,
            ),
        )
        return Wiring(
            http,
            (
                Every(5.0, "screening", partial(screening.follow, kernel.engine)),
                Every(600.0, "old-verdicts", forget),
            ),
            closing=(acceptance.close,),
        )


if __name__ == "__main__":
    run(app)
