"""Why a message failed: carriers write what they like, events tell a stable code of limited shape."""

from __future__ import annotations

import re
import unicodedata

MAX_CODE = 64
"""Characters of a carrier's code."""
UNKNOWN = "unknown"
"""The carrier gave no code, or one that can't be written as one of ours: other words, or what may be a number."""

# Carriers' codes have few digits; a citizen's number has more, however it is grouped.
_NUMBER = re.compile(r"\d(?:[\W_]*\d){6,}")
_FOREIGN = re.compile(r"[^a-z0-9._-]+", re.ASCII)


def reason_of(code: str | None) -> str:
    """A code of the form `[a-z0-9][a-z0-9._-]{0,63}`: `MK:0001` becomes `mk-0001`. The same for the same code."""
    if not code:
        return UNKNOWN
    plain = unicodedata.normalize("NFKC", code).lower()
    if _NUMBER.search(plain):
        return UNKNOWN
    reason = _FOREIGN.sub("-", plain).strip("-._")[:MAX_CODE].rstrip("-._")
    # Digits that other characters kept apart are near each other in the reason.
    return UNKNOWN if _NUMBER.search(reason) else reason or UNKNOWN


def kept(code: str | None) -> str:
    """The carrier's code as it may be kept for operators: as it was written, unless it may quote a number."""
    if not code:
        return UNKNOWN
    return UNKNOWN if _NUMBER.search(unicodedata.normalize("NFKC", code)) else code
