"""A reply as it was typed, beside what it reads as."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.folding import fold_in_place

_ROMAN = {first + n: 0x31 + n for first in (0x2160, 0x2170) for n in range(5)}
"""Roman numerals of one character would fold to letters."""
_BLANK = " \n"
_HAN = re.compile("[\u3007\u3400-\u4dbf\u4e00-\u9fff]")
# What belongs to the character before it, though nobody sees it: an emoji's variant or its joiner.
_JOINED = frozenset("\ufe0e\ufe0f\u200d\u20e3")


@dataclass(frozen=True, slots=True)
class Typed:
    """A text and its folded form, in which blanks between Chinese characters are taken out, but known as gaps."""

    text: str
    plain: str
    origins: tuple[int, ...]
    """For each character of `plain` its index in `text`."""
    gaps: frozenset[int]
    """Where in `plain` a blank or a line's end was, between Chinese characters."""

    def since(self, start: int) -> str | None:
        """What was written from a place of `plain` on, as it was written; None where nothing is seen there."""
        if start >= len(self.plain):
            return None
        end = self.origins[-1] + 1
        while end < len(self.text) and self.text[end] in _JOINED:
            end += 1
        return self.text[self.origins[start] : end]


def typed(text: str) -> Typed:
    """Fold a reply. Runs of blanks become one blank, or a `\\n` where a line ends; none stand at beginning and end."""
    folded, places = fold_in_place(text.translate(_ROMAN))
    plain: list[str] = []
    origins: list[int] = []
    gaps: set[int] = set()
    blank, at = "", 0
    for one, origin in zip(folded, places, strict=True):
        if one in _BLANK:
            if not blank:
                at = origin
            blank = "\n" if "\n" in (blank, one) else " "
            continue
        if blank and plain:
            if _HAN.match(one) and _HAN.match(plain[-1]):
                gaps.add(len(plain))
            else:
                plain.append(blank)
                origins.append(at)
        blank = ""
        plain.append(one)
        origins.append(origin)
    return Typed(text, "".join(plain), tuple(origins), frozenset(gaps))
