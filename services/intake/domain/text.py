"""Texts of citizens as they are kept and read: as they were written, without what could deceive or harm a reader.

Nothing is replaced by what looks or means the same: `①`, `㎡`, `１２３` and emoji stay. Whatever looks for words in
such a text folds it first (`shared.folding`). Sources: UAX #15 (normalisation), UTR #36 (invisible and bidirectional
controls), UTS #51 (emoji tag sequences).
"""

from __future__ import annotations

import re
import unicodedata

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Zero-width joiner and non-joiner stay: emoji and several scripts are wrong without them.
_CONTROLS = (
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_INVISIBLE = re.compile(_CONTROLS)
# Tags make the flags of England, Scotland and the like; anywhere else they are a text that nobody sees.
_INVISIBLE_OR_FLAG = re.compile(rf"(\U0001f3f4[\U000e0030-\U000e007a]{{1,8}}\U000e007f)|{_CONTROLS}")
_IDEOGRAPHIC = re.compile(r"[^\S\n]*\u3000[^\S\n]*")
_BLANKS = re.compile(r"[^\S\n\u3000]+")  # NFKC leaves no ideographic one.
_AROUND_LINE_END = re.compile(r"[ \u3000]?\n[ \u3000]?")
_EMPTY_LINES = re.compile(r"\n{3,}")
_LINES = re.compile(r"\s*\n\s*")
_PUNCTUATION = tuple(zip("，！？：；（）", ",!?:;()", strict=True))


def normalise_text(text: str) -> str:
    """A text of several lines: NFC, `\\n` line ends, single blanks, at most one empty line in a row, trimmed."""
    text = _single_blanks(_shown(text))
    return _EMPTY_LINES.sub("\n\n", _AROUND_LINE_END.sub("\n", text)).strip()


def normalise_line(text: str) -> str:
    """A text of one line: as `normalise_text`, with line ends made blanks."""
    return _single_blanks(_LINES.sub(" ", _shown(text))).strip()


def comparable(text: str) -> str:
    """A text as written by what counts as the same when it is posted again: NFKC, and any white space a blank."""
    # The punctuation of nearly every Chinese text; without it most need no normalising, which costs ten times as much.
    for wide, plain in _PUNCTUATION:
        if wide in text:
            text = text.replace(wide, plain)
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.split())


def formerly(text: str) -> str:
    """A text in the one form that texts had before they were kept as written: NFKC, without anything invisible.

    Fingerprints and pseudonyms of that time are of this, so it stays.
    """
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text)))
    text = _AROUND_LINE_END.sub("\n", _BLANKS.sub(" ", text))
    return _EMPTY_LINES.sub("\n\n", text).strip()


def _shown(text: str) -> str:
    return unicodedata.normalize("NFC", _INVISIBLE_OR_FLAG.sub(_flags, _LINE_ENDS.sub("\n", text)))


def _flags(found: re.Match[str]) -> str:
    return found[1] or ""


def _single_blanks(text: str) -> str:
    if "\u3000" in text:
        text = _IDEOGRAPHIC.sub("\u3000", text)
    return _BLANKS.sub(" ", text)
