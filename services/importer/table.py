"""Reading CSV: its head, and its records one by one.

A quote that is never closed swallows the rows after it, and their words would become one citizen's. So the form is
taken strictly (RFC 4180), and where a record breaks it, reading goes on at the next line that is a row by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from services.importer import words

MAX_RECORD = 4 * 1024 * 1024
"""Characters that a record over several lines may have: more than any request can, and a bound on reading ahead."""
_ENDS = "\r\n"
_BLANKS = " \t\r\n\v\f\u00a0\u3000\ufeff\u200b\u2060"
_QUOTES = "\"'\u201c\u201d\u2018\u2019"
_ID = re.compile(r"[A-Za-z0-9._:/#@+-]*")
_IDS_KEPT = 1_000


class HeadError(ValueError):
    """The head of a table can't be used. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Head:
    """The columns of a table: their names in order, empty for those without one, which are ignored."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, cells: Sequence[str]) -> Head:
        """The head that a first record is: names without the blanks and quotes around them. Raises `HeadError`."""
        names = tuple(cell.strip(_BLANKS).strip(_QUOTES).strip(_BLANKS) for cell in cells)
        named = [name for name in names if name]
        for name in named:
            if named.count(name) > 1:
                raise HeadError(words.SAME_NAME.of(name=name))
        if not named:
            raise HeadError(words.NO_NAMES.of())
        return cls(names)

    @property
    def first(self) -> int:
        """The place of the first column that has a name."""
        return next(place for place, name in enumerate(self.names) if name)

    def trouble(self, count: int) -> str | None:
        """What is wrong with a row of so many cells; those of nameless columns at the end may be missing."""
        fewest = max(place for place, name in enumerate(self.names, 1) if name)
        if fewest <= count <= len(self.names):
            return None
        return f"it has {count} cells, and the head {len(self.names)}"

    def values(self, cells: Sequence[str]) -> dict[str, str]:
        """The cells by their columns' names."""
        return {name: cell for name, cell in zip(self.names, cells, strict=False) if name}


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its cells, or what is wrong with its form."""

    cells: list[str]
    trouble: str | None = None


@dataclass(slots=True)
class _Parsing:
    """A record as far as its lines were given."""

    delimiter: str
    cells: list[str] = field(default_factory=list)
    open: list[str] | None = None
    """What was read of a quoted cell whose end has not come."""
    broken: bool = False
    """A quote stands within a quoted cell and is not doubled."""
    stray: bool = False
    """A quote stands within a cell that doesn't begin with one: it is part of the text there."""

    def feed(self, line: str) -> None:
        place = 0
        while not self.broken:
            if self.open is None:
                if not line.startswith('"', place):
                    cell, delimiter, _ = line[place:].partition(self.delimiter)
                    self.stray = self.stray or '"' in cell
                    self.cells.append(cell if delimiter else cell.rstrip(_ENDS))
                    if not delimiter:
                        return
                    place += len(cell) + 1
                    continue
                self.open = []
                place += 1
            quote = line.find('"', place)
            if quote < 0:
                self.open.append(line[place:])
                return
            self.open.append(line[place:quote])
            following = line[quote + 1 : quote + 2]
            place = quote + 2
            if following == '"':
                self.open.append('"')
                continue
            self.cells.append("".join(self.open))
            self.open = None
            if following != self.delimiter:
                self.broken = following not in {"", "\r", "\n"}
                return


