"""Preparing what a deployment stands on: databases, topics, keys and tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from services.cli.running import fail, out, run
from shared.bus.admin import Step, TopicAdmin, TopicsRefusedError, WantedTopic, plan, wanted_topics
from shared.events.topics import TopicNames
from shared.settings import KEY_SETTINGS, Settings, new_keys, variable_of
from shared.store.migration import migrate as migrate_service
from shared.web.auth import Role, Staff, channel_key, issue_token

DATABASES = ("intake", "routing", "followup", "analytics")
"""The services that own a database."""

topics = typer.Typer(no_args_is_help=True, help="The topics of a deployment: what is missing, and creating it.")


def topics_of(settings: Settings) -> tuple[WantedTopic, ...]:
    """The topics that these settings ask for."""
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
    settings = Settings()

    async def apply() -> list[Step]:
        async with TopicAdmin(settings.kafka) as admin:
            return await admin.apply(topics_of(settings))

    try:
        _show(run(apply()))
    except TopicsRefusedError as error:
        raise fail(str(error)) from error


def migrate(
    services: Annotated[list[str] | None, typer.Argument(help="Which services. Default: all with a database.")] = None,
) -> None:
    """Create the services' databases where they are missing, and bring them to the schema of this version.

    Example: MINSHENG_DATABASE=postgresql://minsheng:...@db:5432/ minsheng migrate
    """
    settings = Settings()
    for service in services or DATABASES:
        if service not in DATABASES:
            raise fail(f"{service} has no database; those with one are {', '.join(DATABASES)}.")
        revisions = run(migrate_service(service, settings.database_for(service)))
        out.print(f"{service}: {', '.join(revisions)}", highlight=False)


def keys(
    kid: Annotated[str, typer.Option(help="The new keys' id, kept with what they seal or sign.")] = "",
) -> None:
    """Print a fresh set of secrets as lines for `.env`. All services of a deployment share one set.

    To rotate a key, put the new one before the old: MINSHENG_STAFF_KEYS=new:...,old:...

    Example: minsheng keys >> .env && chmod 600 .env
    """
    settings = Settings()
    if present := [variable_of(field) for field in KEY_SETTINGS if getattr(settings, field) is not None]:
        typer.echo(
            f"Set here already: {', '.join(present)}. Don't append these lines to the same .env: the last line of a "
            "name wins, and what the old keys sealed or signed can't be read any more. Put a new key beside the old.",
            err=True,
        )
    for name, value in new_keys(kid or f"k{datetime.now(UTC):%Y%m%d}").items():
        out.print(f"{name}={value}", highlight=False, soft_wrap=True)


def token(
    role: Annotated[Role | None, typer.Option(help="The staff member's role.")] = None,
    unit: Annotated[str | None, typer.Option(help="The unit that officers and unit leads belong to.")] = None,
    subject: Annotated[str, typer.Option(help="Who it is: an officer's id, or a login.")] = "admin",
    name: Annotated[str | None, typer.Option(help="The name to show. Default: the subject.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=24, help="How long the token holds.")] = 12.0,
    channel: Annotated[
        str | None, typer.Option(help="Print the key of a channel (`wechat-0001`) or a family (`wechat/*`) instead.")
    ] = None,
) -> None:
    """Print a staff token for the Authorization header, or a channel's key for X-Channel-Key.

    Examples: minsheng token --role supervisor · minsheng token --role officer --unit patrol --subject o-1 ·
    minsheng token --channel website-0001
    """
    settings = Settings()
    if channel is not None:
        out.print(channel_key(settings.channel_ring, channel), highlight=False, soft_wrap=True)
        return
    if role is None:
        raise fail("Give --role (one of " + ", ".join(Role) + ") or --channel.")
    out.print(
        issue_token(
            settings.staff_ring,
            Staff(subject=subject, name=name or subject, role=role, unit=unit),
            now=datetime.now(UTC),
            lifetime=timedelta(hours=hours),
        ),
        highlight=False,
        soft_wrap=True,
    )
