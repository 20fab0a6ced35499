"""Intake's wiring: how its parts are joined. Starts as `minsheng intake` or `faust -A services.intake.app worker`."""

from __future__ import annotations

from typing import Any

from services.intake.acceptance import Acceptance
from services.intake.api import create_intake_api
from services.intake.channels.registry import ChannelRegistry
from services.intake.projection import READS, project
from services.intake.settings import IntakeSettings
from services.intake.store import RequestStore
from shared.bus.handlers import ProjectionHandler, utc_now
from shared.bus.kernel import Kernel
from shared.hosting import EventService, Wiring, faust_app, run

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
        acceptance = Acceptance(
            store,
            registry,
            sealing=settings.sealing_ring,
            pseudonyms=settings.pseudonym_ring,
            zone=settings.zone,
            clock=utc_now,
            capacity=settings.intake_queue,
            largest_group=settings.intake_group,
        )
        kernel.consumer(ProjectionHandler(project), READS)
        return Wiring(
            create_intake_api(settings, self.readiness, acceptance, store, registry), closing=(acceptance.close,)
        )


if __name__ == "__main__":
    run(app)
