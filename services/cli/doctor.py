"""`minsheng doctor`: what is missing for the services to run here, in one look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import typer
from rich.markup import escape
from rich.table import Table

from services.cli.deployment import topics_of
from services.cli.names import DATABASES
from services.cli.running import message_of, out
from shared.settings import KEY_SETTINGS, Settings, variable_of

Check = Callable[[], Awaitable[str | None]]


def doctor() -> None:
    """Check settings, keys, Kafka, topics, databases and migrations. Ends with 1 where something is missing.

    Example: minsheng doctor
    """
    from shared.telemetry.failures import message

    settings = Settings()
    checks: list[tuple[str, Check]] = [
        ("keys", partial(_keys, settings)),
        ("kafka, topics", partial(_topics, settings)),
    ]
    checks += [(f"database of {service}", partial(_database, settings, service)) for service in DATABASES]
    table = Table("what", "verdict")
    healthy = True
    for name, check in checks:
        try:
            trouble = asyncio.run(_within(check))
        except Exception as error:  # noqa: BLE001 - a doctor reports whatever is wrong and goes on
            trouble = message_of(error) or message(error)
        healthy = healthy and trouble is None
        table.add_row(name, "[green]good[/green]" if trouble is None else f"[red]{escape(trouble)}[/red]")
    out.print(table)
    if not healthy:
        raise typer.Exit(1)


async def _within(check: Check) -> str | None:
    async with asyncio.timeout(15):
        return await check()


async def _keys(settings: Settings) -> str | None:
    missing = [variable_of(name) for name in KEY_SETTINGS if getattr(settings, name) is None]
    return f"not set: {', '.join(missing)}; `minsheng keys` makes them" if missing else None


async def _topics(settings: Settings) -> str | None:
    from shared.bus.admin import TopicAdmin, plan

    wanted = topics_of(settings)
    async with TopicAdmin(settings.kafka) as admin:
        steps = plan(wanted, await admin.existing(wanted))
    bad = [f"{step.topic}: {step.action}" for step in steps if step.action != "keep"]
    return f"{', '.join(bad)}; run `minsheng topics plan`" if bad else None


async def _database(settings: Settings, service: str) -> str | None:
    from shared.store.engine import create_engine
    from shared.store.revisions import missing_revisions

    engine = create_engine(settings.database_for(service), pool_size=1)
    try:
        missing = await missing_revisions(service, engine)
    finally:
        await engine.dispose()
    return f"lacks the migrations {', '.join(missing)}; run `minsheng migrate`" if missing else None
