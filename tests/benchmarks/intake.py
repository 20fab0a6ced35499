"""Requests per second of one intake process beside a bare endpoint that only validates and sends to Kafka."""

from __future__ import annotations

import statistics

from rich.progress import Progress

from shared import ports
from tests.benchmarks.ground import BenchmarkError, Ground, module, service
from tests.benchmarks.loading import post, ready
from tests.benchmarks.results import Figure, Results
from tests.benchmarks.scale import Scale


async def measure(ground: Ground, scale: Scale, results: Results, progress: Progress) -> None:
    """Fill in `intake_vs_bare`."""
    task = progress.add_task("intake", total=2 * (scale.rounds + 1))
    found: dict[str, list[float]] = {"intake": [], "bare": []}
    cpu: dict[str, list[float]] = {"intake": [], "bare": []}
    latest: dict[str, float] = {}
    async with ground.site("intake", ["intake"]) as intake, ground.site("bare", []) as bare:
        sites, urls, accepted = {"intake": intake, "bare": bare}, {}, dict.fromkeys(found, 0)
        for name, site in sites.items():
            port = str(ports.pick(0, name, remedy="try again"))
            command = service("intake") if name == "intake" else module("workers.bare_intake", port)
            process = site.start(command, intake_port=port)
            urls[name] = f"http://127.0.0.1:{port}"
            await ready(process, urls[name])
            warm = await post(site, urls[name], seconds=scale.http_seconds / 3, connections=scale.connections)
            accepted[name] += warm["accepted"]
            site.freeze()
            progress.advance(task)
        for nth in range(scale.rounds):
            for name in ("intake", "bare") if nth % 2 == 0 else ("bare", "intake"):
                site = sites[name]
                site.thaw()
                worked = site.cpu_seconds()
                told = await post(site, urls[name], seconds=scale.http_seconds, connections=scale.connections)
                found[name].append(told["per_second"])
                latest[name] = told["p99_ms"]
                accepted[name] += told["accepted"]
                await site.until_count("requests", accepted[name], seconds=60)
                cpu[name].append((site.cpu_seconds() - worked) / told["accepted"] * 1e6)
                site.freeze()
                progress.advance(task)
        for name, site in sites.items():
            lying = await site.count("requests")
            if lying != accepted[name]:
                raise BenchmarkError(f"{name} accepted {accepted[name]:,} requests and told of {lying:,}")
    own, other = statistics.median(found["intake"]), statistics.median(found["bare"])
    results.raw["intake_requests_per_second"] = {
        name: {"median": round(statistics.median(each), 1), "rounds": [round(one, 1) for one in each]}
        for name, each in found.items()
    }
    results.raw["intake_cpu_us_per_request"] = {name: round(statistics.median(each)) for name, each in cpu.items()}
    results.raw["intake_answer_p99_ms"] = {name: round(one, 1) for name, one in latest.items()}
    results.add(
        Figure(
            "intake_vs_bare",
            "intake / bare FastAPI + aiokafka",
            own / other,
            0.8,
            note=f"{own:,.0f} / {other:,.0f} requests/s",
        )
    )
