"""How a service is hosted: a Faust worker runs it, with the kernel's consumer and relay, timers and HTTP server.

`app.py` of each service makes its app with `faust_app` and registers one `EventService`; so it starts both as
`minsheng <service>` and as `faust -A services.<service>.app worker`.
"""

from __future__ import annotations

import asyncio
import gc
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

import faust
import mode
import structlog
import uvloop
from fastapi import FastAPI

from shared.bus.backoff import Backoff
from shared.bus.consumer import BatchConsumer
from shared.bus.kernel import Kernel
from shared.bus.watch import Watch
from shared.settings import Settings
from shared.store import retention
from shared.store.engine import is_transient
from shared.store.revisions import missing_revisions
from shared.telemetry import logging, tracing
from shared.web.health import Need, Readiness
from shared.web.server import HttpServer

log = structlog.get_logger(__name__)

RETENTION_SECONDS = 600.0
WATCH_SECONDS = 10.0
"""Between two looks at what stands still, and at what is ready, for the metrics."""


@dataclass(frozen=True, slots=True)
class Every:
    """Work done again and again, `seconds` apart; a failure is logged, shows in readiness, and is tried again."""

    seconds: float
    name: str
    work: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a service's `app.py` joins together: its HTTP interface and its periodic work."""

    api: FastAPI
    timers: tuple[Every, ...] = ()
    closing: tuple[Callable[[], Awaitable[None]], ...] = field(default=())


class _HostStrategy(faust.App.BootStrategy):  # type: ignore[misc]
    """Faust without a Kafka connection of its own: the transactional path has its own, and survives a dead broker."""

    enable_kafka = False
    enable_web = False


class HostApp(faust.App):  # type: ignore[misc]
    """A Faust app that hosts services and timers."""

    BootStrategy = _HostStrategy
    service_name: str = ""

    async def on_first_start(self) -> None:
        """Faust makes its folder, but not those above it."""
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()


def faust_options(service: str, settings: Settings) -> dict[str, Any]:
    """The options that every Faust app of the platform has."""
    return {
        "id": f"{settings.topic_prefix}-{service}-faust",
        "broker": f"kafka://{settings.kafka.replace(',', ';kafka://')}",
        "store": "memory://",
        "web_enabled": False,
        "topic_partitions": settings.partitions,
        "topic_replication_factor": settings.replication,
        "broker_session_timeout": settings.session_timeout_ms / 1000,
        "broker_heartbeat_interval": max(0.5, settings.session_timeout_ms / 6000),
        "datadir": settings.data_dir / "faust" / service,
    }


def faust_app(service: str, settings: Settings) -> HostApp:
    """The Faust app of a service that needs no Faust agents or tables."""
    app = HostApp(**faust_options(service, settings))
    app.service_name = service
    return app


