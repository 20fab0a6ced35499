"""Follow-up, wired: resolved cases come in, surveys go out by SMS, receipts, answers and calls come back by HTTP."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from services.followup import api, callbacks, store
from services.followup.casework import Casework
from services.followup.contacts import Contacts
from services.followup.dispatcher import Dispatcher
from services.followup.domain import followup
from services.followup.gateways.http import HttpGateway
from services.followup.inbox import Inbox
from services.followup.outbound import Outbound
from services.followup.settings import FollowupSettings
from shared.bus.commands import Commands
from shared.bus.kernel import Kernel
from shared.bus.wakes import Wakes
from shared.hosting import EventService, Every, Wiring, faust_app, run
from shared.web.app import create_api
from shared.web.health import Need
from shared.web.idempotency import forget_before

READS = ("cases",)

settings = FollowupSettings()
app = faust_app("followup", settings)


@app.service
class FollowupService(EventService):
    """The service, as Faust hosts it."""

    service = "followup"
    emits = ("followups",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(settings, **kwargs)

    def wire(self, kernel: Kernel) -> Wiring:
        """Join domain, tables, bus, gateway and HTTP."""
        policy = settings.policy
        outbound = Outbound(settings.reminder)
        aggregates = kernel.aggregates(store.FOLLOWUPS, outbound.effects)
        kernel.consumer(Casework(aggregates, policy), READS)
        commands = Commands(kernel.engine, aggregates, kernel.relay)
        contacts = Contacts(settings.sealing_ring, settings.pseudonym_ring)

        token = settings.sms_gateway_token
        gateway = HttpGateway(
            settings.sms_gateway_url,
            token.get_secret_value() if token is not None else None,
            timeout=settings.sms_gateway_timeout,
        )
        dispatcher = Dispatcher(
            commands,
            gateway,
            contacts,
            policy,
            bureau=settings.bureau_name,
            batch=settings.sms_batch,
            lease=timedelta(seconds=settings.sms_lease_seconds),
        )
        self.readiness.add("sms-gateway", lambda: dispatcher.trouble, need=Need.NEVER)
        wakes = Wakes(commands, partial(followup.wake, policy=policy))

        async def forget() -> None:
            now = aggregates.clock()
            async with kernel.engine.begin() as connection:
                await store.forget(connection, now, timedelta(days=settings.survey_keep_days))
                await forget_before(connection, store.idempotency, now - timedelta(hours=settings.idempotency_hours))

        http = create_api("followup", "民生警务平台 · 回访", settings, self.readiness)
        api.install(http, api.FollowupApi(commands, contacts, policy))
        callbacks.install(http, callbacks.Callbacks(Inbox(commands, contacts, policy)))
        return Wiring(
            http,
            (
                Every(settings.sms_poll_seconds, "dispatcher", dispatcher.run_due),
                Every(1.0, "waiting", wakes.sweep),
                Every(600.0, "old-messages", forget),
            ),
            closing=(gateway.close,),
        )


if __name__ == "__main__":
    run(app)
