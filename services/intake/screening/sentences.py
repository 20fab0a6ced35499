"""The sentences that the screen learns from: written by us, in families, each urgent one beside calm twins."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
COLUMNS = ("scenario", "U or C", "voice", "text")


class SentencesError(ValueError):
    """A file of sentences that can't be read. The message names file and line, and says what to write."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One text with its meaning. `scenario` names the situation, and is what an evaluation leaves out as a whole."""

    family: str
    scenario: str
    urgent: bool
    voice: str
    text: str


def read(files: Iterable[Path] | None = None) -> list[Sentence]:
    """The sentences of these files (all of `data/` by default), the family being the file's name.

    Raises `SentencesError`.
    """
    paths = sorted(DATA.glob("*.tsv")) if files is None else list(files)
    return [sentence for path in paths for sentence in _of(path)]


def _of(path: Path) -> list[Sentence]:
    found: list[Sentence] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split("\t")
        if len(fields) != len(COLUMNS) or fields[1] not in ("U", "C") or not all(field.strip() for field in fields):
            raise SentencesError(
                f"{path.name}, line {number}: write four columns with tabs between: {', '.join(COLUMNS)}; a line "
                r"break inside the text as \n."
            )
        scenario, meaning, voice, text = fields
        found.append(Sentence(path.stem, f"{path.stem}/{scenario}", meaning == "U", voice, text.replace("\\n", "\n")))
    return found


def digest(sentences: Sequence[Sentence]) -> str:
    """What tells two sets of sentences apart, whatever their order."""
    lines = sorted(f"{one.urgent}\t{one.text}" for one in sentences)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
