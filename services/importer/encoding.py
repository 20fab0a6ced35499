"""Which encoding a file is written in: told by its first bytes, or by what all of it can be read as."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.importer import words

UNREADABLE = "\udcff"
"""Stands in a text for bytes that are none in its encoding; no text that was written holds it."""
ERRORS = "minsheng-unreadable"
"""The error handler that puts `UNREADABLE` there."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose mark begins like this one.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
_NAMES = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "gb18030": "GB18030", "utf-16": "UTF-16", "utf-32": "UTF-32"}
_CHUNK = 1024 * 1024
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x80-\xff]")
_USUAL_PAIR = re.compile(rb"[\xa1\xa3\xb0-\xd7][\xa1-\xfe]")
"""Marks, full-width letters, and the 3,755 usual characters of GB 2312, its first level."""
_CHINESE_IN_UTF8 = re.compile(rb"(?:[\xe3-\xe9][\x80-\xbf]{2}|\xef[\xbc\xbd][\x80-\xbf])")


def _unreadable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNREADABLE, error.end


codecs.register_error(ERRORS, _unreadable)


class EncodingError(ValueError):
    """The encoding isn't known, or none can be told. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A file's encoding, one for all of it."""

    codec: str

    @property
    def name(self) -> str:
        """As people write it."""
        return _NAMES.get(self.codec, self.codec.upper())

    def trouble(self, cells: list[str]) -> str | None:
        """Why these texts of one row are not what was written, or None where they are."""
        text = "".join(cells)
        if UNREADABLE in text:
            return f"it is not {self.name} throughout"
        if "\0" in text:
            return "it holds a NUL character, which no text has: the file is damaged, or of another kind"
        if self.codec == "gb18030" and any(map(_is_utf8_read_as_gb, cells)):
            return "it is UTF-8, and the rest of the file GB18030"
        return None


def encoding_of(path: Path, asked: str | None) -> Encoding:
    """The encoding that was asked for, or that of the whole file. Raises `EncodingError`, `OSError`."""
    if asked is not None:
        return _named(asked)
    with path.open("rb") as file:
        head = file.read(4)
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec)
    if b"\0" in head:
        raise EncodingError(words.PERHAPS_UTF16.of(path=path))
    return Encoding(_by_content(path))


def _named(asked: str) -> Encoding:
    try:
        "".encode(asked)
        codec = codecs.lookup(asked).name
    except LookupError:
        raise EncodingError(words.NO_ENCODING.of(asked=asked)) from None
    if codec in {"gbk", "gb2312"}:
        # What calls itself so holds characters of the larger set, too.
        codec = "gb18030"
    return Encoding("utf-8-sig" if codec == "utf-8" else codec)


def _by_content(path: Path) -> str:
    """UTF-8 unless more of the file is broken by that reading than not, and the rest reads well as GB18030."""
    good = bad = usual = pairs = 0
    for chunk in _chunks(path):
        text = chunk.decode("utf-8", "ignore")
        readable = len(text.encode())
        good += readable - len(text)
        if readable < len(chunk):
            bad += len(chunk) - readable
            usual += len(_USUAL_PAIR.findall(chunk))
            pairs += len(_PAIR.findall(chunk))
    if bad > good and usual * 2 >= pairs:
        return "gb18030"
    return "utf-8-sig"


def _chunks(path: Path) -> Iterator[bytes]:
    """The file in pieces that end with a line, so that no character is cut."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk + file.readline()


def _is_utf8_read_as_gb(cell: str) -> bool:
    if cell.isascii():
        return False
    try:
        written = cell.encode("gb18030")
        written.decode("utf-8")
    except UnicodeError:
        return False
    return len(_CHINESE_IN_UTF8.findall(written)) > 1
