"""`minsheng import FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from services.importer.importing import MAX_BATCH, Moment, Options, Summary, import_file
from services.importer.journal import JournalError
from services.importer.keys import ChannelKeys
from services.importer.mapping import MappingError
from services.importer.rows import FileError
from shared.privacy.keys import KeyRingError
from shared.settings import Settings

REFUSED = 3
"""Exit status where the whole file was read and some rows were refused; 1 is for an import that was stopped."""

app = typer.Typer(help="Hand the rows of a CSV or JSON-lines file in through the public interface, once each.")


@app.callback(invoke_without_command=True, context_settings={"allow_interspersed_args": True})
def import_(
    file: Annotated[
        Path, typer.Argument(help="A .csv, .tsv, .jsonl or .ndjson file; its first CSV line names columns.")
    ],
    channel: Annotated[str | None, typer.Option(help="The channel of all rows. Default: as the mapping says.")] = None,
    mapping: Annotated[
        str, typer.Option(help="How columns become requests: auto, messages, baltimore-311, or a YAML file.")
    ] = "auto",
    url: Annotated[str | None, typer.Option(help="Intake's address. Default: this machine's.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            envvar="MINSHENG_CHANNEL_KEY",
            help="A channel's or family's key; may be repeated. Default: made from MINSHENG_CHANNEL_KEYS.",
        ),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Of times without an offset. Default: the mapping's, else Asia/Shanghai.")
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
    """Hand a file's rows in. Stopped and given again, it goes on where it was; no row ever makes two cases.

    Ends with 0 when every row is a case, 3 when some were refused (see the report), 1 when it was stopped.

    Example: minsheng import messages.jsonl --channel website-0001
    """
    errors = Console(stderr=True)
    try:
        settings = Settings()
        ring = settings.channel_ring if settings.channel_keys is not None else None
        if not key and ring is None:
            raise ValueError(
                "No channel key: give --key, or set MINSHENG_CHANNEL_KEYS where the deployment's keys are."
            )
        options = Options(
            file=file,
            url=url or f"http://{settings.host}:{settings.intake_port}",
            keys=ChannelKeys(key or [], ring),
            channel=channel,
            mapping=mapping,
            timezone=timezone,
            encoding=encoding,
            batch=batch,
            in_flight=in_flight,
            patience=patience,
            state=state,
            report=report,
            restart=restart,
        )
        summary = _with_progress(options, errors)
    except (FileError, MappingError, JournalError, KeyRingError, ValueError, OSError) as error:
        errors.print(f"[red]minsheng import:[/red] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None
    _show(summary, Console())
    if summary.stopped is not None:
        errors.print(f"[red]minsheng import:[/red] {summary.stopped}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    if summary.counts.refused:
        raise typer.Exit(REFUSED)


def _with_progress(options: Options, console: Console) -> Summary:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[counted]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(options.file.name, total=None, counted="")

        def show(moment: Moment) -> None:
            counts = moment.counts
            progress.update(
                task,
                total=moment.size,
                completed=moment.position,
                counted=f"{counts.cases} cases · {counts.repeated} repeated · {counts.refused} refused",
            )

        return import_file(options, show)


def _show(summary: Summary, console: Console) -> None:
    counts = summary.counts
    table = Table("rows", "cases", "repeated", "refused", "urgent", "seconds", title=f"mapping {summary.mapping}")
    table.add_row(
        *map(str, (counts.rows, counts.cases, counts.repeated, counts.refused, counts.urgent)), f"{summary.seconds:.1f}"
    )
    console.print(table)
    if summary.resumed:
        console.print(f"{summary.resumed} of these rows were done by an earlier run.")
    if summary.report is not None:
        console.print(f"Refused rows with their reasons: {summary.report}", soft_wrap=True, highlight=False)
