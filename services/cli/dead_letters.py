"""`minsheng dead-letters`: look at events that were set aside, try them again, or give them up."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from services.cli.names import DATABASES
from services.cli.running import fail, out, run
from shared.bilingual import Text
from shared.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from shared.bus.dead_letters import Letter, Listed

app = typer.Typer(no_args_is_help=True, help="Events that a service had to set aside, and what waits behind them.")

_NO_LETTERS = Text(
    "{service} keeps no dead letters; those that do are {known}.",
    "{service} 没有死信；有死信的服务是 {known}。",
)
_NO_LETTER = Text(
    "{service} has no dead letter {id}; `minsheng dead-letters list` shows which there are.",
    "{service} 没有编号为 {id} 的死信；`minsheng dead-letters list` 可列出全部。",
)
_IDS_OR_ALL = Text("Give the ids of dead letters, or --all, not both.", "请给出死信编号，或者 --all，二者选一。")
_NOT_ASKED = Text(
    "{ids} can't be asked: only failed ones and those at a hole can.",
    "{ids} 不能这样处理：只有失败的死信和缺口处的死信可以。",
)

Service = Annotated[str, typer.Option("--service", "-s", help="The service whose dead letters are meant.")]


def _engine(service: str) -> AsyncEngine:
    if service not in DATABASES:
        raise fail(_NO_LETTERS, service=service, known=", ".join(DATABASES))
    from shared.store.engine import create_engine

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

    async def work() -> list[Listed]:
        from shared.bus import dead_letters

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
            escape(letter.reason),
            escape(letter.type or "?"),
            str(letter.case_id or "-"),
            str(letter.sequence or "-"),
            escape(f"{letter.topic}[{letter.partition}]@{letter.offset}"),
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

    async def work() -> Letter | None:
        from shared.bus import dead_letters

        engine = _engine(service)
        async with engine.connect() as connection:
            return await dead_letters.find(connection, letter_id)

    letter = run(work())
    if letter is None:
        raise fail(_NO_LETTER, service=service, id=letter_id)
    record = letter.record
    out.print(f"{letter.state}: {letter.reason}\n{letter.detail}", highlight=False, markup=False)
    out.print(f"{record.topic}[{record.partition}] offset {record.offset}", highlight=False, markup=False)
    for name, content in record.headers:
        out.print(f"  {name}: {content.decode('utf-8', 'replace')}", highlight=False, markup=False)
    if value and record.value is not None:
        typer.echo(base64.b64encode(record.value).decode())


def _ask(action: str, service: str, ids: list[int] | None, everything: bool) -> None:
    if bool(ids) == everything:
        raise fail(_IDS_OR_ALL)

    async def work() -> list[int]:
        from shared.bus import dead_letters

        engine = _engine(service)
        async with engine.begin() as connection:
            return await dead_letters.ask(connection, action, None if everything else ids)

    asked = run(work())
    out.print(f"asked for {len(asked)}: the worker that owns the partition does it at once, or when one starts")
    left = sorted(set(ids or ()) - set(asked))
    if left:
        raise fail(_NOT_ASKED, ids=", ".join(map(str, left)))


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