class Records:
    """The records of a text, from its lines with their ends. Blank lines are none. Iterate once."""

    def __init__(self, lines: Iterator[str], delimiter: str) -> None:
        """Read the head. Raises `HeadError`."""
        self._lines = lines
        self._delimiter = delimiter
        self._ahead: list[str] = []
        """Lines that were read and not used, the next one last."""
        self._line = 0
        """The number of the line that was taken last, from 1."""
        self._ids: list[str] = []
        self.head: Head | None = None
        parsing = _Parsing(delimiter)
        while (text := self._next()) is not None:
            if parsing.open is None and not text.strip(_ENDS):
                continue
            parsing.feed(text)
            if parsing.open is None or parsing.broken:
                break
        if parsing.broken or parsing.open is not None:
            raise HeadError(words.HEAD_QUOTE.of())
        if parsing.cells:
            self.head = Head.of(parsing.cells)

    def __iter__(self) -> Iterator[Record]:
        if self.head is None:
            return
        while (text := self._next()) is not None:
            if not text.strip(_ENDS):
                continue
            if '"' in text:
                yield from self._quoted(text, self.head)
                continue
            cells = text.rstrip(_ENDS).split(self._delimiter)
            self._remember(cells, self.head)
            yield Record(cells)

    def _next(self) -> str | None:
        text = self._ahead.pop() if self._ahead else next(self._lines, None)
        self._line += text is not None
        return text

    def _quoted(self, text: str, head: Head) -> Iterator[Record]:
        """The record that begins with this line; more than one where nobody can tell which lines are rows."""
        began = self._line
        parsing = _Parsing(self._delimiter)
        parsing.feed(text)
        within: list[str] = []
        rows: list[int] = []
        length = len(text)
        while parsing.open is not None and length <= MAX_RECORD and (following := self._next()) is not None:
            if self._is_row(following, head, parsing):
                rows.append(len(within))
            within.append(following)
            length += len(following)
            parsing.feed(following)
        closed = parsing.open is None and not parsing.broken
        if closed and not rows:
            self._remember(parsing.cells, head)
            yield Record(parsing.cells)
        elif closed and head.trouble(len(parsing.cells)) is None:
            # Read one way it is a record over several lines, the other way it is several records.
            yield Record([], f"a quote in line {began} is not closed, or lines of its text read like rows of their own")
            for place in rows:
                yield Record([], f"line {began + 1 + place} stands within the quotes that line {began} opens")
        else:
            self._go_on(within, rows, began, head)
            yield Record([], _form_trouble(parsing, began, self._line))

    def _go_on(self, within: list[str], rows: list[int], began: int, head: Head) -> None:
        """After a record that is broken, go on at the next line that is a row by itself."""
        if rows:
            self._ahead.extend(reversed(within[rows[0] :]))
            self._line = began + rows[0]
        elif within:
            while (following := self._next()) is not None:
                if self._is_row(following, head, None):
                    self._ahead.append(following)
                    self._line -= 1
                    return

    def _is_row(self, line: str, head: Head, before: _Parsing | None) -> bool:
        """Whether a line that stands within quotes would be a row by itself, or the first line of one."""
        alone = _Parsing(self._delimiter)
        alone.feed(line)
        if alone.open is None:
            if alone.broken or head.trouble(len(alone.cells)) is not None:
                return False
        elif alone.stray or not 0 < len(alone.cells) < len(head.names):
            return False
        if len(alone.cells) <= head.first:
            return True
        known = self._ids
        if before is not None and len(before.cells) > head.first:
            known = [*known, before.cells[head.first]]
        return _may_be_one_of(known, alone.cells[head.first])

    def _remember(self, cells: list[str], head: Head) -> None:
        if len(self._ids) < _IDS_KEPT and head.trouble(len(cells)) is None:
            self._ids.append(cells[head.first])


def _may_be_one_of(known: list[str], cell: str) -> bool:
    """Whether a first cell may be of the same column as others, by what ids are made of. In doubt it may."""
    if all(_ID.fullmatch(one) for one in known) and known and not _ID.fullmatch(cell):
        return False
    return not (known and all(map(_has_digit, known)) and not _has_digit(cell))


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _form_trouble(parsing: _Parsing, began: int, last: int) -> str:
    lines = f"line {began}" if last == began else f"lines {began} to {last}"
    if parsing.broken:
        return f"a quote within a quoted cell is not doubled, or one is not closed ({lines})"
    return f"quote not closed ({lines})"
