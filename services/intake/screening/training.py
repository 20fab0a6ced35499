"""Training the screen. Needs scikit-learn, which the services don't: `pip install minsheng[training]`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from services.intake.screening import model
from services.intake.screening.model import Weights
from services.intake.screening.sentences import Sentence, digest
from services.intake.screening.text import prepare, runs

FOLDS = 20
"""So many screens are fitted to evaluate one: each has learned from nearly as much as the one that is shipped."""
_STRENGTH = 0.5
"""How freely the weights may follow the data (`C` of the regression). With the next one: of eleven pairs, each tried on
three ways of leaving scenarios out, the most precise at the recall that must hold."""
_SEEN_TWICE = 2
_RARITY = 1.8
"""The power of the inverse document frequency by which runs are scaled before the fit."""
_KEPT = 90_000
"""Runs with the largest weights; the rest change no score by more than the rounding of those does."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Texts ready to be fitted: their counted runs, their meaning, and the scenario that keeps folds apart."""

    texts: Sequence[str]
    counts: Sequence[Counter[str]]
    urgent: NDArray[np.bool_]
    scenarios: Sequence[str]


def prepared(sentences: Sequence[Sentence]) -> Prepared:
    """The sentences as the fit takes them."""
    texts = [prepare(None, one.text) for one in sentences]
    return Prepared(
        texts=texts,
        counts=[Counter(runs(text)) for text in texts],
        urgent=np.array([one.urgent for one in sentences]),
        scenarios=[one.scenario for one in sentences],
    )


def fit(data: Prepared, chosen: Sequence[int]) -> Weights:
    """The first regression on the chosen texts: weights of runs, without a joint score yet."""
    seen = Counter(run for index in chosen for run in data.counts[index])
    names = sorted(run for run, times in seen.items() if times >= _SEEN_TWICE)
    column = {run: place for place, run in enumerate(names)}
    rarity = np.array([np.log((1 + len(chosen)) / (1 + seen[run])) + 1 for run in names]) ** _RARITY
    scaled = (
        diags(1 / np.sqrt([max(1, data.counts[i].total()) for i in chosen]))
        @ _matrix(data, chosen, column)
        @ diags(rarity)
    )
    fitted = LogisticRegression(C=_STRENGTH, max_iter=1_000).fit(scaled, data.urgent[list(chosen)])
    weights: Vector = fitted.coef_[0] * rarity
    kept = np.argsort(-np.abs(weights))[:_KEPT]
    return Weights(
        version="",
        runs={names[place]: float(weights[place]) for place in kept},
        bias=float(fitted.intercept_[0]),
        joint=(0.0,) * (model.SIGNS + 1),
        threshold=0.5,
        trained_on={},
    )


def _matrix(data: Prepared, chosen: Sequence[int], column: dict[str, int]) -> csr_matrix:
    values: list[int] = []
    columns: list[int] = []
    ends = [0]
    for index in chosen:
        for run, times in data.counts[index].items():
            place = column.get(run)
            if place is not None:
                values.append(times)
                columns.append(place)
        ends.append(len(values))
    return csr_matrix((np.array(values, dtype=np.float64), columns, ends), shape=(len(chosen), len(column)))


def folds(data: Prepared, count: int = FOLDS) -> list[tuple[list[int], list[int]]]:
    """Which texts are learned from and which are asked, each scenario as a whole on one side; always the same."""
    splitter = GroupKFold(count, shuffle=True, random_state=20261125)
    return [(list(a), list(b)) for a, b in splitter.split(data.texts, data.urgent, data.scenarios)]


def unseen_signs(data: Prepared, parts: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Vector:
    """The signs of each text by weights that were fitted without its scenario."""
    signs = np.zeros((len(data.texts), model.SIGNS))
    for learned, asked in parts:
        weights = fit(data, learned)
        for index in asked:
            found = weights.signs(data.texts[index])
            if found is not None:
                signs[index] = found.vector()
    return signs


def join(data: Prepared, signs: Vector, chosen: Sequence[int]) -> tuple[float, ...]:
    """The second regression: how the signs of a text, here those of the chosen ones, come to one score."""
    places = list(chosen)
    fitted = LogisticRegression(C=1.0, max_iter=1_000).fit(signs[places], data.urgent[places])
    return (*map(float, fitted.coef_[0]), float(fitted.intercept_[0]))


def train(sentences: Sequence[Sentence], *, threshold: float, day: str, figures: dict[str, Any]) -> Weights:
    """A screen from all the sentences. `day` (ISO date) begins its version; `figures` are kept in it for people."""
    data = prepared(sentences)
    joint = join(data, unseen_signs(data, folds(data)), range(len(sentences)))
    told = {"sentences": len(sentences), "digest": digest(sentences), **figures}
    weights = replace(fit(data, range(len(sentences))), joint=joint, threshold=threshold, trained_on=told)
    return replace(weights, version=f"{day}.{model.digest(model.dump(weights))}")
