"""What the screen looks at: the folded text, the sentences in it, and short runs of its characters and words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from operator import add
from typing import NamedTuple

from shared.folding import fold_words

LONGEST_SENTENCE = 60
"""Characters of a stretch that is scored by itself: people write whole letters without a full stop."""

# Digits tell little, but which numbers these are tells much.
_NUMBERS = re.compile(r"\d+")
_KNOWN_NUMBERS = frozenset({"110", "119", "120", "122", "12345"})
_LINE_ENDS = re.compile(r"[。 ]*\n")
# A line that ends with a comma goes on in the next.
_WRAPPED = re.compile(r"(?<=[,、:]) ?\n")
_SENTENCE_ENDS = re.compile(r"(?:[。!?;~]|\.{2})[。!?;~.]*")
_PAUSES = re.compile(r"[,、: ]+")
# Latin with its accents, and Cyrillic: of these a single letter says nothing.
_LETTERS = "a-z\u00df-\u024f\u0400-\u052f\u1e00-\u1eff"
_WORDS = re.compile(f"[{_LETTERS} ]")
_UNITS = re.compile(f"[{_LETTERS}]+|[^{_LETTERS} ]")


class Stretch(NamedTuple):
    """A part of a prepared text: from `start` up to `end`."""

    start: int
    end: int


def prepare(subject: str | None, body: str) -> str:
    """The text as the screen reads it: folded, line ends as full stops, numbers as 0 except well-known ones."""
    text = f"{subject}\n{body}" if subject else body
    folded = _LINE_ENDS.sub("。", _WRAPPED.sub("", fold_words(text)))
    return _NUMBERS.sub(_number, folded)


def _number(found: re.Match[str]) -> str:
    return found[0] if found[0] in _KNOWN_NUMBERS else "0"


def sentences(text: str) -> list[Stretch]:
    """The sentences of a prepared text in order; long ones in stretches that end at pauses, if they have any."""
    found: list[Stretch] = []
    for start, end in _between(_SENTENCE_ENDS, text, 0, len(text)):
        if end - start <= LONGEST_SENTENCE:
            found.append(Stretch(start, end))
        else:
            found.extend(_stretches(text, start, end))
    return found


def _between(separators: re.Pattern[str], text: str, start: int, end: int) -> Iterator[Stretch]:
    place = start
    for separator in separators.finditer(text, start, end):
        if separator.start() > place:
            yield Stretch(place, separator.start())
        place = separator.end()
    if place < end:
        yield Stretch(place, end)


def _stretches(text: str, start: int, end: int) -> Iterator[Stretch]:
    """Whole clauses together, up to the longest; a clause that is longer by itself in halves that overlap."""
    begun: Stretch | None = None
    for clause in _between(_PAUSES, text, start, end):
        if begun is not None and clause.end - begun.start <= LONGEST_SENTENCE:
            begun = Stretch(begun.start, clause.end)
            continue
        if begun is not None:
            yield begun
        begun = clause
        while begun.end - begun.start > LONGEST_SENTENCE:
            yield Stretch(begun.start, begun.start + LONGEST_SENTENCE)
            begun = Stretch(begun.start + LONGEST_SENTENCE // 2, begun.end)
    if begun is not None:
        yield begun


def units(text: str) -> Sequence[str]:
    """What a prepared text is made of: characters, and words where a script has them; blanks are none."""
    return _UNITS.findall(text) if _WORDS.search(text) else text


def units_at(text: str) -> list[int]:
    """Where the units of a prepared text begin."""
    return [unit.start() for unit in _UNITS.finditer(text)]


def runs(text: str) -> Iterator[str]:
    """Every run of 1 to 3 units of a prepared text: the screen's features.

    Runs of four cost a third more and, measured, add nothing.
    """
    found = units(text)
    yield from found
    yield from map(add, found, found[1:])
    yield from map(add, map(add, found, found[1:]), found[2:])


def runs_in(count: int) -> int:
    """How many runs so many units have."""
    return 3 * count - 3 if count > 1 else count
