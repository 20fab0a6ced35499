"""Reading a file row by row, whatever its size: CSV and JSON lines. A bad row doesn't end the reading."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from services.importer import words
from services.importer.encoding import ERRORS, UNREADABLE, EncodingError, encoding_of
from services.importer.table import HeadError, Records

CSV_SUFFIXES = {".csv": ",", ".tsv": "\t"}
JSON_SUFFIXES = {".jsonl", ".ndjson", ".json"}
_BOOKS = {".xlsx", ".xls", ".xlsm", ".ods", ".et", ".numbers"}


class FileError(ValueError):
    """The file can't be read at all. The message says why and what to do."""


class Number(str):
    """A number of a JSON file as it is written there: no digit is lost, however many it has."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number from 1 (a CSV's head is none), what it holds, or why it can't be read.

    Values are texts, `Number`, booleans, None, lists and objects. `position` is where the reading of the file stands,
    in bytes.
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
        if suffix in _BOOKS:
            raise FileError(words.WORKBOOK.of(path=path))
        if suffix not in CSV_SUFFIXES and suffix not in JSON_SUFFIXES:
            known = ", ".join(sorted([*CSV_SUFFIXES, *JSON_SUFFIXES]))
            raise FileError(words.UNKNOWN_KIND.of(path=path, known=known))
        self._delimiter = CSV_SUFFIXES.get(suffix)
        try:
            self.size = path.stat().st_size
            self.encoding = encoding_of(path, encoding)
        except EncodingError as error:
            raise FileError(str(error)) from None
        except OSError as error:
            raise FileError(words.NOT_READ.of(path=path, reason=error.strerror)) from None

    def columns(self) -> list[str]:
        """The columns of a CSV's head, or those of the first readable JSON line. Raises `FileError`."""
        with self.path.open("rb") as file:
            if self._delimiter is not None:
                head = self._records(file, self._delimiter).head
                return [name for name in head.names if name] if head else []
            for row in self._json_rows(file):
                if row.trouble is None:
                    return list(row.values)
                if row.number == 1 and self._is_array():
                    raise FileError(words.JSON_ARRAY.of(path=self.path, name=self.path.name, stem=self.path.stem))
            return []

    def lacking(self, wanted: frozenset[str]) -> set[str]:
        """Those of these columns that no row has. Raises `FileError`."""
        left = set(wanted).difference(self.columns())
        if left and self._delimiter is None:
            # The head of JSON lines is in each of them.
            for row in self:
                left.difference_update(row.values)
                if not left:
                    break
        return left

    def __iter__(self) -> Iterator[Row]:
        with self.path.open("rb") as file:
            yield from self._json_rows(file) if self._delimiter is None else self._csv_rows(file, self._delimiter)

    def _text(self, file: IO[bytes]) -> Iterator[str]:
        # Line ends stay as they are: some are a citizen's own.
        return io.TextIOWrapper(file, encoding=self.encoding.codec, errors=ERRORS, newline="")

    def _records(self, file: IO[bytes], delimiter: str) -> Records:
        try:
            records = Records(self._text(file), delimiter)
        except HeadError as error:
            raise FileError(words.BAD_HEAD.of(path=self.path, reason=error)) from None
        if records.head is not None and (trouble := self.encoding.trouble(list(records.head.names))) is not None:
            raise FileError(words.HEAD_NOT_READ.of(path=self.path, reason=trouble))
        return records

    def _csv_rows(self, file: IO[bytes], delimiter: str) -> Iterator[Row]:
        records = self._records(file, delimiter)
        head = records.head
        if head is None:
            return
        for number, record in enumerate(records, 1):
            trouble = record.trouble or self.encoding.trouble(record.cells) or head.trouble(len(record.cells))
            yield Row(number, head.values(record.cells), file.tell(), trouble)

    def _json_rows(self, file: IO[bytes]) -> Iterator[Row]:
        number = 0
        # One object a line: a carriage return alone is a blank between its members, and ends nothing.
        for line in io.TextIOWrapper(file, encoding=self.encoding.codec, errors=ERRORS, newline="\n"):
            if not line.strip("\ufeff \t\r\n"):
                continue
            number += 1
            trouble = f"it is not {self.encoding.name} throughout" if UNREADABLE in line else None
            values: dict[str, Any] = {}
            if trouble is None:
                try:
                    values = _object(line.strip("\ufeff \t\r\n"))
                except (ValueError, RecursionError) as error:
                    trouble = str(error) if isinstance(error, _NoRowError) else "it is not JSON"
                trouble = trouble or self.encoding.trouble([one for one in values.values() if isinstance(one, str)])
            yield Row(number, values, file.tell(), trouble)

    def _is_array(self) -> bool:
        with self.path.open("rb") as file:
            return next(self._text(file), "").lstrip("\ufeff \t\r\n").startswith("[")


class _NoRowError(ValueError):
    """A line is no row; the message says why."""


def _object(line: str) -> dict[str, Any]:
    """The object of a line. Raises `ValueError`, `RecursionError`."""
    found = _DECODER.decode(line)
    if not isinstance(found, dict):
        raise _NoRowError("it is not a JSON object")
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NoRowError("it has a member twice")
    for value in members.values():
        if isinstance(value, str) and not _is_text(value):
            raise _NoRowError("it holds half of a character, as `\\ud83d` alone")
    return members


def _no_constant(_: str) -> NoReturn:
    raise _NoRowError("NaN and Infinity are no JSON")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=Number, parse_float=Number, parse_constant=_no_constant
)
