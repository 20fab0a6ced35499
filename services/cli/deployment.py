"""Preparing what a deployment stands on: databases and topics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from services.cli.names import DATABASES
from services.cli.running import fail, out, run, told
from shared.bilingual import Text
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.bus.admin import Step, WantedTopic

_NO_DATABASE = Text(
    "{service} has no database; those with one are {known}.",
    "{service} 没有数据库；有数据库的服务是 {known}。",
)

topics = typer.Typer(no_args_is_help=True, help="The topics of a deployment: what is missing, and creating it.")


def topics_of(settings: Settings) -> tuple[WantedTopic, ...]:
    """The topics that these settings ask for."""
    from shared.bus.admin import wanted_topics
    from shared.events.topics import TopicNames

    return wanted_topics(
        TopicNames(settings.topic_prefix),
        partitions=settings.partitions,
        replication=settings.replication,
        retention_hours=settings.retention_hours,
    )


def _show(steps: list[Step]) -> None:
    table = Table("topic", "action", "why")
    for step in steps:
        table.add_row(step.topic, step.action, step.why)
    out.print(table)


@topics.command("plan")
def topics_plan() -> None:
    """Show what `apply` would do. Ends with 1 where existing topics can't be used.

    Example: MINSHENG_KAFKA=kafka:9092 minsheng topics plan
    """
    from shared.bus.admin import TopicAdmin, plan

    settings = Settings()
    wanted = topics_of(settings)

    async def look() -> list[Step]:
        async with TopicAdmin(settings.kafka) as admin:
            return plan(wanted, await admin.existing(wanted))

    steps = run(look())
    _show(steps)
    if any(step.action == "refuse" for step in steps):
        raise typer.Exit(1)


@topics.command("apply")
def topics_apply() -> None:
    """Create what is missing and verify the rest; changes no existing topic.

    Example: MINSHENG_PARTITIONS=24 MINSHENG_REPLICATION=3 minsheng topics apply
    """
    from shared.bus.admin import TopicAdmin, TopicsRefusedError

    settings = Settings()

    async def apply() -> list[Step]:
        async with TopicAdmin(settings.kafka) as admin:
            return await admin.apply(topics_of(settings))

    try:
        _show(run(apply()))
    except TopicsRefusedError as error:
        raise told(str(error)) from error


def migrate(
    services: Annotated[list[str] | None, typer.Argument(help="Which services. Default: all with a database.")] = None,
) -> None:
    """Create the services' databases where they are missing, and bring them to the schema of this version.

    Example: MINSHENG_DATABASE=postgresql://minsheng:...@db:5432/ minsheng migrate
    """
    from shared.store.migration import migrate as migrate_service

    settings = Settings()
    for service in services or DATABASES:
        if service not in DATABASES:
            raise fail(_NO_DATABASE, service=service, known=", ".join(DATABASES))
        revisions = run(migrate_service(service, settings.database_for(service)))
        out.print(f"{service}: {', '.join(revisions)}", highlight=False)
