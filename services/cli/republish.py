"""`minsheng republish` and `minsheng offsets reset`: remedies for readers that lost events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
import typer

from services.cli.deployment import DATABASES
from services.cli.running import fail, out, run
from shared.bus import outbox_replay
from shared.settings import Settings
from shared.store.engine import create_engine

offsets = typer.Typer(no_args_is_help=True, help="Where services read on.")


def republish(
    service: Annotated[str, typer.Option("--service", "-s", help="Whose events to publish again.")],
    case: Annotated[UUID | None, typer.Option(help="Only this case's events.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only events since this time (UTC).")] = None,
) -> None:
    """Publish the kept events of a service again, in order; readers skip what they have seen.

    Examples: minsheng republish --service routing --since 2026-11-01T00:00:00 ·
    minsheng republish --service intake --case 0192f3c0-...
    """
    if service not in DATABASES:
        raise fail(f"{service} emits nothing; those that do are {', '.join(DATABASES)}.")

    async def work() -> int:
        engine = create_engine(Settings().database_for(service), pool_size=1)
        async with engine.begin() as connection:
            return await outbox_replay.replay(connection, case_id=case, since=since)

    out.print(f"{run(work()):,} events will be published again by the workers that own their partitions")


@offsets.command("reset")
def reset(
    service: Annotated[str, typer.Option("--service", "-s", help="The service whose worker stands still.")],
    topic: Annotated[str | None, typer.Option(help="Only this topic's offsets.")] = None,
) -> None:
    """Forget where a stopped service reads on: it starts at the beginning of what its topics still hold.

    Nothing counts twice, since events already applied are skipped; what retention deleted shows as holes.

    Example: minsheng offsets reset --service routing
    """
    if service not in DATABASES:
        raise fail(f"{service} keeps no offsets; those that do are {', '.join(DATABASES)}.")

    async def work() -> int:
        engine = create_engine(Settings().database_for(service), pool_size=1)
        async with engine.begin() as connection:
            result = await connection.execute(
                sa.text("DELETE FROM offsets WHERE CAST(:topic AS text) IS NULL OR topic = :topic"), {"topic": topic}
            )
            return int(result.rowcount)

    out.print(f"{run(work())} offsets forgotten; restart the service's workers")
