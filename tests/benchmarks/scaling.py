"""Two routing workers beside one, each of them on the same cores as broker and database."""

from __future__ import annotations

import asyncio
import os

from rich.progress import Progress

from shared.bus.relay import LOCK_SPACE
from tests.benchmarks.ground import PARTITIONS, BenchmarkError, Ground, Site, service
from tests.benchmarks.results import Figure, Results, rates
from tests.benchmarks.routing import START_SECONDS, one_round, warm_up
from tests.benchmarks.scale import Scale

_SHARES = """
    SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY pid
"""
_SESSION_TIMEOUT_MS = "60000"
"""Longer than a round of the other site. A sixth of it passes until the first worker hears that a second one joins."""
_CORES_NEEDED = 5
"""Two workers, the broker, and two database processes that work for them."""


async def _shared_out(site: Site, workers: int) -> None:
    """Wait until each worker relays, and so reads, its share of the partitions."""
    wanted = [PARTITIONS // workers] * workers
    try:
        async with asyncio.timeout(START_SECONDS), site.connection() as connection:
            while [row[0] for row in await connection.fetch(_SHARES, LOCK_SPACE)] != wanted:
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise BenchmarkError(f"{workers} workers did not share the partitions within {START_SECONDS:g} s") from None


async def measure(ground: Ground, scale: Scale, results: Results, progress: Progress) -> None:
    """Fill in `workers_2_vs_1`."""
    task = progress.add_task("two workers", total=2 * (scale.rounds + 1))
    seconds: dict[int, list[float]] = {1: [], 2: []}
    async with ground.site("one-worker") as one, ground.site("two-workers") as two:
        sites = {1: one, 2: two}
        for workers, site in sites.items():
            for _ in range(workers):
                site.start(service("routing"), session_timeout_ms=_SESSION_TIMEOUT_MS)
            await _shared_out(site, workers)
            await warm_up(site, scale.warm_up)
            site.freeze()
            progress.advance(task)
        for nth in range(scale.rounds):
            for workers in (1, 2) if nth % 2 == 0 else (2, 1):
                seconds[workers].append((await one_round(sites[workers], scale.events, 300 + nth)).seconds)
                sites[workers].freeze()
                progress.advance(task)
    found = {str(workers): rates(scale.events, each) for workers, each in seconds.items()}
    results.raw["workers_events_per_second"] = found
    cores = os.cpu_count() or 1
    enough = cores >= _CORES_NEEDED
    note = f"{found['2']['median']:,.0f} / {found['1']['median']:,.0f} requests/s"
    if not enough:
        note += f"; {cores} cores are shared by workers, broker and database: the goal needs {_CORES_NEEDED}"
    results.add(
        Figure(
            "workers_2_vs_1",
            "two routing workers / one",
            found["2"]["median"] / found["1"]["median"],
            1.7 if enough else None,
            note=note,
        )
    )
