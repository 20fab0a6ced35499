"""`minsheng republish` and `minsheng offsets reset`: remedies for readers that lost events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from services.cli.names import DATABASES
from services.cli.running import fail, out, run
from shared.bilingual import Text
from shared.settings import Settings

_EMITS_NOTHING = Text(
    "{service} emits nothing; those that do are {known}.",
    "{service} 不发出事件；发出事件的服务是 {known}。",
)
_NO_OFFSETS = Text(
    "{service} keeps no offsets; those that do are {known}.",
    "{service} 不保存读取位置；保存的服务是 {known}。",
)
_RUNS = Text(
    "{service} runs: {count} connections to its database are open. Stop all of its processes first, or they would read "
    "on where they are.",
    "{service} 正在运行：它的数据库上还有 {count} 个连接。请先停止它的全部进程，否则它们会从原处继续读取。",
)
_NO_TOPIC = Text(
    "{service} has no offset of a topic {topic!r}; it has {known}.",
    "{service} 没有主题 {topic!r} 的读取位置；它有 {known}。",
)
_RUNNING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE :application"
)

offsets = typer.Typer(no_args_is_help=True, help="Where services read on.")


@offsets.callback()
def _offsets() -> None:
    """Where services read on."""


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
        raise fail(_EMITS_NOTHING, service=service, known=", ".join(DATABASES))

    async def work() -> int:
        from shared.bus import outbox_replay
        from shared.store.engine import create_engine

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

    Refused while a process of the service runs. Nothing counts twice, since events already applied are skipped; what
    retention deleted shows as holes.

    Example: minsheng offsets reset --service routing
    """
    if service not in DATABASES:
        raise fail(_NO_OFFSETS, service=service, known=", ".join(DATABASES))

    async def work() -> int:
        import sqlalchemy as sa

        from shared.store.engine import create_engine

        engine = create_engine(Settings().database_for(service), pool_size=1)
        async with engine.begin() as connection:
            running = await connection.scalar(sa.text(_RUNNING), {"application": f"minsheng-{service}-%"})
            if running:
                raise fail(_RUNS, service=service, count=running)
            known = sorted(await connection.scalars(sa.text("SELECT DISTINCT topic FROM offsets")))
            if topic is not None and topic not in known:
                raise fail(_NO_TOPIC, service=service, topic=topic, known=", ".join(known) or "-")
            result = await connection.execute(
                sa.text("DELETE FROM offsets WHERE CAST(:topic AS text) IS NULL OR topic = :topic"), {"topic": topic}
            )
            return int(result.rowcount)

    out.print(f"{run(work())} offsets forgotten; start the service's workers")
