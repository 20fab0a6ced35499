from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from services.console.domain.reading import Freshness, Trouble
from services.console.domain.snapshot import Snapshot
from services.console.feed import Feeds, TooManyViewersError
from services.console.gateways.analytics import Analytics
from services.console.gateways.readiness import ReadinessGateway
from services.console.gateways.registries import Registries
from services.console.session import Session
from shared.web.auth import Role, Staff

SOON = datetime.now(UTC) + timedelta(hours=1)
PATIENCE = 5.0


class Services:
    """Answers everything, notes who asked for what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.failing: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append((path, request.headers.get("authorization", "")))
        if path in self.failing:
            return httpx.Response(503)
        if path == "/v1/live":
            return httpx.Response(200, json={"available": True})
        return httpx.Response(200, json={"rows": [], "districts": [], "units": [], "categories": [], "families": []})

    def times(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)


class Watcher:
    """Keeps what it is shown, and lets a test wait for it."""

    def __init__(self) -> None:
        self.shown: list[Snapshot] = []
        self._news = asyncio.Event()

    def __call__(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot)
        self._news.set()

    async def until(self, wanted: Callable[[Snapshot], bool]) -> Snapshot:
        async with asyncio.timeout(PATIENCE):
            while not (self.shown and wanted(self.shown[-1])):
                self._news.clear()
                await self._news.wait()
        return self.shown[-1]

    async def next(self) -> Snapshot:
        seen = len(self.shown)
        return await self.until(lambda _: len(self.shown) > seen)


def session(token: str = "t1", *, role: Role = Role.ANALYST, unit: str | None = None, hours: float = 1) -> Session:
    return Session(token, Staff("s1", "林晓", role, unit), datetime.now(UTC) + timedelta(hours=hours), token)


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
async def feeds(services: Services) -> AsyncIterator[Feeds]:
    client = httpx.AsyncClient(transport=httpx.MockTransport(services))
    made = Feeds(
        Analytics(client, "http://analytics"),
        Registries(client, "http://routing", "http://intake"),
        ReadinessGateway(client, {"intake": "http://intake"}),
        zone=ZoneInfo("Asia/Shanghai"),
        refresh_seconds=0.1,
        max_viewers=3,
    )
    yield made
    await made.close()
    await client.aclose()


async def test_pages_of_one_scope_share_the_readings_and_another_scope_has_its_own(
    feeds: Feeds, services: Services
) -> None:
    first, second, other = Watcher(), Watcher(), Watcher()
    feeds.watch(session("t1"), first)
    feeds.watch(session("t2", hours=9), second)
    await first.until(lambda snapshot: snapshot.freshness is Freshness.FRESH)
    assert first.shown[-1] is second.shown[-1]
    assert services.times("/v1/live") == len(first.shown)
    assert {token for path, token in services.asked if path == "/v1/live"} == {"Bearer t2"}, (
        "the one that lasts longest"
    )
    feeds.watch(session("t3", role=Role.UNIT_LEAD, unit="u1"), other)
    shown = await other.next()
    assert shown is not first.shown[-1]
    assert ("/v1/live", "Bearer t3") in services.asked


async def test_who_comes_later_sees_at_once_what_the_others_see(feeds: Feeds) -> None:
    first, second = Watcher(), Watcher()
    feeds.watch(session(), first)
    await first.next()
    feeds.watch(session(), second)
    assert second.shown == first.shown[-1:]


async def test_one_question_that_fails_leaves_the_others_alone(feeds: Feeds, services: Services) -> None:
    services.failing.add("/v1/open")
    watcher = Watcher()
    feeds.watch(session(), watcher)
    shown = await watcher.next()
    assert shown.open.trouble is Trouble.FAILING
    assert shown.live.value is not None
    services.failing.clear()
    await watcher.until(lambda snapshot: snapshot.open.value is not None)


async def test_a_page_that_can_not_be_updated_does_not_stop_the_others(feeds: Feeds) -> None:
    def broken(_: Snapshot) -> None:
        raise RuntimeError("this page is gone")

    watcher = Watcher()
    feeds.watch(session(), broken)
    feeds.watch(session(), watcher)
    await watcher.next()
    await watcher.next()


async def test_nobody_watching_means_nothing_is_asked(feeds: Feeds, services: Services) -> None:
    watcher = Watcher()
    leave = feeds.watch(session(), watcher)
    await watcher.next()
    (feed,) = feeds._feeds.values()
    leave()
    async with asyncio.timeout(PATIENCE):
        assert feed._task is not None
        await feed._task
    assert feeds._feeds == {}
    asked = len(services.asked)
    feeds.watch(session(), watcher)
    await watcher.next()
    assert len(services.asked) > asked, "and it starts again for the next one"


async def test_no_more_viewers_than_allowed_and_leaving_twice_counts_once(feeds: Feeds) -> None:
    leaves = [feeds.watch(session(), Watcher()) for _ in range(3)]
    with pytest.raises(TooManyViewersError):
        feeds.watch(session(), Watcher())
    leaves[0]()
    leaves[0]()
    feeds.watch(session(), Watcher())
    with pytest.raises(TooManyViewersError):
        feeds.watch(session(), Watcher())


async def test_names_are_asked_once_in_a_while_and_not_with_every_reading(feeds: Feeds, services: Services) -> None:
    watcher = Watcher()
    feeds.watch(session(), watcher)
    for _ in range(3):
        await watcher.next()
    assert services.times("/v1/organisation") == 1
    assert services.times("/readyz") >= 2
