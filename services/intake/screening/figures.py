"""What verdicts on texts of known meaning come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.intake.screening.sentences import Sentence

RECALL = 0.95
PRECISION = 0.8
"""What the screen must hold over all families."""
BESIDE = frozenset({"foreign"})
"""Families that are told for themselves and don't count in these: other languages, of which there are too few texts."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of verdicts on texts whose meaning is known."""

    urgent: int = 0
    calm: int = 0
    found: int = 0
    """Urgent ones that were flagged."""
    alarms: int = 0
    """Calm ones that were flagged."""

    @property
    def recall(self) -> float:
        """The share of the urgent ones that was found; 1 where there are none."""
        return self.found / self.urgent if self.urgent else 1.0

    @property
    def precision(self) -> float:
        """The share of the flags that were right; 1 where none was raised."""
        return self.found / (self.found + self.alarms) if self.found + self.alarms else 1.0

    @property
    def holds(self) -> bool:
        """Whether the screen does what it must."""
        return self.recall >= RECALL and self.precision >= PRECISION

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.urgent + other.urgent, self.calm + other.calm, self.found + other.found, self.alarms + other.alarms
        )


def total(families: Mapping[str, Figures]) -> Figures:
    """All families together, those of `BESIDE` left out."""
    return sum((figures for name, figures in families.items() if name not in BESIDE), Figures())


def count(
    sentences: Sequence[Sentence], flagged: Sequence[bool], name: Callable[[Sentence], str]
) -> dict[str, Figures]:
    """Figures of verdicts by what `name` says of each sentence, in order of name."""
    found: dict[str, Figures] = {}
    for sentence, flag in zip(sentences, flagged, strict=True):
        one = Figures(
            urgent=int(sentence.urgent),
            calm=int(not sentence.urgent),
            found=int(sentence.urgent and flag),
            alarms=int(flag and not sentence.urgent),
        )
        found[name(sentence)] = found.get(name(sentence), Figures()) + one
    return dict(sorted(found.items()))