class EventService(mode.Service):  # type: ignore[misc]
    """One service: subclass it in `app.py`, name what it emits, and wire it."""

    service: str
    emits: tuple[str, ...]

    def __init__(self, settings: Settings, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = settings
        self.readiness = Readiness()
        self._tasks: list[asyncio.Task[None]] = []
        self._relay_task: asyncio.Task[None] | None = None
        self._server: HttpServer | None = None
        self._kernel: Kernel | None = None
        self._closing: tuple[Callable[[], Awaitable[None]], ...] = ()
        self._ending = False
        self._end_tracing: Callable[[], None] = lambda: None

    @property
    def kernel(self) -> Kernel:
        """The service's kernel, once it is started."""
        assert self._kernel is not None
        return self._kernel

    @abstractmethod
    def wire(self, kernel: Kernel) -> Wiring:
        """Make the service's parts: called once at start, with the loop running."""

    async def on_start(self) -> None:
        """Start relay, consumers, timers and HTTP, in this order. Needs neither database nor broker to be there yet."""
        logging.configure(self.service, self.settings.log_level)
        try:
            await self._begin()
        except Exception as error:  # noqa: BLE001 - told, and the process ends
            raise logging.not_started(error) from None
        log.info("service_started", service=self.service)

    async def _begin(self) -> None:
        self._end_tracing = tracing.configure(
            self.service, self.settings.otlp_endpoint, ratio=self.settings.trace_ratio
        )
        self._kernel = kernel = Kernel(self.service, self.settings, emits=self.emits)
        wiring = self.wire(kernel)
        self._closing = wiring.closing
        self.readiness.add("database", self._database_trouble)
        self.readiness.add("relay", lambda: kernel.relay.trouble, need=Need.TO_START)
        self._relay_task = asyncio.create_task(kernel.relay.run(), name="relay")
        for consumer in kernel.consumers:
            self.readiness.add(f"consumer-{consumer.name}", partial(_trouble_of, consumer), need=Need.TO_START)
            self._tasks.append(asyncio.create_task(consumer.run(), name=f"consumer-{consumer.name}"))
        watch = Watch(kernel.engine, kernel.metrics, partitions=self.settings.partitions)
        for timer in (
            *wiring.timers,
            Every(RETENTION_SECONDS, "outbox-retention", self._drop_old_events),
            Every(WATCH_SECONDS, "watch", watch.look),
            Every(WATCH_SECONDS, "readiness", self._note_readiness),
        ):
            self._tasks.append(asyncio.create_task(self._repeat(timer), name=timer.name))
        for task in (*self._tasks, self._relay_task):
            task.add_done_callback(self._ended)
        self._server = HttpServer(
            wiring.api,
            host=self.settings.host,
            port=self.settings.port_of(self.service),
            name=self.service,
            beacon=self.beacon,
        )
        await self._server.start()

    async def on_stop(self) -> None:
        """Stop so that nothing accepted is left behind: HTTP, consumers and timers, relay, connections."""
        self._ending = True
        if self._server is not None:
            await self._server.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._relay_task is not None:
            self._relay_task.cancel()
            await asyncio.gather(self._relay_task, return_exceptions=True)
        for close in self._closing:
            await close()
        if self._kernel is not None:
            await self._kernel.close()
        # It waits for a collector that may be slow.
        await asyncio.to_thread(self._end_tracing)
        log.info("service_stopped", service=self.service)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """These tasks never end by themselves: one that does is a bug, and the process must not look healthy."""
        if task.cancelled() and self._ending:
            return
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        log.critical("task_ended", task=task.get_name(), exc_info=error)
        self.readiness.add(f"task-{task.get_name()}", lambda: f"ended: {type(error).__name__}")

    async def _database_trouble(self) -> str | None:
        try:
            missing = await asyncio.wait_for(missing_revisions(self.service, self.kernel.engine), 3)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in readiness
            return f"the database can't be asked: {type(error).__name__}"
        return f"lacks the migrations {', '.join(missing)}: run `minsheng migrate`" if missing else None

    async def _drop_old_events(self) -> None:
        # A relay that is held up may have to tell all of them again, to a broker set up anew.
        if self.kernel.relay.trouble is None:
            await retention.drop_old_events(self.kernel.engine, self.settings.outbox_retention_hours)

    async def _note_readiness(self) -> None:
        """Show each part as a metric; and know that a part has once been there, though nobody asks `/readyz`."""
        _, troubles = await self.readiness.verdict()
        for part, trouble in troubles.items():
            self.kernel.metrics.part_ready(part).set(trouble is None)

    async def _repeat(self, timer: Every) -> None:
        trouble: str | None = None
        self.readiness.add(f"timer-{timer.name}", lambda: trouble, need=Need.NEVER)
        backoff = Backoff(first=timer.seconds, longest=max(30.0, timer.seconds))
        while True:
            try:
                await timer.work()
            except Exception as error:
                trouble = f"{type(error).__name__} at the last attempt"
                if is_transient(error):
                    log.warning("timer_waits", timer=timer.name, error=type(error).__name__)
                else:
                    log.exception("timer_failed", timer=timer.name)
                await backoff.wait()
                continue
            trouble = None
            backoff.reset()
            await asyncio.sleep(timer.seconds)


def _trouble_of(consumer: BatchConsumer) -> str | None:
    return consumer.trouble


def run(app: HostApp) -> NoReturn:
    """Run a service's Faust app as this process until it is told to stop."""
    # Before anything asks for a loop: an HTTP request costs half again as much on the loop of the standard library.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # What is loaded stays; looking through it for garbage again and again takes a quarter of the time under load.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    app.finalize()
    # Before anything can fail: what fails ahead of a service's own start would end the process without a word.
    logging.configure(app.service_name)
    worker = faust.Worker(app, loglevel="WARN", override_logging=False, redirect_stdouts=False, quiet=True)
    # It draws on stderr, between the records.
    worker.spinner = None
    worker.execute_from_commandline()
    raise SystemExit(0)
