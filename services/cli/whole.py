"""Starting the whole platform on this machine: servers, databases, services, and a simulated city."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from rich.markup import escape
from rich.table import Table

from services.cli import local
from services.cli.deployment import topics_of
from services.cli.names import DATABASES, SERVICES
from services.cli.running import err, fail, out
from services.cli.supervisor import Program, Supervisor
from services.cli.up import Chosen
from shared import ports
from shared.bilingual import Text
from shared.bus.admin import TopicAdmin, TopicsRefusedError
from shared.bus.embedded import EmbeddedBroker, EmbeddedBrokerError
from shared.ports import PortTakenError
from shared.settings import Settings, development_keys
from shared.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from shared.store.engine import create_engine
from shared.store.migration import migrate
from shared.web.tokens import Role, Staff, issue_token

_REAL = Text(
    "{database} holds requests, and not of a demonstration: a simulated city would work on real people's cases. Leave "
    "--simulate away, or name an empty database.",
    "数据库 {database} 中已有诉求，且不属于演示部署：模拟城市会去处理真实群众的工单。请去掉 --simulate，"
    "或换用空数据库。",
)
_NOT_READY = Text("Not ready after {seconds:g} s; the logs are in {logs}.", "{seconds:g} 秒后仍未就绪；日志在 {logs}。")
_IS_DEMONSTRATION = "minsheng: a demonstration, every case in here is invented"
EMBEDDED_PARTITIONS = "4"
EMBEDDED_SESSION_MS = "6000"
"""The embedded broker lets the first join of a group wait for half of the session timeout."""
TOLD = (PortTakenError, EmbeddedBrokerError, EmbeddedPostgresError, TopicsRefusedError, PermissionError)
"""Failures that are told by their own message."""


async def serve(chosen: Chosen) -> bool:
    """Start everything, and stop it in order when told to; False where it did not become ready."""
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
        if chosen.simulate:
            await be_demonstration(settings.database_for("intake"), embedded=chosen.database is None)
        async with TopicAdmin(settings.kafka) as admin:
            await admin.apply(topics_of(settings))
        supervisor = Supervisor(environment, chosen.data_dir / "logs", _say)
        beside = local.write(chosen.data_dir, environment)
        try:
            return await _serve(chosen, settings, supervisor, stopping)
        finally:
            _say("stopping")
            await supervisor.stop()
            beside.unlink(missing_ok=True)


async def _serve(chosen: Chosen, settings: Settings, supervisor: Supervisor, stopping: asyncio.Event) -> bool:
    """Start the services, tell when they are ready, and stay until told to stop."""
    programs = [Program(name, (name,), f"http://127.0.0.1:{chosen.ports[name]}/readyz") for name in SERVICES]
    _say(f"starting {', '.join(SERVICES)}")
    for program in programs:
        supervisor.start(program)
    if chosen.simulate:
        # Nothing is neglected: deadlines are days away, and whoever tries the platform out wants to see each case end.
        simulate = ("simulate", "--rate", str(chosen.rate), "--neglect", "0", "--patience", str(chosen.timeout))
        supervisor.start(Program("simulator", simulate))
    told_to_stop = asyncio.create_task(stopping.wait())
    waiting = asyncio.create_task(supervisor.until_ready(programs, chosen.timeout))
    await asyncio.wait((told_to_stop, waiting), return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        return True
    missing = waiting.result()
    if missing:
        for name, trouble in missing.items():
            err.print(f"[red]{name}[/red] {escape(trouble)}", highlight=False, soft_wrap=True)
        err.print(_NOT_READY.of(seconds=chosen.timeout, logs=chosen.data_dir / "logs"), markup=False, soft_wrap=True)
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
        f"keys: {chosen.data_dir / 'keys.env'}   logs: {chosen.data_dir / 'logs'}",
        highlight=False,
        soft_wrap=True,
        markup=False,
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
        "MINSHENG_DEMONSTRATION": "true" if chosen.simulate else "false",
    }
    if chosen.kafka is None:
        environment["MINSHENG_EMBEDDED"] = "true"
        environment.setdefault("MINSHENG_PARTITIONS", EMBEDDED_PARTITIONS)
        environment.setdefault("MINSHENG_SESSION_TIMEOUT_MS", EMBEDDED_SESSION_MS)
    return environment


async def be_demonstration(database: str, *, embedded: bool) -> None:
    """Mark the database as a demonstration's, unless real requests are in it; an embedded one is for no real ones."""
    engine = create_engine(database, pool_size=1, application="minsheng-up")
    try:
        async with engine.begin() as connection:
            name, mark = (
                await connection.execute(
                    sa.text(
                        "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database "
                        "WHERE datname = current_database()"
                    )
                )
            ).one()
            if mark == _IS_DEMONSTRATION:
                return
            if not embedded and await connection.scalar(sa.text("SELECT EXISTS (SELECT 1 FROM requests)")):
                raise fail(_REAL, database=name)
            quoted = '"' + str(name).replace('"', '""') + '"'
            await connection.execute(sa.text(f"COMMENT ON DATABASE {quoted} IS '{_IS_DEMONSTRATION}'"))
    finally:
        await engine.dispose()


def _settings(environment: dict[str, str]) -> Settings:
    os.environ.update(environment)
    return Settings()


def _say(text: str) -> None:
    err.print(f"minsheng: {text}", highlight=False, soft_wrap=True, markup=False)
