"""The live rate of requests: a Faust table with hopping windows, in memory, approximate; built anew whenever it dies.

A Faust worker gives up when its broker is not there, so this is an app of its own inside the process: when it can't
start or crashes, exact counts and HTTP go on, the answer says that it is down, and a new one is started after a while.
Each process counts all requests for itself, in a consumer group of its own that starts at the end of the topic, each in
the minute that it was received in, and once, though events may be published again. After a restart the last hour fills
up again from then on, which the answer says; nothing of it is stored anywhere.
"""

from __future__ import annotations

import asyncio
import operator
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import faust
import orjson
import structlog
from aiokafka.errors import KafkaError
from faust.tables import Table

from shared.bus.backoff import Backoff
from shared.bus.identity import TopicIdentities
from shared.events.request import RequestReceived
from shared.events.topics import TopicNames
from shared.hosting import faust_options
from shared.settings import Settings

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60
STEP_SECONDS = 10
MINUTES = 60
"""How many minutes the answer goes back."""
START_SECONDS = 60.0
STOP_SECONDS = 5.0
"""With a broker, stopping takes a moment; without one it would never end, and nothing is lost by not waiting."""
WATCH_SECONDS = 2.0
BATCH_SECONDS = 0.5
UNKNOWN_FAMILY = "unknown"
REMEMBERED = 200_000
"""Requests that are known when they are told of again, at most: those of the last hour, else the latest; some 25 MB."""
_TYPE = RequestReceived.TYPE.encode()
_PARTITION = 0
"""Faust keeps expiry by partition; these windows sum over all of them."""


class UnloggedTable(Table):  # type: ignore[misc]
    """A windowed Faust table without a changelog topic: what it loses in a restart is right again after a window.

    It is not registered with its app, whose recovery would wait for a changelog.
    """

    async def on_start(self) -> None:
        """Open the store."""
        await self.add_runtime_dependency(self.data)

    def on_key_set(self, key: Any, value: Any) -> None:
        """Note when the window expires, once for each: Faust would note it at every change, and keep all the notes."""
        _, (_, end) = key
        if key not in self._partition_timestamp_keys.get((_PARTITION, end), ()):
            self._maybe_set_key_ttl(key, _PARTITION)
        self._sensor_on_set(self, key, value)

    def on_key_del(self, key: Any) -> None:
        """Forget when the window expires."""
        self._maybe_del_key_ttl(key, _PARTITION)
        self._sensor_on_del(self, key)


