"""`minsheng import FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from services.importer import mapping as mappings
from services.importer import words
from services.importer.journal import JournalError
from services.importer.keys import ChannelKeys
from services.importer.mapping import MEMBERS, MappingError
from services.importer.options import MAX_BATCH, Moment, Options, Summary
from services.importer.rows import FileError, Rows
from shared.privacy.keys import KeyRingError
from shared.settings import Settings

REFUSED = 3
"""Exit status where the whole file was read and some rows were refused; 1 is for an import that was stopped."""

_TOLD = (FileError, MappingError, JournalError, KeyRingError, ValueError, OSError)


def import_(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A .csv, .tsv, .jsonl or .ndjson file; its first CSV line names columns.", show_default=False
        ),
    ] = None,
    channel: Annotated[str | None, typer.Option(help="The channel of all rows. Default: as the mapping says.")] = None,
    mapping: Annotated[
        str, typer.Option(help="How columns become requests: auto, messages, baltimore-311, or a YAML file.")
    ] = "auto",
    columns: Annotated[
        bool, typer.Option("--columns", help="Post nothing: list the file's columns and what they become.")
    ] = False,
    list_mappings: Annotated[
        bool, typer.Option("--mappings", help="Post nothing: list the members of a request, and the mappings.")
    ] = False,
    url: Annotated[str | None, typer.Option(help="Intake's address. Default: this machine's.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            envvar="MINSHENG_CHANNEL_KEY",
            help="A channel's or family's key; may be repeated. Default: made from MINSHENG_CHANNEL_KEYS.",
        ),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Of times without an offset. Default: the mapping's, else the deployment's.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Default: UTF-8, else GB18030, by what the file holds.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=MAX_BATCH, help="Rows of one post.")] = 200,
    in_flight: Annotated[int, typer.Option(min=1, max=64, help="Posts at the same time.")] = 4,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for a platform that is away.")] = 120.0,
    state: Annotated[
        Path | None, typer.Option(help="Where the progress is kept. Default: beside the file, FILE.import")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Refused rows, .csv or .jsonl. Default: beside the state, FILE.refused.csv")
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget an earlier import's progress.")] = False,
) -> None:
    """Hand the rows of a CSV or JSON-lines file in through the public interface, once each.

    Stopped and given again, it goes on where it was; no row ever makes two cases. Ends with 0 when every row is a case,
    3 when some were refused (see the report), 1 when it was stopped.

    Example: minsheng import messages.jsonl --channel website-0001
    """
    errors = Console(stderr=True)
    out = Console()
    try:
        if list_mappings:
            _show_mappings(out)
            return
        if file is None:
            raise ValueError(words.NO_FILE.of())
        if columns:
            _show_columns(out, Rows(file, encoding=encoding), mapping)
            return
        settings = Settings()
        ring = settings.channel_ring if settings.channel_keys is not None else None
        if not key and ring is None:
            raise ValueError(words.NO_KEYS.of())
        options = Options(
            file=file,
            url=url or f"http://{settings.host}:{settings.intake_port}",
            keys=ChannelKeys(key or [], ring),
            channel=channel,
            mapping=mapping,
            timezone=timezone,
            default_timezone=settings.timezone,
            encoding=encoding,
            batch=batch,
            in_flight=in_flight,
            patience=patience,
            state=state,
            report=report,
            restart=restart,
        )
        summary = _with_progress(options, errors)
    except _TOLD as error:
        errors.print(f"[red]minsheng import:[/red] {escape(str(error))}", highlight=False, soft_wrap=True, emoji=False)
        raise typer.Exit(1) from None
    _show(summary, out)
    if summary.stopped is not None:
        errors.print(
            f"[red]minsheng import:[/red] {escape(summary.stopped)}", highlight=False, soft_wrap=True, emoji=False
        )
        raise typer.Exit(1)
    if summary.counts.refused:
        raise typer.Exit(REFUSED)


def _show_mappings(out: Console) -> None:
    members = Table("member", "is", title="what a mapping fills")
    for name, meaning in MEMBERS.items():
        members.add_row(name, meaning)
    out.print(members)
    for known in mappings.presets().values():
        table = Table("member", "from", title=f"--mapping {known.name}", caption=escape(known.description))
        for target, source in known.fields.items():
            table.add_row(target, escape(source.origin))
        out.print(table)
    out.print(f"A mapping of your own is a YAML file like {mappings.PRESETS / 'messages.yaml'}", soft_wrap=True)


def _show_columns(out: Console, rows: Rows, asked: str) -> None:
    columns = rows.columns()
    try:
        mapping = mappings.choose(asked, columns)
    except MappingError:
        if asked != "auto":
            raise
        mapping = None
    table = Table("column", "becomes", title=f"{rows.path.name} · {rows.encoding.name}")
    for column in columns:
        targets = [target for target, source in mapping.fields.items() if column in source.columns] if mapping else []
        table.add_row(escape(column), ", ".join(targets) or "-")
    out.print(table)
    out.print(f"mapping {mapping.name}" if mapping else "No mapping that comes along fits these columns.", markup=False)


def _with_progress(options: Options, console: Console) -> Summary:
    # Loaded now: the options alone need no HTTP client.
    from services.importer.importing import import_file

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[counted]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=console)
    task = progress.add_task(options.file.name, total=None, counted="")

    def show(moment: Moment) -> None:
        # From the first row on: what is wrong before it is told without a bar that never moved.
        progress.start()
        counts = moment.counts
        progress.update(
            task,
            total=moment.size,
            completed=moment.position,
            counted=f"{counts.cases} cases · {counts.repeated} repeated · {counts.refused} refused",
        )

    try:
        return import_file(options, show)
    finally:
        if progress.live.is_started:
            progress.stop()


def _show(summary: Summary, console: Console) -> None:
    counts = summary.counts
    table = Table(
        "rows",
        "cases",
        "repeated",
        "refused",
        "urgent",
        "seconds",
        title=f"mapping {summary.mapping}, encoding {summary.encoding}",
    )
    table.add_row(
        *map(str, (counts.rows, counts.cases, counts.repeated, counts.refused, counts.urgent)), f"{summary.seconds:.1f}"
    )
    console.print(table)
    if summary.resumed:
        console.print(f"{summary.resumed} of these rows were done by an earlier run.")
    if summary.report is not None:
        console.out(f"Refused rows with their reasons: {summary.report}", highlight=False)
    if summary.remarks is not None:
        console.out(f"Rows that are cases with a remark, to be looked at: {summary.remarks}", highlight=False)
