"""How well the screen does on texts of situations that it has not seen. Needs scikit-learn, as training does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from services.intake.screening import training
from services.intake.screening.figures import BESIDE, Figures, count
from services.intake.screening.model import joined
from services.intake.screening.rules import Rules
from services.intake.screening.sentences import Sentence
from services.intake.screening.training import Prepared, Vector


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores (0..1) of texts by screens that had not seen their scenario, and by screens without their whole family."""

    sentences: Sequence[Sentence]
    scores: Vector
    strangers: Vector
    ruled: Sequence[str | None]
    """The rule that each text meets, if any."""

    def flagged(self, threshold: float, *, strange: bool = False) -> list[bool]:
        """The verdicts, rules included."""
        scores = self.strangers if strange else self.scores
        return [bool(score >= threshold) or rule is not None for score, rule in zip(scores, self.ruled, strict=True)]

    def by(self, name: Callable[[Sentence], str], threshold: float, *, strange: bool = False) -> dict[str, Figures]:
        """Figures by what `name` says of a sentence: its family, its voice."""
        return count(self.sentences, self.flagged(threshold, strange=strange), name)

    def threshold_for(self, recall: float) -> float:
        """The highest threshold, in thousandths, at which at least this share of the urgent texts is found."""
        scores = [
            1.0 if rule is not None else float(score)
            for sentence, score, rule in zip(self.sentences, self.scores, self.ruled, strict=True)
            if sentence.urgent and sentence.family not in BESIDE
        ]
        scores.sort(reverse=True)
        needed = max(1, math.ceil(recall * len(scores)))
        return max(0.001, math.floor(scores[needed - 1] * 1_000) / 1_000)


def evaluate(
    sentences: Sequence[Sentence],
    rules: Rules,
    progress: Callable[[str], None] = lambda _: None,
    *,
    families: bool = True,
) -> Evaluation:
    """Fit a screen for each fold of scenarios and ask it about what was left out; the same for each family as a whole.

    Without `families` the second is spared, and `strangers` are the same as `scores`.
    """
    data = training.prepared(sentences)
    progress("scenarios left out")
    parts = training.folds(data)
    signs = training.unseen_signs(data, parts)
    scores = np.zeros(len(sentences))
    for learned, asked in parts:
        joint = training.join(data, signs, learned)
        scores[asked] = _joined(signs[asked], joint)
    strangers = scores.copy()
    for family in sorted({sentence.family for sentence in sentences}) if families else ():
        progress(f"family left out: {family}")
        asked = [place for place, sentence in enumerate(sentences) if sentence.family == family]
        learned = [place for place, sentence in enumerate(sentences) if sentence.family != family]
        strange = _strange(data, learned, asked)
        strangers[asked] = _joined(strange, training.join(data, signs, learned))
    return Evaluation(sentences, scores, strangers, [rules.find(text) for text in data.texts])


def _strange(data: Prepared, learned: Sequence[int], asked: Sequence[int]) -> Vector:
    return training.unseen_signs(data, [(learned, asked)])[list(asked)]


def _joined(signs: Vector, joint: tuple[float, ...]) -> Vector:
    return np.array([joined(row, joint) for row in signs.tolist()])
