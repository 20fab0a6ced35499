"""Channels that hand in requests for as long as it takes, and officers that handle cases; what was promised is kept.

A channel posts a request until it gets a 202, as its contract says: so everything that it ever posted is accepted.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import httpx

from shared.settings import Settings
from shared.web.auth import Role, Staff, issue_token
from shared.web.channels import channel_key

CHANNELS = ("wechat-0007", "website-0003", "hotline-12345-0002", "weibo-0011")
BODIES = (
    "临江区望江路夜里有人飙车，声音很大，住户没法休息。",
    "北湖区湖滨路的红绿灯坏了两天，过马路很危险。",
    "想问一下身份证到期了，外地户口能在民安换吗？",
    "南屏区兴业大道店铺占道堆货，行人只能走机动车道。",
    "小区里有人推销保健品，老人被骗了八千元。",
    "新港区保税区门口大货车乱停，请来管一管。",
)
STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("accept", {}),
    ("contact", {"method": "phone"}),
    ("resolve", {"result": "已到现场处理，并电话告知来电人。"}),
)
RETRY_SECONDS = 0.1


@dataclass(slots=True)
class Journal:
    """What a deployment has promised so far."""

    accepted: dict[tuple[str, str], UUID] = field(default_factory=dict)
    """Case ids by (channel, the channel's own id)."""
    handled: dict[UUID, int] = field(default_factory=dict)
    """Steps of officers that were answered with 200, by case."""
    phones: dict[UUID, str] = field(default_factory=dict)
    """The number that each case's citizen left."""


@dataclass(slots=True)
class Statuses:
    """How calls were answered while a load ran."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def note(self, status: str, seconds: float) -> None:
        """Count one call."""
        self.counts[status] += 1
        self.slowest = max(self.slowest, seconds)


class Channels:
    """Hands requests in at a steady rate; the same seed gives the same requests."""

    def __init__(self, settings: Settings, journal: Journal, intake: str, seed: str, rate: float) -> None:
        self._keys = {channel: channel_key(settings.channel_ring, channel) for channel in CHANNELS}
        self._journal = journal
        self._url = f"{intake}/v1/requests"
        self._seed = seed
        self._rate = rate
        self.statuses = Statuses()

    async def run(self, stop: asyncio.Event, *, callers: int = 12) -> None:
        """Hand in until `stop`, then bring what was begun to its 202."""
        async with httpx.AsyncClient(trust_env=False, timeout=20.0) as http, asyncio.TaskGroup() as group:
            for caller in range(callers):
                group.create_task(self._call(http, caller, callers / self._rate, stop))

    async def _call(self, http: httpx.AsyncClient, caller: int, pause: float, stop: asyncio.Event) -> None:
        random = Random(f"{self._seed}:{caller}")
        nth = 0
        while not stop.is_set():
            nth += 1
            channel = random.choice(CHANNELS)
            phone = f"138{random.randrange(10**8):08d}"
            request = {
                "channel": channel,
                "channel_request_id": f"{self._seed}-{caller}-{nth}",
                "body": f"{random.choice(BODIES)}（第{nth}件）",
                "requester": {"phone": phone},
            }
            case_id = await self._hand_in(http, channel, request)
            self._journal.accepted[channel, str(request["channel_request_id"])] = case_id
            self._journal.phones[case_id] = phone
            if random.random() < 0.05:
                again = await self._hand_in(http, channel, request)
                assert again == case_id, f"the same request became case {case_id} and case {again}"
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)

    async def _hand_in(self, http: httpx.AsyncClient, channel: str, request: dict[str, Any]) -> UUID:
        while True:
            began = time.monotonic()
            try:
                answer = await http.post(self._url, json=request, headers={"X-Channel-Key": self._keys[channel]})
                status = str(answer.status_code)
            except httpx.TransportError as error:
                status = type(error).__name__
            self.statuses.note(status, time.monotonic() - began)
            if status == "202":
                return UUID(answer.json()["case_id"])
            # 503 promises that posting again is right; any other answer to a good request is a fault of its own.
            assert status == "503" or not status.isdigit(), f"a good request was answered {status}: {answer.text}"
            await asyncio.sleep(RETRY_SECONDS)


class Officers:
    """Handles one case after the other over HTTP, each step until it is answered with 200."""

    def __init__(self, settings: Settings, journal: Journal, routing: Callable[[], list[str]], seed: str) -> None:
        self._routing = routing
        self._journal = journal
        self._random = Random(f"{seed}:officers")
        self._seed = seed
        self._ring = settings.staff_ring

    async def run(self, stop: asyncio.Event) -> None:
        """Handle cases until `stop`; a case that was begun is brought to its end."""
        async with httpx.AsyncClient(trust_env=False, timeout=20.0) as http:
            while not stop.is_set():
                todo = [case for case in self._journal.accepted.values() if case not in self._journal.handled]
                if todo:
                    await self._handle(http, self._random.choice(todo))
                await asyncio.sleep(0.05)

    async def _handle(self, http: httpx.AsyncClient, case_id: UUID) -> None:
        reader = Staff("a0001", "值班", Role.SUPERVISOR)
        unit = (await self._until_200(http, "GET", f"/v1/cases/{case_id}", reader))["unit"]
        lead = Staff("l0001", "负责人", Role.UNIT_LEAD, unit)
        for done, (step, body) in enumerate(STEPS, start=1):
            await self._until_200(http, "POST", f"/v1/cases/{case_id}/{step}", lead, body, f"{self._seed}:{case_id}")
            self._journal.handled[case_id] = done

    async def _until_200(
        self,
        http: httpx.AsyncClient,
        method: str,
        path: str,
        staff: Staff,
        body: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> Any:
        headers = {"Authorization": f"Bearer {issue_token(self._ring, staff, now=datetime.now(UTC))}"}
        if key is not None:
            headers["Idempotency-Key"] = f"{key}:{path.rpartition('/')[2]}"
        while True:
            # Any replica will do; one that is frozen or killed is left for another at the next attempt.
            for url in self._routing():
                try:
                    answer = await http.request(method, f"{url}{path}", json=body, headers=headers, timeout=3.0)
                except httpx.TransportError:
                    continue
                if answer.status_code == 200:
                    return answer.json()
                # 404: routing has not read the request yet; 409: the same step is still in flight.
                assert answer.status_code in (404, 409, 429, 503), (
                    f"{method} {path}: {answer.status_code} {answer.text}"
                )
            await asyncio.sleep(RETRY_SECONDS)


@asynccontextmanager
async def under_load(
    settings: Settings,
    journal: Journal,
    *,
    intake: str,
    routing: Callable[[], list[str]],
    seed: str,
    rate: float = 60.0,
) -> AsyncIterator[Statuses]:
    """Channels and officers at work while the block runs; what they began is ended after it.

    `intake` is an address, `routing` gives those of all its replicas.
    """
    stop = asyncio.Event()
    channels = Channels(settings, journal, intake, seed, rate)
    officers = Officers(settings, journal, routing, seed)
    async with asyncio.TaskGroup() as group:
        group.create_task(channels.run(stop))
        group.create_task(officers.run(stop))
        try:
            yield channels.statuses
        finally:
            stop.set()
