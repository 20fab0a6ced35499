"""The simulation as a whole: the one place where its actors are wired together."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console

from services.simulator.callbacks import CallbackQueue
from services.simulator.carrier import Carrier, create_carrier_api
from services.simulator.channels import Channels
from services.simulator.client import Caller, connected
from services.simulator.deployment import check, check_key, watch
from services.simulator.domain.city import City
from services.simulator.domain.matters import Script
from services.simulator.domain.stream import Plan, RequestStream
from services.simulator.journal import Journal
from services.simulator.officers import Officers
from services.simulator.operators import Operators
from services.simulator.report import Report
from services.simulator.settings import SimulatorSettings
from services.simulator.staff import Badges
from services.simulator.stopping import Stop
from services.simulator.tally import Tally
from shared import ports
from shared.web.channel_keys import channel_key
from shared.web.health import Readiness
from shared.web.server import HttpServer

log = structlog.get_logger(__name__)

_STAFF_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Options:
    """What is played, and against which deployment. Addresses have no slash at their end."""

    plan: Plan
    intake: str
    routing: str
    followup: str
    seconds: float | None = None
    """How long requests are posted; None: until a signal ends the simulation."""
    linger: float = 0.0
    """How long officers and citizens go on after the last request, in seconds."""
    speed: float = 3_600.0
    """How many times faster than people officers and citizens are."""
    neglect: float = 0.01
    """Share of steps that officers leave until the case's deadline has passed."""
    channels: bool = True
    officers: bool = True
    carrier: bool = True
    carrier_port: int = 8005
    connections: int = 256
    patience: float = 120.0
    """Seconds without any answer of a service after which the simulation ends."""
    journal: Path | None = None


class Simulation:
    """One run of the city."""

    def __init__(
        self, options: Options, settings: SimulatorSettings, city: City, script: Script, console: Console
    ) -> None:
        self._options = options
        self._settings = settings
        self._city = city
        self._script = script
        self._console = console
        self.stop = Stop()
        self.tally = Tally()
        self.carrier_port: int | None = None
        """Where the carrier listens, once it does."""

    async def run(self) -> dict[str, Any]:
        """Play until the time is over, or SIGINT or SIGTERM comes; returns the summary.

        Raises `MissingSettingError`, `MissingTokenError`, `PortTakenError`, `DeploymentError` or `OSError` before
        anything is sent, and the first failure of an actor that nothing but a change of the set-up can mend.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        retries = 0
        async with AsyncExitStack() as stack:
            stack.enter_context(_signals(self.stop))
            journal = stack.enter_context(Journal(self._options.journal))
            posting = await stack.enter_async_context(connected(self.stop, self._options.connections))
            staff = await stack.enter_async_context(connected(self.stop, _STAFF_CONNECTIONS))
            await self._check(posting)
            async with asyncio.TaskGroup() as actors:
                try:
                    await self._start(actors, stack, staff)
                    actors.create_task(Report(self._console, self.tally, self.stop).run())
                    actors.create_task(self._play(journal, posting))
                    actors.create_task(watch((posting, staff), patience=self._options.patience, stop=self.stop))
                except BaseException:
                    self.stop.set()
                    raise
            retries = posting.retries
        plan = self._options.plan
        return {
            "seed": plan.seed,
            "start": plan.start.isoformat(),
            "rate": plan.rate,
            "channels": self._city.channel_count,
            "seconds": round(loop.time() - began, 1),
            "retries": retries,
            **self.tally.summary(),
        }

    async def _check(self, caller: Caller) -> None:
        """See that all is there for play, before anything is sent or taken."""
        options = self._options
        if options.carrier:
            if self._settings.sms_gateway_token is None:
                raise MissingTokenError
            ports.pick(options.carrier_port, "simulator", remedy="choose another with --carrier-port")
        urls = {"intake": options.intake, "routing": options.routing, "followup": options.followup}
        await check(caller, urls, patience=options.patience, stop=self.stop)
        if options.channels and not self.stop:
            channel = self._city.families[0].channels[0]
            await check_key(caller, options.intake, channel, channel_key(self._settings.channel_ring, channel))

    async def _start(self, actors: asyncio.TaskGroup, stack: AsyncExitStack, staff: Caller) -> None:
        options, settings = self._options, self._settings
        common: dict[str, Any] = {"seed": options.plan.seed, "speed": options.speed, "tally": self.tally}
        if options.carrier:
            queues = {
                name: CallbackQueue(
                    name,
                    f"{options.followup}/v1/callbacks/sms/{name}",
                    staff,
                    settings.callback_ring,
                    taken=taken,
                    tally=self.tally,
                    stop=self.stop,
                )
                for name, taken in (("receipts", self.tally.receipts), ("replies", self.tally.replies))
            }
            carrier = Carrier(queues["receipts"], queues["replies"], self._script.replies, **common)
            self.carrier_port = await stack.enter_async_context(self._serving(carrier))
            for queue in queues.values():
                actors.create_task(queue.run())
        if options.officers:
            badges = Badges(settings.staff_ring)
            officers = Officers(
                staff,
                badges,
                self._script.officers,
                routing=options.routing,
                followup=options.followup,
                neglect=options.neglect,
                stop=self.stop,
                **common,
            )
            operators = Operators(staff, badges, followup=options.followup, stop=self.stop, **common)
            actors.create_task(officers.run())
            actors.create_task(operators.run())

    @asynccontextmanager
    async def _serving(self, carrier: Carrier) -> AsyncIterator[int]:
        token = self._settings.sms_gateway_token
        assert token is not None, "seen to before"
        api = create_carrier_api(carrier, token, self._settings, Readiness())
        server = HttpServer(api, host=self._settings.host, port=self._options.carrier_port, name="simulator")
        await server.start()
        try:
            yield server.port
        finally:
            await server.stop()

    async def _play(self, journal: Journal, posting: Caller) -> None:
        """Send the requests, let officers and citizens finish, and end the simulation."""
        options = self._options
        if not options.channels:
            await (self.stop.pause(options.seconds) if options.seconds is not None else self.stop.wait())
            self.stop.set()
            return
        channels = Channels(
            RequestStream(options.plan, self._city, self._script),
            posting,
            intake=options.intake,
            ring=self._settings.channel_ring,
            journal=journal,
            tally=self.tally,
            stop=self.stop,
        )
        await channels.run(options.seconds)
        if not self.stop and options.linger > 0:
            await self.stop.pause(options.linger)
        self.stop.set()


class MissingTokenError(RuntimeError):
    """The carrier can't tell its customer from others. The message says how to mend it."""

    def __init__(self) -> None:
        super().__init__(
            "MINSHENG_SMS_GATEWAY_TOKEN is not set: the token by which follow-up is known to the carrier. Set it to "
            "the same long random text for both, or simulate without a carrier (--no-carrier)."
        )


@contextlib.contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """SIGINT and SIGTERM end the simulation in order."""
    loop = asyncio.get_running_loop()
    ending = (signal.SIGINT, signal.SIGTERM)
    for number in ending:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in ending:
            loop.remove_signal_handler(number)
