"""One request, from its POST to its facts in analytics, while the chain runs at a fifth of what it can do."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
from rich.progress import Progress

from shared import ports
from shared.privacy.keys import KeyRing
from shared.web.auth import Role, Staff, issue_token
from tests.benchmarks.ground import BenchmarkError, Ground, Site, service
from tests.benchmarks.load import Connection
from tests.benchmarks.loading import key_of, post, ready
from tests.benchmarks.results import Figure, Results, percentile
from tests.benchmarks.scale import Scale
from tests.benchmarks.texts import form

SERVICES = ("intake", "routing", "analytics")
_SHARE = 0.2
_POLL_SECONDS = 0.01
_GIVE_UP_SECONDS = 30.0
_READ = "SELECT sum(next_offset)::bigint FROM offsets WHERE consumer = 'analytics'"


@dataclass
class _Probes:
    """Requests that are watched from their POST to analytics."""

    site: Site
    intake: str
    analytics: str
    seen: list[float] = field(default_factory=list)
    assigned: list[float] = field(default_factory=list)
    token: str = ""

    def __post_init__(self) -> None:
        ring = KeyRing.parse(self.site.env["MINSHENG_STAFF_KEYS"])
        self.token = issue_token(ring, Staff("bench", "bench", Role.ANALYST, None), now=datetime.now(UTC))

    async def run(self, seconds: float, rate: float) -> None:
        """Send probes at a steady rate, each on connections of its own place in a ring."""
        chance = random.Random(5)
        begin = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(int(seconds * rate)):
                await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
                tasks.create_task(self._probe(chance))

    async def _probe(self, chance: random.Random) -> None:
        intake = await Connection.open(self.intake)
        analytics = await Connection.open(self.analytics)
        body = orjson.dumps(form(chance, f"probe-{secrets.token_hex(9)}"))
        request = (
            f"POST /v1/requests HTTP/1.1\r\nHost: bench\r\nX-Channel-Key: {key_of(self.site)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        start = time.perf_counter()
        status, answer = await intake.exchange(request.encode() + body)
        if status != 202:
            raise BenchmarkError(f"intake answered {status} to a probe")
        question = (
            f"GET /v1/cases/{orjson.loads(answer)['case_id']} HTTP/1.1\r\nHost: bench\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n"
        ).encode()
        seen = False
        while (taken := time.perf_counter() - start) < _GIVE_UP_SECONDS:
            status, answer = await analytics.exchange(question)
            if status not in (200, 404):
                raise BenchmarkError(f"analytics answered {status} to a probe")
            taken = time.perf_counter() - start
            if status == 200 and not seen:
                self.seen.append(taken)
                seen = True
            if status == 200 and orjson.loads(answer)["unit"] is not None:
                self.assigned.append(taken)
                intake.close()
                analytics.close()
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise BenchmarkError(f"a request was not in analytics after {_GIVE_UP_SECONDS:g} s")


async def _drained(site: Site, requests: int) -> None:
    """Wait until analytics has applied what `requests` requests led to."""
    await site.until_count("cases", 2 * requests, seconds=120)
    async with site.connection("analytics") as connection:
        async with asyncio.timeout(120):
            while (await connection.fetchval(_READ) or 0) < 3 * requests:
                await asyncio.sleep(0.02)


async def measure(ground: Ground, scale: Scale, results: Results, progress: Progress) -> None:
    """Fill in `latency_p99_ms`."""
    task = progress.add_task("latency", total=4)
    async with ground.site("chain", SERVICES) as site:
        urls = {}
        for name in SERVICES:
            port = ports.pick(0, name, remedy="try again")
            urls[name] = f"http://127.0.0.1:{port}"
            process = site.start(service(name), **{f"{name}_port": str(port)})
            await ready(process, urls[name])
        progress.advance(task)
        accepted = 0
        warm = await post(site, urls["intake"], seconds=scale.http_seconds / 3, connections=scale.connections)
        accepted += warm["accepted"]
        await _drained(site, accepted)
        progress.advance(task)
        begin = time.perf_counter()
        full = await post(site, urls["intake"], seconds=scale.http_seconds, connections=scale.connections)
        accepted += full["accepted"]
        await _drained(site, accepted)
        capacity = full["accepted"] / (time.perf_counter() - begin)
        progress.advance(task)
        rate = max(1.0, _SHARE * capacity - scale.probes_per_second)
        probes = _Probes(site, urls["intake"], urls["analytics"])
        worked = site.cpu_seconds()
        loaded = asyncio.create_task(
            post(site, urls["intake"], seconds=scale.latency_seconds, connections=scale.connections, rate=rate)
        )
        try:
            await probes.run(scale.latency_seconds, scale.probes_per_second)
            answered = await loaded
        finally:
            loaded.cancel()
        worked = site.cpu_seconds() - worked
        progress.advance(task)
    results.raw["latency"] = {
        "chain_requests_per_second": round(capacity, 1),
        "load_per_second": round(rate + scale.probes_per_second, 1),
        "probes": len(probes.seen),
        "services_cpu_ms_per_request": round(worked / (answered["accepted"] + len(probes.seen)) * 1000, 2),
        "answer_p50_ms": round(answered["p50_ms"], 1),
        "answer_p99_ms": round(answered["p99_ms"], 1),
        **{
            f"{name}_p{share}_ms": round(percentile(each, share / 100) * 1000, 1)
            for name, each in (("visible", probes.seen), ("assigned", probes.assigned))
            for share in (50, 90, 99)
        },
    }
    found = results.raw["latency"]
    results.add(
        Figure(
            "latency_p99_ms",
            "POST to visible in analytics, p99 at 20 % load",
            percentile(probes.seen, 0.99) * 1000,
            250,
            unit="ms",
            lower_is_better=True,
            note=f"p50 {found['visible_p50_ms']:g} ms at {found['load_per_second']:,.0f}/s of "
            f"{found['chain_requests_per_second']:,.0f}; to the unit in charge p99 {found['assigned_p99_ms']:g} ms",
        )
    )
