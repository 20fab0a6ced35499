"""Events per second of one routing worker: the platform's own process beside a hand-written loop and three frameworks.

All read the same requests, take the same decisions and do the same work in the same tables; what was told is compared
by count, and the cases in the database with what was sent.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import islice

from rich.progress import Progress

from tests.benchmarks.ground import BenchmarkError, Ground, Site, Spent, module, service
from tests.benchmarks.results import Figure, Results, rates
from tests.benchmarks.scale import Scale
from tests.benchmarks.texts import case_ids, requests

_PER_REQUEST = 2
"""A request leads to two events: the case is opened and assigned."""
START_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to do the work."""

    name: str
    command: Sequence[str]
    figure: str | None = None
    what: str = ""
    goal: float | None = None


CANDIDATES = (
    Candidate("kernel", service("routing")),
    Candidate("loop", module("workers.loop"), "routing_vs_loop", "hand-written aiokafka + asyncpg loop", 0.75),
    Candidate("faust", module("workers.faust_agent", "worker"), "routing_vs_faust", "Faust agent", 3.0),
    Candidate("faststream", module("workers.faststream_app"), "routing_vs_faststream", "FastStream", 1.0),
    Candidate("quix", module("workers.quix_app"), "routing_vs_quix", "Quix Streams", 1.0),
)


async def warm_up(site: Site, count: int) -> None:
    """Let the site's workers start, join, and get used to the work."""
    # In parts: a worker whose connection pool, plans and caches are cold would show in the first round.
    for part in range(3):
        ids = case_ids()
        await site.publisher.publish(site.records([(next(ids), 1, event) for event in requests(count, part)]))
        await site.until_count("cases", _PER_REQUEST * count * (part + 1), seconds=START_SECONDS)


async def one_round(site: Site, count: int, seed: int) -> Spent:
    """What `count` requests cost; raises `BenchmarkError` where not each became exactly one case."""
    ids = list(islice(case_ids(), count))
    records = site.records(list(zip(ids, [1] * count, requests(count, seed), strict=True)))
    spent = await site.measure(records, _PER_REQUEST * count)
    async with site.connection() as connection:
        stored = await connection.fetchval(
            "SELECT count(*) FROM cases WHERE case_id = ANY($1::uuid[]) AND version = $2", ids, _PER_REQUEST
        )
    if stored != count:
        raise BenchmarkError(f"{site.name} stored {stored:,} cases for {count:,} requests")
    return spent


async def measure(ground: Ground, scale: Scale, results: Results, progress: Progress) -> None:
    """Fill in `routing_vs_*`."""
    task = progress.add_task("routing worker", total=len(CANDIDATES) * (scale.rounds + 1))
    spent: dict[str, list[Spent]] = {candidate.name: [] for candidate in CANDIDATES}
    async with AsyncExitStack() as stack:
        sites: dict[str, Site] = {}
        for candidate in CANDIDATES:
            progress.update(task, description=f"routing worker: {candidate.name} starts")
            site = sites[candidate.name] = await stack.enter_async_context(ground.site(candidate.name))
            site.start(candidate.command)
            await warm_up(site, scale.warm_up)
            site.freeze()
            progress.advance(task)
        for nth in range(scale.rounds):
            # Turned around each time, so that no one always runs after the same other.
            for candidate in CANDIDATES if nth % 2 == 0 else reversed(CANDIDATES):
                site = sites[candidate.name]
                progress.update(task, description=f"routing worker: {candidate.name}, round {nth + 1}")
                spent[candidate.name].append(await one_round(site, scale.events, 100 + nth))
                site.freeze()
                progress.advance(task)
    found = {name: rates(scale.events, [one.seconds for one in each]) for name, each in spent.items()}
    results.raw["routing_events_per_second"] = found
    results.raw["routing_cpu_us_per_event"] = {
        name: round(statistics.median(one.cpu for one in each) / scale.events * 1e6) for name, each in spent.items()
    }
    own = found["kernel"]["median"]
    for candidate in CANDIDATES:
        if candidate.figure is not None:
            other = found[candidate.name]["median"]
            results.add(
                Figure(
                    candidate.figure,
                    f"routing worker / {candidate.what}",
                    own / other,
                    candidate.goal,
                    note=f"{own:,.0f} / {other:,.0f} requests/s",
                )
            )