class Counted:
    """The requests that were counted, by the minute of their receipt, as far back as the answer goes."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._minutes: dict[int, set[bytes]] = {}
        self._size = 0

    def is_new(self, case_id: bytes, at: float, now: float) -> bool:
        """Whether a request received at `at` (seconds since 1970) is to be counted: not what is too old to be shown."""
        minute, oldest = int(at) // 60, int(now) // 60 - MINUTES
        if minute < oldest:
            return False
        known = self._minutes.setdefault(minute, set())
        if case_id in known:
            return False
        known.add(case_id)
        self._size += 1
        while self._minutes and (self._size > self._most or min(self._minutes) < oldest):
            self._size -= len(self._minutes.pop(min(self._minutes)))
        return True


@dataclass(frozen=True, slots=True)
class Minute:
    """Requests of one clock minute. `start` is in seconds since 1970; the running minute is not complete."""

    start: int
    requests: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Live:
    """What the live part says: its trouble where it has one, and the numbers as far as they are known."""

    trouble: str | None
    since: int | None
    minutes: Sequence[Minute]
    rate_per_minute: int | None
    by_family: dict[str, int]


class LiveApp:
    """One Faust app with its agent and table, from start to stop. A stopped one is not started again."""

    def __init__(self, settings: Settings) -> None:
        names = TopicNames(settings.topic_prefix)
        options = faust_options("analytics-live", settings) | {
            "id": f"{settings.topic_prefix}-analytics-live-{secrets.token_hex(4)}",
            "consumer_auto_offset_reset": "latest",
            # Topics are made by `minsheng topics apply`, with the right number of partitions.
            "topic_allow_declare": False,
            "topic_disable_leader": True,
        }
        self.app = faust.App(**options)
        self._table = UnloggedTable(self.app, name="requests", default=int, key_type=str, value_type=int)
        self._windows = self._table.hopping(WINDOW_SECONDS, STEP_SECONDS, expires=(MINUTES + 1) * 60)
        self._families: set[str] = set()
        self._counted = Counted()
        self.since: float | None = None
        topic = self.app.topic(
            names.internal(RequestReceived.TOPIC),
            key_type=bytes,
            key_serializer="raw",
            value_type=bytes,
            value_serializer="raw",
        )
        self.app.agent(topic, name="analytics-live")(self._count)

    async def start(self) -> None:
        """Start; raises what Faust raises, a `KafkaError` when the broker is not there."""
        # Faust makes its folder, but not those above it.
        self.app.conf.datadir.mkdir(parents=True, exist_ok=True)
        await self._table.start()
        await self.app.start()
        self.since = time.time()

    async def stop(self) -> None:
        """Stop, also when it is crashed or its broker is gone."""
        try:
            await asyncio.wait_for(self.app.stop(), STOP_SECONDS)
        except Exception as error:  # noqa: BLE001
            # There is nothing to save in it, and the next one needs nothing of this one.
            log.warning("live_rate_abandoned", error=type(error).__name__)
        finally:
            await self._table.stop()

    async def _count(self, stream: Any) -> None:
        async for events in stream.take_events(1_000, within=BATCH_SECONDS):
            self._add(events)

    def _add(self, events: Sequence[Any]) -> None:
        """Add events to the windows of their time: those of one family and step are added at once."""
        groups: dict[tuple[str, int], list[Any]] = defaultdict(list)
        now = time.time()
        for event in events:
            at = event.message.timestamp
            types = [value for name, value in event.message.headers or () if name == "ce_type"]
            if types == [_TYPE] and self._counted.is_new(event.key, at, now):
                groups[_family(event.value), int(at) // STEP_SECONDS].append(event)
        for (family, _), alike in groups.items():
            self._families.add(family)
            self._windows[family].apply(operator.add, len(alike), alike[0])

    def requests(self, family: str, start: int) -> int:
        """Requests of a family in the window that begins at `start`, seconds since 1970 and a multiple of the step."""
        found: int = self._table.get((family, self._table.window.current(start)), 0)
        return found

    def families(self) -> list[str]:
        """The families that any request came from."""
        return sorted(self._families)


def _family(value: bytes) -> str:
    try:
        family = orjson.loads(value)["family"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        # The transactional path makes a dead letter of it; here it is one more request.
        return UNKNOWN_FAMILY
    return family if isinstance(family, str) else UNKNOWN_FAMILY


class LiveRate:
    """Keeps a live app running, and answers for it. `run` goes on until cancelled."""

    def __init__(self, settings: Settings, *, make: Callable[[Settings], LiveApp] = LiveApp) -> None:
        self._settings = settings
        self._make = make
        self._live: LiveApp | None = None
        self._topic = TopicNames(settings.topic_prefix).internal(RequestReceived.TOPIC)
        self._identities = TopicIdentities(settings.kafka, client_id=f"{settings.topic_prefix}-analytics-live-watch")
        self.trouble: str | None = "has not started yet"

    async def run(self) -> NoReturn:
        """Start an app, watch it, and start another one when it is of no use any more."""
        backoff = Backoff(first=0.5, longest=15.0)
        while True:
            live = self._make(self._settings)
            try:
                async with asyncio.timeout(START_SECONDS):
                    await live.start()
                self._live = live
                await self._watch(live, backoff)
            except (KafkaError, OSError, TimeoutError) as error:
                self._is_down(error)
            except Exception as error:
                # Whatever Faust dies of, the service goes on without.
                log.exception("live_rate_failed")
                self._is_down(error)
            finally:
                self._live = None
                await live.stop()
            await backoff.wait()

    def _is_down(self, error: Exception) -> None:
        self.trouble = f"is down and starts again: {type(error).__name__}"
        log.warning("live_rate_down", error=type(error).__name__)

    async def _watch(self, live: LiveApp, backoff: Backoff) -> None:
        """Return when the topic was made anew, which the app's consumer would not see; raise when the app crashed.

        While the broker is away, Faust waits for it; that is told, and needs no new app.
        """
        first = None
        while True:
            if live.app.crashed:
                raise live.app.crash_reason or RuntimeError("the Faust app crashed without a reason")
            try:
                found = (await asyncio.wait_for(self._identities.of([self._topic]), START_SECONDS))[self._topic]
            except (KafkaError, OSError, TimeoutError) as error:
                self.trouble = f"waits for the broker: {type(error).__name__}"
            else:
                first = first or found
                if found != first:
                    log.warning("live_rate_topic_made_anew")
                    self.trouble = "starts again: the topic was made anew"
                    return
                self.trouble = None
                backoff.reset()
            await asyncio.sleep(WATCH_SECONDS)

    def read(self, now: float | None = None) -> Live:
        """The numbers now: the last complete window, and each minute since counting began, at most the last hour."""
        now = time.time() if now is None else now
        live = self._live
        if live is None or live.since is None:
            return Live(self.trouble or "is starting", None, (), None, {})
        families = live.families()
        # What is being gathered in the agent's buffer is not in the windows yet.
        window = int(now - WINDOW_SECONDS - BATCH_SECONDS) // STEP_SECONDS * STEP_SECONDS
        latest = {family: number for family in families if (number := live.requests(family, window))}
        current = int(now) // 60 * 60
        # Minutes that began before the counting did would show too little.
        oldest = max(current - (MINUTES - 1) * 60, -(-int(live.since) // 60) * 60)
        minutes = [
            Minute(start, sum(live.requests(family, start) for family in families), complete=start < current)
            for start in range(oldest, current + 1, 60)
        ]
        rate = sum(latest.values()) if window >= live.since else None
        return Live(self.trouble, int(live.since), minutes, rate, latest)

    async def close(self) -> None:
        """Give back the connection that watches; `run` has ended before."""
        await self._identities.close()
