"""`minsheng dead-letters`: look at events that were set aside, try them again, or give them up."""

from __future__ import annotations

import base64
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from services.cli.deployment import DATABASES
from services.cli.running import fail, out, run
from shared.bus import dead_letters
from shared.settings import Settings
from shared.store.engine import create_engine

app = typer.Typer(no_args_is_help=True, help="Events that a service had to set aside, and what waits behind them.")

Service = Annotated[str, typer.Option("--service", "-s", help="The service whose dead letters are meant.")]


def _engine(service: str) -> AsyncEngine:
    if service not in DATABASES:
        raise fail(f"{service} keeps no dead letters; those that do are {', '.join(DATABASES)}.")
    return create_engine(Settings().database_for(service), pool_size=1)


@app.command("list")
def list_letters(
    service: Service,
    everything: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False,
    case: Annotated[UUID | None, typer.Option(help="Only of this case.")] = None,
    after: Annotated[int, typer.Option(help="Only after this id, to go on.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """List dead letters in the order they came.

    Example: minsheng dead-letters list --service routing
    """

    async def work() -> list[dead_letters.Listed]:
        engine = _engine(service)
        async with engine.connect() as connection:
            states = None if everything else dead_letters.OPEN_STATES
            return await dead_letters.listed(connection, states=states, case_id=case, after=after, limit=limit)

    found = run(work())
    table = Table("id", "state", "reason", "type", "case", "sequence", "where", "attempts", "since")
    for letter in found:
        table.add_row(
            str(letter.id),
            letter.state,
            letter.reason,
            letter.type or "?",
            str(letter.case_id or "-"),
            str(letter.sequence or "-"),
            f"{letter.topic}[{letter.partition}]@{letter.offset}",
            str(letter.attempts),
            f"{letter.created_at:%Y-%m-%d %H:%M:%S}",
        )
    out.print(table)
    if len(found) == limit:
        out.print(f"more: --after {found[-1].id}")


@app.command()
def show(
    letter_id: Annotated[int, typer.Argument(help="Its id, from `list`.")],
    service: Service,
    value: Annotated[
        bool, typer.Option("--value", help="Also the event's content, base64; it may hold a citizen's words.")
    ] = False,
) -> None:
    """Show one dead letter: where it came from, why it was set aside, with its trace.

    Example: minsheng dead-letters show 17 --service routing
    """

    async def work() -> dead_letters.Letter | None:
        engine = _engine(service)
        async with engine.connect() as connection:
            return await dead_letters.find(connection, letter_id)

    letter = run(work())
    if letter is None:
        raise fail(f"{service} has no dead letter {letter_id}; `minsheng dead-letters list` shows which there are.")
    record = letter.record
    out.print(f"{letter.state}: {letter.reason}\n{letter.detail}", highlight=False, markup=False)
    out.print(f"{record.topic}[{record.partition}] offset {record.offset}", highlight=False, markup=False)
    for name, content in record.headers:
        out.print(f"  {name}: {content.decode('utf-8', 'replace')}", highlight=False, markup=False)
    if value and record.value is not None:
        out.print(base64.b64encode(record.value).decode(), soft_wrap=True, highlight=False)


def _ask(action: str, service: str, ids: list[int] | None, everything: bool) -> None:
    if bool(ids) == everything:
        raise fail("Give the ids of dead letters, or --all, not both.")

    async def work() -> list[int]:
        engine = _engine(service)
        async with engine.begin() as connection:
            return await dead_letters.ask(connection, action, None if everything else ids)

    asked = run(work())
    out.print(f"asked for {len(asked)}: the worker that owns the partition does it at once, or when one starts")
    left = sorted(set(ids or ()) - set(asked))
    if left:
        raise fail(f"{', '.join(map(str, left))} can't be asked: only failed ones and those at a hole can.")


Ids = Annotated[list[int] | None, typer.Argument(help="Ids of failed letters, or of those at a hole.")]
All = Annotated[bool, typer.Option("--all", help="All that failed, and all that wait at a hole.")]


@app.command()
def retry(service: Service, ids: Ids = None, everything: All = False) -> None:
    """Apply failed events again, after their cause was mended; what waits behind them follows.

    Example: minsheng dead-letters retry --all --service routing
    """
    _ask("retry", service, ids, everything)


@app.command()
def discard(service: Service, ids: Ids = None, everything: All = False) -> None:
    """Give failed events up (at a hole: give up what is missing), and let the case go on without.

    Example: minsheng dead-letters discard 17 --service routing
    """
    _ask("discard", service, ids, everything)
