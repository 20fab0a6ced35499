"""`minsheng up`: the whole platform on this machine, with an embedded bus and database, for trying out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from services.cli.deployment import DATABASES, topics_of
from services.cli.running import err, fail, out, run
from services.cli.supervisor import Program, Supervisor
from shared import ports
from shared.bus.admin import TopicAdmin, TopicsRefusedError
from shared.bus.embedded import EmbeddedBroker, EmbeddedBrokerError
from shared.ports import PortTakenError
from shared.settings import Settings, development_keys
from shared.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from shared.store.migration import migrate
from shared.telemetry import logging
from shared.web.auth import Role, Staff, issue_token

SERVICES = ("intake", "routing", "followup", "analytics", "console")
EMBEDDED_PARTITIONS = "4"
EMBEDDED_SESSION_MS = "6000"
"""The embedded broker lets the first join of a group wait for half of the session timeout."""

_TOLD = (PortTakenError, EmbeddedBrokerError, EmbeddedPostgresError, TopicsRefusedError, PermissionError)


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
    logging.configure("up", "warning")
    try:
        ready = run(_up(chosen))
    except _TOLD as error:
        raise fail(str(error)) from error
    if not ready:
        raise typer.Exit(1)


async def _up(chosen: Chosen) -> bool:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    for name, port in chosen.ports.items():
        if name != "simulator" or chosen.simulate:
            ports.pick(port, name, remedy=f"choose another with --{name}-port")
    async with _servers(chosen) as servers:
        environment = _environment(chosen, servers)
        settings = _settings(environment)
        _say("migrating databases and creating topics")
        for service in DATABASES:
            await migrate(service, settings.database_for(service))
        async with TopicAdmin(settings.kafka) as admin:
            await admin.apply(topics_of(settings))
        supervisor = Supervisor(environment, chosen.data_dir / "logs", _say)
        try:
            return await _serve(chosen, settings, supervisor, stopping)
        finally:
            _say("stopping")
            await supervisor.stop()


async def _serve(chosen: Chosen, settings: Settings, supervisor: Supervisor, stopping: asyncio.Event) -> bool:
    """Start the services, tell when they are ready, and stay until told to stop."""
    programs = [Program(name, (name,), f"http://127.0.0.1:{chosen.ports[name]}/readyz") for name in SERVICES]
    _say(f"starting {', '.join(SERVICES)}")
    for program in programs:
        supervisor.start(program)
    if chosen.simulate:
        # Nothing is neglected: deadlines are days away, and whoever tries the platform out wants to see each case end.
        supervisor.start(Program("simulator", ("simulate", "--rate", str(chosen.rate), "--neglect", "0")))
    told_to_stop = asyncio.create_task(stopping.wait())
    waiting = asyncio.create_task(supervisor.until_ready(programs, chosen.timeout))
    await asyncio.wait((told_to_stop, waiting), return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        return True
    missing = waiting.result()
    if missing:
        for name, trouble in missing.items():
            err.print(f"[red]{name}[/red] {trouble}", highlight=False, soft_wrap=True)
        err.print(f"Not ready after {chosen.timeout:g} s; the logs are in {chosen.data_dir / 'logs'}.")
        return False
    _tell_addresses(chosen, settings)
    await told_to_stop
    return True


def _tell_addresses(chosen: Chosen, settings: Settings) -> None:
    table = Table("part", "address", title="民生警务平台 Minsheng")
    for name in (*SERVICES, *(("simulator",) if chosen.simulate else ())):
        table.add_row(name, f"http://127.0.0.1:{chosen.ports[name]}")
    table.add_row("bus", settings.kafka + (" (embedded, in memory)" if settings.embedded else ""))
    out.print(table)
    link = issue_token(
        settings.staff_ring,
        Staff(subject="admin", name="管理员", role=Role.ADMIN, unit=None),
        now=datetime.now(UTC),
        lifetime=timedelta(hours=12),
    )
    out.print(
        f"sign in: http://127.0.0.1:{chosen.ports['console']}/login?token={link}", highlight=False, soft_wrap=True
    )
    out.print(
        f"keys: {chosen.data_dir / 'keys.env'}   logs: {chosen.data_dir / 'logs'}", highlight=False, soft_wrap=True
    )
    out.print("ready")
    sys.stdout.flush()


@contextlib.asynccontextmanager
async def _servers(chosen: Chosen) -> AsyncIterator[tuple[str, str]]:
    """The addresses of bus and database, started here unless they were given."""
    async with contextlib.AsyncExitStack() as stack:
        database, kafka = chosen.database, chosen.kafka
        if database is None:
            postgres = EmbeddedPostgres(chosen.data_dir / "postgres", port=chosen.database_port)
            _say("starting the embedded PostgreSQL")
            await postgres.start()
            stack.push_async_callback(postgres.stop)
            database = postgres.url
        if kafka is None:
            broker = EmbeddedBroker(chosen.data_dir / "broker", port=chosen.kafka_port)
            _say("starting the embedded bus (in memory: for trying out and developing)")
            await broker.start()
            stack.push_async_callback(broker.stop)
            kafka = broker.bootstrap
        yield kafka, database


def _environment(chosen: Chosen, servers: tuple[str, str]) -> dict[str, str]:
    """What the children are told: addresses, ports and keys, over what this process was told itself."""
    kafka, database = servers
    environment = dict(os.environ) | development_keys(chosen.data_dir / "keys.env")
    environment |= {f"MINSHENG_{name.upper()}_PORT": str(port) for name, port in chosen.ports.items()}
    environment |= {
        "MINSHENG_KAFKA": kafka,
        "MINSHENG_DATABASE": database,
        "MINSHENG_DATA_DIR": str(chosen.data_dir),
        "MINSHENG_SMS_GATEWAY_URL": f"http://127.0.0.1:{chosen.ports['simulator']}/carrier",
        "MINSHENG_SMS_GATEWAY_TOKEN": secrets.token_urlsafe(24),
    }
    if chosen.kafka is None:
        environment["MINSHENG_EMBEDDED"] = "true"
        environment.setdefault("MINSHENG_PARTITIONS", EMBEDDED_PARTITIONS)
        environment.setdefault("MINSHENG_SESSION_TIMEOUT_MS", EMBEDDED_SESSION_MS)
    return environment


def _settings(environment: dict[str, str]) -> Settings:
    os.environ.update(environment)
    return Settings()


def _say(text: str) -> None:
    err.print(f"minsheng: {text}", highlight=False, soft_wrap=True)
