"""Reading a file row by row, whatever its size: CSV and JSON lines. A bad row doesn't end the reading."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

CSV_SUFFIXES = {".csv": ",", ".tsv": "\t"}
JSON_SUFFIXES = {".jsonl", ".ndjson", ".json"}
MAX_CELL = 64 * 1024 * 1024
_SAMPLE = 1024 * 1024


class FileError(ValueError):
    """The file can't be read at all. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number from 1 (a CSV's header is none), what it holds, or why it can't be read.

    `position` is where the reading of the file stands, in bytes.
    """

    number: int
    values: dict[str, Any]
    position: int
    trouble: str | None = None


class Rows:
    """The rows of a file, with the columns that its head names. Iterate once."""

    def __init__(self, path: Path, *, encoding: str | None = None) -> None:
        """Look at the file. Raises `FileError`."""
        self.path = path
        suffix = path.suffix.lower()
        if suffix not in CSV_SUFFIXES and suffix not in JSON_SUFFIXES:
            known = ", ".join(sorted([*CSV_SUFFIXES, *JSON_SUFFIXES]))
            raise FileError(f"The kind of {path} is told by its suffix: one of {known}. Rename it.")
        try:
            self.size = path.stat().st_size
            with path.open("rb") as file:
                sample = file.read(_SAMPLE)
        except OSError as error:
            raise FileError(f"{path} can't be read: {error.strerror}.") from None
        self._delimiter = CSV_SUFFIXES.get(suffix)
        self._encoding = encoding or _encoding_of(sample)
        try:
            "".encode(self._encoding)
        except LookupError:
            raise FileError(f"There is no encoding {encoding!r}; UTF-8 and GB18030 are the usual ones.") from None

    def columns(self) -> set[str]:
        """The columns of a CSV's head, or those of the first readable JSON line."""
        with self.path.open("rb") as file:
            if self._delimiter is not None:
                return set(next(self._csv(file), []))
            return next((set(row.values) for row in self._json_rows(file) if row.trouble is None), set())

    def __iter__(self) -> Iterator[Row]:
        with self.path.open("rb") as file:
            yield from self._csv_rows(file) if self._delimiter is not None else self._json_rows(file)

    def _csv(self, file: IO[bytes]) -> Iterator[list[str]]:
        assert self._delimiter is not None
        # Bytes that are no text become lone surrogates: then the row is at fault, and not the whole file.
        text = io.TextIOWrapper(file, encoding=self._encoding, errors="surrogateescape", newline="")
        csv.field_size_limit(MAX_CELL)
        return csv.reader(text, delimiter=self._delimiter)

    def _csv_rows(self, file: IO[bytes]) -> Iterator[Row]:
        reader = self._csv(file)
        head = next(reader, None)
        if head is None:
            return
        if len(set(head)) != len(head):
            raise FileError(f"Two columns of {self.path} have the same name. Rename one in its first line.")
        number = 0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                number += 1
                yield Row(number, {}, file.tell(), f"it is not CSV: {error}")
                continue
            if not cells:
                continue
            number += 1
            trouble = None
            if len(cells) != len(head):
                trouble = f"it has {len(cells)} cells, and the head {len(head)}"
            elif not _is_text(cells):
                trouble = f"it is not {self._encoding.removesuffix('-sig').upper()} throughout"
            yield Row(number, dict(zip(head, cells, strict=False)), file.tell(), trouble)

    def _json_rows(self, file: IO[bytes]) -> Iterator[Row]:
        number = position = 0
        for line in file:
            start = line.removeprefix(b"\xef\xbb\xbf") if position == 0 else line
            position += len(line)
            if not start.strip():
                continue
            number += 1
            try:
                values = orjson.loads(self._utf8(start))
            except ValueError:
                yield Row(number, {}, position, "it is not JSON")
                continue
            if isinstance(values, dict):
                yield Row(number, values, position)
            else:
                yield Row(number, {}, position, "it is not a JSON object")

    def _utf8(self, line: bytes) -> bytes:
        return line if self._encoding.startswith("utf-8") else line.decode(self._encoding).encode()


def _encoding_of(sample: bytes) -> str:
    # A character may be cut at the sample's end; none in UTF-8 has more than four bytes.
    for cut in range(4):
        try:
            sample[: len(sample) - cut].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
        return "utf-8-sig"
    for cut in range(4):
        try:
            sample[: len(sample) - cut].decode("gb18030")
        except UnicodeDecodeError:
            continue
        return "gb18030"
    return "utf-8-sig"


def _is_text(cells: list[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True
