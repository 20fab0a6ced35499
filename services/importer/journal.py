"""What of a file is done already, kept beside it, so that an import that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from services.importer import words

_VERSION = 2
_CHUNK = 1024 * 1024


class JournalError(ValueError):
    """The journal doesn't belong to this import. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that did not become a case, and why. `id` is the row's own id where it has one."""

    row: int
    id: str | None
    reason: str


@dataclass(slots=True)
class Counts:
    """What became of rows. Every row is one of cases, repeated and refused."""

    cases: int = 0
    repeated: int = 0
    refused: int = 0
    urgent: int = 0

    @property
    def rows(self) -> int:
        """All rows."""
        return self.cases + self.repeated + self.refused

    def add(self, other: Counts) -> None:
        """Count `other` in."""
        self.cases += other.cases
        self.repeated += other.repeated
        self.refused += other.refused
        self.urgent += other.urgent


@dataclass(frozen=True, slots=True)
class Done:
    """Rows whose outcome is final. `remarks` are of rows that are cases, in the form of refusals; `made` are the
    requests counted as cases that stand in the file more than once, by their marks."""

    rows: tuple[int, ...]
    counts: Counts
    refusals: tuple[Refusal, ...] = ()
    remarks: tuple[Refusal, ...] = ()
    made: tuple[int, ...] = ()


@dataclass(slots=True)
class _Ranges:
    """A set of numbers as ranges, small where the numbers lie together."""

    starts: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)

    def add(self, first: int, last: int) -> None:
        before = self.ends.pop(first - 1, None)
        if before is not None:
            first = before
        after = self.starts.pop(last + 1, None)
        if after is not None:
            self.ends.pop(after, None)
            last = after
        self.starts[first] = last
        self.ends[last] = first

    def ordered(self) -> list[tuple[int, int]]:
        return sorted(self.starts.items())


class Journal:
    """An append-only file of JSON lines: a head that says which import it is of, when it began, then a line for each
    group of rows before it is posted, and one for what is final of it.

    A line cut off by a crash is dropped; its rows are posted again, and the platform knows them.
    """

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        """Open or begin the journal of an import. Raises `JournalError` when the file is another import's."""
        self.path = path
        self.counts = Counts()
        self.refusals: list[Refusal] = []
        self.remarks: list[Refusal] = []
        self.made: set[int] = set()
        self.since: datetime | None = None
        """When the import began, by the platform's clock; None until `begin`."""
        self._ranges = _Ranges()
        self._sent: set[int] = set()
        head = {"version": _VERSION, **identity}
        kept = self._read(head) if path.exists() else 0
        self._file = path.open("ab")
        if kept == 0:
            self._file.truncate(0)
            self._write(head)
        else:
            self._file.truncate(kept)
        self.resumed = self.counts.rows

    def _read(self, head: dict[str, Any]) -> int:
        """Take what is written; returns how many bytes of the file are good, 0 to begin it anew."""
        with self.path.open("rb") as file:
            first = next(file, b"")
            lines = [line for line in file if line.endswith(b"\n")]
        if not first.endswith(b"\n") or not lines:
            # Nothing was posted yet, whatever it was of.
            return 0
        self._compare(orjson.loads(first), head)
        for line in lines:
            self._take(orjson.loads(line))
        return len(first) + sum(map(len, lines))

    def _compare(self, found: Any, head: dict[str, Any]) -> None:
        known = found if isinstance(found, dict) else {}
        changed = [words.CHANGED[name].of() for name, value in head.items() if known.get(name) != value]
        if changed:
            raise JournalError(words.ANOTHER_IMPORT.of(path=self.path, changed=", ".join(changed)))

    def _take(self, content: dict[str, Any]) -> None:
        if "since" in content:
            self.since = datetime.fromisoformat(content["since"])
        elif "sent" in content:
            self._sent.update(_numbers(content["sent"]))
        else:
            self._count(content)

    def _count(self, content: dict[str, Any]) -> None:
        for first, last in content["rows"]:
            self._ranges.add(first, last)
        self._sent.difference_update(_numbers(content["rows"]))
        self.counts.add(Counts(*content["counts"]))
        self.refusals.extend(Refusal(*refusal) for refusal in content["refused"])
        self.remarks.extend(Refusal(*remark) for remark in content.get("remarks", ()))
        self.made.update(content.get("made", ()))

    @property
    def unanswered(self) -> frozenset[int]:
        """Rows that were posted and have no final answer."""
        return frozenset(self._sent)

    def begin(self, since: datetime) -> None:
        """Write down when the import began, before anything is posted."""
        self.since = since
        self._write({"since": since.isoformat()})

    def sending(self, rows: Sequence[int]) -> None:
        """Write down which rows are about to be posted."""
        ranges = _ranges(rows)
        self._write({"sent": ranges})
        self._sent.update(rows)

    def is_done(self) -> Iterator[bool]:
        """For row 1, 2, 3, …: whether its outcome was final when this was called."""
        number = 1
        for first, last in self._ranges.ordered():
            while number < first:
                yield False
                number += 1
            while number <= last:
                yield True
                number += 1
        while True:
            yield False

    def add(self, done: Done) -> None:
        """Write down what is final now."""
        content: dict[str, Any] = {
            "rows": _ranges(done.rows),
            "counts": [done.counts.cases, done.counts.repeated, done.counts.refused, done.counts.urgent],
            "refused": [[refusal.row, refusal.id, refusal.reason] for refusal in done.refusals],
        }
        if done.remarks:
            content["remarks"] = [[remark.row, remark.id, remark.reason] for remark in done.remarks]
        if done.made:
            content["made"] = done.made
        self._write(content)
        self._count(content)

    def _write(self, content: dict[str, Any]) -> None:
        self._file.write(orjson.dumps(content) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Have everything on disk."""
        os.fsync(self._file.fileno())
        self._file.close()


def digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _ranges(rows: Sequence[int]) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for row in sorted(rows):
        if ranges and ranges[-1][1] == row - 1:
            ranges[-1] = (ranges[-1][0], row)
        else:
            ranges.append((row, row))
    return ranges


def _numbers(ranges: Iterable[Sequence[int]]) -> Iterator[int]:
    for first, last in ranges:
        yield from range(first, last + 1)


def ordered(refusals: Iterable[Refusal]) -> list[Refusal]:
    """Refusals in the order of their rows."""
    return sorted(refusals, key=lambda refusal: refusal.row)
