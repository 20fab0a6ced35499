"""`minsheng bench`: each figure beside its baseline, in one run, on one broker and one database server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from shared.process import EndedEarlyError
from tests.benchmarks import growth, intake, latency, routing, scaling
from tests.benchmarks.ground import BenchmarkError, Ground, ground
from tests.benchmarks.results import Results, machine, versions
from tests.benchmarks.scale import FULL, QUICK, Scale

Measure = Callable[[Ground, Scale, Results, Progress], Awaitable[None]]


class Part(StrEnum):
    """What can be measured alone."""

    ROUTING = "routing"
    WORKERS = "workers"
    GROWTH = "growth"
    INTAKE = "intake"
    LATENCY = "latency"


_PARTS: dict[Part, Measure] = {
    Part.ROUTING: routing.measure,
    Part.INTAKE: intake.measure,
    Part.LATENCY: latency.measure,
    Part.GROWTH: growth.measure,
    Part.WORKERS: scaling.measure,
}

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


async def run(parts: set[Part], scale: Scale, console: Console) -> Results:
    """Measure these parts. Raises `BenchmarkError` where a candidate fails at what it is measured for."""
    results = Results(raw={"machine": machine(), "versions": versions(), "rounds": scale.rounds})
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    async with ground() as servers:
        results.raw["servers"] = await servers.server_versions()
        with Progress(*columns, console=console) as progress:
            for part, measure in _PARTS.items():
                if part in parts:
                    await measure(servers, scale, results, progress)
    return results


@app.command()
def bench(
    only: Annotated[
        list[Part] | None, typer.Option(help="Measure this part; may be given again. Default: all.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small numbers: shows that it runs, says nothing.")] = False,
    json: Annotated[str | None, typer.Option(metavar="FILE|-", help="Write the figures as JSON; - to stdout.")] = None,
) -> None:
    """Measure the platform against its baselines. Takes some ten minutes; leave the machine alone meanwhile."""
    # The client's retries while a new topic finds its leader are no news to who reads a table.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console(stderr=True) if json == "-" else Console()
    progress_console = Console(stderr=True)
    try:
        results = asyncio.run(run(set(only or Part), QUICK if quick else FULL, progress_console))
    except (BenchmarkError, EndedEarlyError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    console.print(results.table())
    if json is not None:
        text = orjson.dumps(results.as_json(), option=orjson.OPT_INDENT_2).decode()
        if json == "-":
            typer.echo(text)
        else:
            Path(json).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
