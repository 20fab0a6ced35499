"""Texts of citizens in one form: what looks the same is the same, and nothing invisible is left in them.

Unicode NFKC also makes full-width Latin letters, digits and punctuation half-width, so that keywords and numbers are
found however they were typed. Sources: UAX #15 (normalisation), UTR #36 (invisible and bidirectional controls).
"""

from __future__ import annotations

import re
import unicodedata

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Zero-width joiner and non-joiner stay: emoji and several scripts are wrong without them.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_BLANKS = re.compile(r"[^\S\n]+")
_AROUND_LINE_END = re.compile(r" ?\n ?")
_EMPTY_LINES = re.compile(r"\n{3,}")
_WHITE_SPACE = re.compile(r"\s+")


def normalise_text(text: str) -> str:
    """A text of several lines: NFKC, `\\n` line ends, single blanks, at most one empty line in a row, trimmed."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)))
    text = _AROUND_LINE_END.sub("\n", _BLANKS.sub(" ", text))
    return _EMPTY_LINES.sub("\n\n", text).strip()


def normalise_line(text: str) -> str:
    """A text of one line: as `normalise_text`, with line ends made blanks."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)))
    return _WHITE_SPACE.sub(" ", text).strip()
