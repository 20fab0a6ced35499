"""Reads the figures once for all pages that may see the same, however many are open.

A `Feed` belongs to one scope (role and unit: what analytics decides by) and runs while somebody watches it. Every
reading stands for itself: when one question fails, the others go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import Counter, Gauge

from services.console.domain.happenings import Dossiers, Happening
from services.console.domain.names import Names
from services.console.domain.platform import ServiceHealth
from services.console.domain.reading import Reading
from services.console.domain.snapshot import Snapshot
from services.console.gateways.analytics import SATISFACTION_DAYS, Analytics
from services.console.gateways.client import TroubleError
from services.console.gateways.readiness import ReadinessGateway
from services.console.gateways.registries import Registries
from services.console.session import Session

log = structlog.get_logger(__name__)

T = TypeVar("T")
Scope = tuple[str, str | None]
Watcher = Callable[[Snapshot], None]

NAMES_SECONDS = 300.0
NAMES_RETRY_SECONDS = 10.0

_VIEWERS = Gauge("minsheng_console_viewers", "Live pages that are open.")
_FEEDS = Gauge("minsheng_console_feeds", "Scopes that figures are read for.")
_READS = Counter("minsheng_console_reads", "Questions asked of other services.", ("question", "outcome"))


class TooManyViewersError(Exception):
    """As many pages are open as one process may serve."""


class Feeds:
    """All feeds of a process, with what they share: gateways, names and the platform's state."""

    def __init__(
        self,
        analytics: Analytics,
        registries: Registries,
        readiness: ReadinessGateway,
        *,
        zone: ZoneInfo,
        refresh_seconds: float,
        max_viewers: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.analytics = analytics
        self.registries = registries
        self.readiness = readiness
        self.zone = zone
        self.refresh_seconds = refresh_seconds
        self.names = Names()
        self.health: tuple[ServiceHealth, ...] = readiness.unknown
        self._now = now
        self._max_viewers = max_viewers
        self._viewers = 0
        self._feeds: dict[Scope, Feed] = {}
        self._names_due = 0.0
        self._health_due = 0.0
        self._names_lock = asyncio.Lock()
        self._health_lock = asyncio.Lock()

    def now(self) -> datetime:
        """The time on the bureau's clock."""
        return self._now().astimezone(self.zone)

    def watch(self, session: Session, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with every snapshot from now on; the result ends that and may be called more than once.

        When there is a snapshot already, the watcher gets it at once. Raises `TooManyViewersError`.
        """
        if self._viewers >= self._max_viewers:
            raise TooManyViewersError
        feed = self._feeds.get(session.scope)
        if feed is None:
            feed = self._feeds[session.scope] = Feed(self, session.own_unit)
            _FEEDS.inc()
            feed.start(lambda: self._forget(session.scope))
        self._viewers += 1
        _VIEWERS.inc()
        leave_feed = feed.join(session, watcher)

        def leave() -> None:
            if leave_feed():
                self._viewers -= 1
                _VIEWERS.dec()

        return leave

    async def refresh_shared(self, token: str) -> None:
        """Read what all feeds share, unless another feed has just done so."""
        await asyncio.gather(self._refresh_health(), self._refresh_names(token))

    async def close(self) -> None:
        """End all feeds."""
        for feed in list(self._feeds.values()):
            await feed.stop()

    def _forget(self, scope: Scope) -> None:
        if self._feeds.pop(scope, None) is not None:
            _FEEDS.dec()

    async def _refresh_health(self) -> None:
        async with self._health_lock:
            if monotonic() >= self._health_due:
                self.health = await self.readiness.read()
                # A little less than the beat, so that the feed whose beat it is always finds it due.
                self._health_due = monotonic() + self.refresh_seconds * 0.8

    async def _refresh_names(self, token: str) -> None:
        async with self._names_lock:
            if monotonic() < self._names_due:
                return
            self.names, trouble = await self.registries.read(token, self.names)
            self._names_due = monotonic() + (NAMES_SECONDS if trouble is None else NAMES_RETRY_SECONDS)
            if trouble is not None:
                log.info("names_unknown", trouble=trouble.trouble.value, reason=str(trouble))


class Feed:
    """The snapshots of one scope, taken while it has viewers."""

    def __init__(self, feeds: Feeds, unit: str | None) -> None:
        self._feeds = feeds
        self._unit = unit
        self._viewers: dict[int, tuple[Session, Watcher]] = {}
        self._next_viewer = 0
        self._snapshot: Snapshot | None = None
        self._dossiers = Dossiers()
        self._task: asyncio.Task[None] | None = None

    def start(self, ended: Callable[[], None]) -> None:
        """Begin to read; `ended` is called when nobody watches any more."""
        self._task = asyncio.create_task(self._run(ended), name="feed")

    async def stop(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def join(self, session: Session, watcher: Watcher) -> Callable[[], bool]:
        """Add a viewer; the result removes it, and says whether it was still there."""
        viewer = self._next_viewer
        self._next_viewer += 1
        self._viewers[viewer] = (session, watcher)
        if self._snapshot is not None:
            self._show(viewer, watcher, self._snapshot)
        return lambda: self._viewers.pop(viewer, None) is not None

    async def _run(self, ended: Callable[[], None]) -> None:
        try:
            while self._viewers:
                begun = monotonic()
                # The token that lasts longest: any of the scope's opens the same figures.
                session = max((session for session, _ in self._viewers.values()), key=lambda one: one.expires_at)
                try:
                    self._snapshot = await self._take(session.token)
                    self._publish()
                except Exception:
                    # A mistake in the reading of one moment must not end the page for good.
                    log.exception("snapshot_failed")
                await asyncio.sleep(max(0.05, self._feeds.refresh_seconds - (monotonic() - begun)))
        finally:
            ended()

    def _publish(self) -> None:
        assert self._snapshot is not None
        for viewer, (_, watcher) in list(self._viewers.items()):
            self._show(viewer, watcher, self._snapshot)

    def _show(self, viewer: int, watcher: Watcher, snapshot: Snapshot) -> None:
        try:
            watcher(snapshot)
        except Exception:
            # One page that can't be updated is no reason to leave the others without news.
            log.exception("page_update_failed", viewer=viewer)

    async def _take(self, token: str) -> Snapshot:
        analytics = self._feeds.analytics
        today = self._feeds.now().date()
        before = self._snapshot or Snapshot(self._feeds.now())
        async with asyncio.TaskGroup() as group:

            def read(question: str, last: Reading[T], ask: Awaitable[T]) -> asyncio.Task[Reading[T]]:
                return group.create_task(self._read(question, last, ask))

            families = read("families", before.families, analytics.counts(token, "family", today))
            districts = read("districts", before.districts, analytics.counts(token, "district", today))
            satisfaction = read("satisfaction", before.satisfaction, analytics.satisfaction(token, "day", today))
            units = read("units", before.units, analytics.satisfaction(token, "unit", today, days=SATISFACTION_DAYS))
            open_cases = read("open", before.open, analytics.open(token))
            live = read("live", before.live, analytics.live(token))
            recent = read("recent", before.recent, self._recent(token))
            group.create_task(self._feeds.refresh_shared(token))
        return Snapshot(
            taken_at=self._feeds.now(),
            families=families.result(),
            districts=districts.result(),
            satisfaction=satisfaction.result(),
            units=units.result(),
            open=open_cases.result(),
            live=live.result(),
            recent=recent.result(),
            services=self._feeds.health,
            names=self._feeds.names,
            unit=self._unit,
        )

    async def _recent(self, token: str) -> tuple[Happening, ...]:
        return self._dossiers.complete(await self._feeds.analytics.recent(token))

    async def _read(self, question: str, last: Reading[T], ask: Awaitable[T]) -> Reading[T]:
        try:
            value = await ask
        except TroubleError as error:
            _READS.labels(question, error.trouble.value).inc()
            if last.trouble is not error.trouble:
                log.warning("figures_unread", question=question, trouble=error.trouble.value, reason=str(error))
            return last.failed(error.trouble)
        _READS.labels(question, "answered").inc()
        return last.succeeded(value, self._feeds.now())
