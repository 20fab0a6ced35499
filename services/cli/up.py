"""`minsheng up`: the whole platform on this machine, with an embedded bus and database, for trying out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from services.cli.running import fail, run, told
from shared.bilingual import Text

_SAME_PORT = Text(
    "--{first}-port and --{second}-port are both {port}: each part needs a port of its own.",
    "--{first}-port 与 --{second}-port 同为 {port}：每个部分须使用各自的端口。",
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the command line says."""

    simulate: bool
    rate: float
    kafka: str | None
    database: str | None
    data_dir: Path
    kafka_port: int
    database_port: int
    ports: dict[str, int]
    timeout: float


def up(
    simulate: Annotated[bool, typer.Option("--simulate", help="Let a simulated city use the platform.")] = False,
    rate: Annotated[float, typer.Option(min=0.001, help="Requests per second of the simulated city.")] = 2.0,
    kafka: Annotated[str | None, typer.Option(help="Use this Kafka (HOST:PORT) instead of the embedded bus.")] = None,
    database: Annotated[
        str | None,
        typer.Option(help="Use this PostgreSQL (a URL without a database) instead of the embedded one."),
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Where data, keys and logs are kept.")] = Path(".minsheng"),
    kafka_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the embedded bus; 0: any.")] = 0,
    database_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the embedded database; 0: any.")] = 0,
    console_port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    intake_port: Annotated[int, typer.Option(min=1, max=65535)] = 8001,
    routing_port: Annotated[int, typer.Option(min=1, max=65535)] = 8002,
    followup_port: Annotated[int, typer.Option(min=1, max=65535)] = 8003,
    analytics_port: Annotated[int, typer.Option(min=1, max=65535)] = 8004,
    simulator_port: Annotated[int, typer.Option(min=1, max=65535)] = 8005,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for everything to be ready.")] = 120.0,
) -> None:
    """Start everything on this machine and stop it in order on Ctrl-C. Started again, it goes on where it was.

    Without --kafka the bus is an embedded broker that keeps events in memory and is rebuilt from the databases at each
    start: for trying out and developing, not for a bureau's real work.

    Examples: minsheng up --simulate · minsheng up --kafka 127.0.0.1:9092 --database postgresql://me:pw@127.0.0.1:5432/
    """
    chosen = Chosen(
        simulate,
        rate,
        kafka,
        database,
        data_dir.absolute(),
        kafka_port,
        database_port,
        {
            "console": console_port,
            "intake": intake_port,
            "routing": routing_port,
            "followup": followup_port,
            "analytics": analytics_port,
            "simulator": simulator_port,
        },
        timeout,
    )
    _check_ports(chosen)
    # Loaded now: the options alone need none of it.
    from services.cli import whole
    from shared.telemetry import logging

    logging.configure("up", "warning")
    given = {
        variable: option
        for variable, option, value in (
            ("MINSHENG_KAFKA", "--kafka", kafka),
            ("MINSHENG_DATABASE", "--database", database),
        )
        if value is not None
    }
    try:
        ready = run(whole.serve(chosen), given=given)
    except whole.TOLD as error:
        raise told(str(error)) from error
    if not ready:
        raise typer.Exit(1)


def _check_ports(chosen: Chosen) -> None:
    taken = {"kafka": chosen.kafka_port, "database": chosen.database_port} | chosen.ports
    seen: dict[int, str] = {}
    for name, port in taken.items():
        if port and port in seen:
            raise fail(_SAME_PORT, first=seen[port], second=name, port=port)
        seen[port] = name
