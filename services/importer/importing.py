"""The import of one file, from its rows to the summary: `import_file`."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson

from services.importer import journal as journals
from services.importer import mapping as mappings
from services.importer import words
from services.importer.journal import Counts, Done, Journal, JournalError, Refusal
from services.importer.mapping import MappingError, RowError, RowMapping
from services.importer.options import MAX_BATCH, Moment, Options, Summary
from services.importer.outcomes import Outcomes, Prepared, mark_of
from services.importer.posting import GaveUpError, Poster
from services.importer.rows import FileError, Row, Rows

MAX_BATCH_BYTES = 900_000
"""Below the usual limit of a body, 1 MiB."""
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


def import_file(options: Options, on_progress: Callable[[Moment], None] = lambda _: None) -> Summary:
    """Hand a file's rows in; afterwards rows = cases + repeated + refused.

    May be stopped and called again: rows with a final answer are not posted again, and a row that is posted again makes
    no second case. Raises `FileError`, `MappingError`, `JournalError`, `ValueError` (time zone) or `OSError` before
    anything is posted.
    """
    started = time.monotonic()
    rows = Rows(options.file, encoding=options.encoding)
    columns = rows.columns()
    if not columns and next(iter(rows), None) is None:
        raise FileError(words.NO_ROWS.of(file=options.file))
    # Where no row can be read each is refused for itself, and any mapping will do.
    mapping = mappings.choose(options.mapping, columns or mappings.presets()["messages"].recognise)
    if columns and (lacking := rows.lacking(mapping.needed)):
        raise MappingError(
            words.NO_COLUMN.of(
                file=options.file,
                lacking=", ".join(sorted(lacking)),
                mapping=mapping.name,
                columns=", ".join(columns[:40]),
            )
        )
    timezone = mappings.zone(options.timezone or mapping.timezone or options.default_timezone)
    survey = Survey.of(rows, mapping, options.channel)
    keys = {channel: _key(options, channel) for channel in sorted(survey.channels)}
    identity = {
        "file": journals.digest(options.file),
        "mapping": mapping.model_dump(mode="json", exclude={"recognise", "description"}),
        "channel": options.channel,
        "timezone": timezone.key,
        "encoding": rows.encoding.name,
        "url": options.url,
    }
    if options.restart:
        options.state_file.unlink(missing_ok=True)
    with closing(_journal(options.state_file, identity)) as journal:
        work = _Import(
            options,
            rows,
            lambda values: mapping.form(values, channel=options.channel, timezone=timezone),
            journal,
            keys,
            survey,
        )
        stopped: str | None = None
        try:
            asyncio.run(work.run(on_progress))
        except GaveUpError as error:
            stopped = str(error)
        except KeyboardInterrupt:
            stopped = words.STOPPED.of()
        return Summary(
            journal.counts,
            journal.resumed,
            time.monotonic() - started,
            mapping.name,
            rows.encoding.name,
            write_report(options.report_file, journal.refusals),
            write_report(options.remarks_file, journal.remarks),
            stopped,
        )


def _key(options: Options, channel: str) -> str:
    key = options.keys.of(channel)
    if key is None:
        raise ValueError(words.NO_KEY.of(channel=channel))
    return key


def _journal(path: Path, identity: dict[str, Any]) -> Journal:
    try:
        return Journal(path, identity)
    except PermissionError:
        raise JournalError(words.STATE_NOT_WRITTEN.of(path=path)) from None


@dataclass(frozen=True, slots=True)
class Survey:
    """What is to be known of a file before its first row is posted."""

    channels: frozenset[str]
    """Those that the mapping or the command gives its rows, and not the rows themselves."""
    several: frozenset[int]
    """Requests that stand in more than one row, by `Prepared.mark`."""

    @classmethod
    def of(cls, rows: Rows, mapping: RowMapping, channel: str | None) -> Survey:
        """Look through a file once."""
        channels: set[str] = set()
        seen: set[int] = set()
        several: set[int] = set()
        for row in rows:
            if row.trouble is not None:
                continue
            try:
                given = mapping.channel_of(row.values, channel)
                mark = mark_of(given or mapping.channel_in(row.values), mapping.id_of(row.values))
            except RowError:
                continue
            if given is not None:
                channels.add(given)
            (several if mark in seen else seen).add(mark)
        return cls(frozenset(channels), frozenset(several))


@dataclass(slots=True)
class _Group:
    rows: list[Prepared] = field(default_factory=list)
    size: int = 0


class _Import:
    def __init__(
        self,
        options: Options,
        rows: Rows,
        form: Callable[[dict[str, Any]], dict[str, Any]],
        journal: Journal,
        keys: Mapping[str, str],
        survey: Survey,
    ) -> None:
        self._options = options
        self._rows = rows
        self._form = form
        self._journal = journal
        self._keys = keys
        self._survey = survey
        self._groups: dict[str, _Group] = {}
        self._refused: list[Refusal] = []
        self._in_flight: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._slots = asyncio.Semaphore(options.in_flight)

    async def run(self, on_progress: Callable[[Moment], None]) -> None:
        """Read to the end, posting as it goes. What is under way when it is stopped is still waited for."""
        limits = httpx.Limits(
            max_connections=self._options.in_flight, max_keepalive_connections=self._options.in_flight
        )
        async with httpx.AsyncClient(base_url=self._options.url, timeout=_TIMEOUT, limits=limits) as client:
            poster = Poster(client, patience=self._options.patience)
            now = await poster.time()
            for channel, key in self._keys.items():
                await poster.check(channel, key)
            if self._journal.since is None:
                self._journal.begin(now)
            poster.outcomes = Outcomes(
                since=self._journal.since,
                unanswered=self._journal.unanswered,
                several=self._survey.several,
                made=self._journal.made,
            )
            try:
                await self._read(poster, on_progress)
            finally:
                self._note_refused()
                if self._in_flight:
                    await asyncio.wait(self._in_flight)
            if self._failure is not None:
                raise self._failure
        on_progress(Moment(self._rows.size, self._rows.size, self._journal.counts))

    async def _read(self, poster: Poster, on_progress: Callable[[Moment], None]) -> None:
        done = self._journal.is_done()
        for row in self._rows:
            on_progress(Moment(row.position, self._rows.size, self._journal.counts))
            if next(done):
                continue
            await self._take(row, poster)
            if row.number % self._options.batch == 0:
                # Where no row needs posting, nothing else would let an interruption through.
                await asyncio.sleep(0)
            if self._failure is not None:
                return
        for key, group in self._groups.items():
            await self._send(poster, key, group.rows)

    async def _take(self, row: Row, poster: Poster) -> None:
        try:
            if row.trouble is not None:
                raise RowError(row.trouble)
            form = self._form(row.values)
            key = self._options.keys.of(form["channel"])
            if key is None:
                raise RowError(f"there is no key for its channel {form['channel']}; give one with --key")
        except RowError as error:
            self._refused.append(Refusal(row.number, None, str(error)))
            if len(self._refused) >= MAX_BATCH:
                self._note_refused()
            return
        prepared = Prepared(row.number, form["channel_request_id"], orjson.dumps(form), form["channel"])
        group = self._groups.setdefault(key, _Group())
        if group.rows and group.size + len(prepared.body) > MAX_BATCH_BYTES:
            await self._send(poster, key, group.rows)
            group = self._groups[key] = _Group()
        group.rows.append(prepared)
        group.size += len(prepared.body) + 1
        if len(group.rows) >= self._options.batch:
            await self._send(poster, key, group.rows)
            self._groups[key] = _Group()

    async def _send(self, poster: Poster, key: str, rows: Sequence[Prepared]) -> None:
        if not rows:
            return
        await self._slots.acquire()
        self._journal.sending([row.row for row in rows])

        async def post() -> None:
            try:
                await poster.post(rows, key, self._journal.add)
            except BaseException as error:  # noqa: BLE001 - told to whoever reads the file, who stops
                self._failure = self._failure or error
            finally:
                self._slots.release()

        task = asyncio.create_task(post())
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    def _note_refused(self) -> None:
        if self._refused:
            rows = tuple(refusal.row for refusal in self._refused)
            self._journal.add(Done(rows, Counts(refused=len(rows)), tuple(self._refused)))
            self._refused = []


def write_report(path: Path, refusals: Iterable[Refusal]) -> Path | None:
    """Write the refused rows as CSV, or as JSON lines by the suffix; None, and no file, where there are none."""
    ordered = journals.ordered(refusals)
    if not ordered:
        path.unlink(missing_ok=True)
        return None
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        with path.open("wb") as file:
            for one in ordered:
                file.write(orjson.dumps({"row": one.row, "id": one.id, "reason": one.reason}) + b"\n")
        return path
    with path.open("w", encoding="utf-8-sig", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["row", "id", "reason"])
        writer.writerows((one.row, one.id, one.reason) for one in ordered)
    return path
