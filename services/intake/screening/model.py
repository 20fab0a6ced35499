"""The learned screen: a weight for each short run of characters, summed over sentences and over the whole text.

A stretch's score is the sum of the weights of its runs over the square root of their number, plus a bias: logistic
regression on counts, normalised as if no run came twice. Sums over every stretch come from three running totals, so a
text costs one pass. What the stretches say together (the whole, the worst sentence, the worst two neighbours) is put
into one score by a second, small regression, trained on scores of texts that the first had not seen.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import math
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, repeat
from operator import add, mul
from typing import Any

import orjson

from services.intake.screening.text import Stretch, runs_in, sentences, units, units_at

FORMAT = 1
LARGEST = 1_000_000
"""Bytes of a weights file; a larger one is refused."""
_STEPS = 32_767
_CALM = -6.0
"""Surely calm, on the logistic scale."""
_LETTER = math.log(3.5)
"""A letter has four sentences or more."""
_NO_LETTER = (0.0,) * 6
_ALONE = 6.5
"""A sentence of this score makes a letter as likely as not an emergency, whatever stands around it: one message of real
citizens in three hundred has such a sentence, and what people bury in letters has it mostly."""
SIGNS = 11
"""Features of the second regression."""


class WeightsError(ValueError):
    """Not a weights file that this build can use. The message says why."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What the stretches of one text say: scores on the logistic scale, 0 being undecided."""

    whole: float
    sentence: float
    """The most urgent sentence's."""
    pair: float
    """The most urgent two neighbouring sentences'; the only sentence's where there is one."""
    mean: float
    length: float
    """The logarithm of the number of sentences: of many sentences one sounds alarming sooner."""

    def vector(self) -> tuple[float, ...]:
        """The features of the second regression, in their order: the signs, and again where the text is a letter.

        However many calm sentences there are, they count as no more than calm: one sentence may outweigh a long letter.
        """
        signs = (max(_CALM, self.whole), self.sentence, self.pair, max(_CALM, self.mean), self.length)
        return (*signs, *signs, 1.0) if self.length > _LETTER else (*signs, *_NO_LETTER)


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained screen; `version` names it in events.

    `joint` are the weights of `Signs.vector()` and, last, their bias.
    """

    version: str
    runs: Mapping[str, float]
    bias: float
    joint: tuple[float, ...]
    threshold: float
    """From this joint score on (a probability, 0..1, on the training data) a request is flagged."""
    trained_on: Mapping[str, Any]
    """Sentences, their digest and the figures of the evaluation, for people."""

    def signs(self, text: str) -> Signs | None:
        """What a prepared text says; None where there is nothing in it."""
        parts = sentences(text)
        if not parts:
            return None
        # All of it in maps, which run in C: this is the cost of a request.
        found = units(text)
        pairs = list(map(add, found, found[1:]))
        one, two, three = (
            list(accumulate(map(self.runs.get, some, repeat(0.0)), initial=0.0))
            for some in (found, pairs, map(add, pairs, found[2:]))
        )
        whole = Stretch(0, len(found))
        if len(found) < len(text):
            begins = units_at(text)
            parts = [Stretch(bisect_left(begins, start), bisect_left(begins, end)) for start, end in parts]

        def score(part: Stretch) -> float:
            start, end = part
            if start == end:
                return self.bias
            total = one[end] - one[start]
            if end - start > 1:
                total += two[end - 1] - two[start]
            if end - start > 2:
                total += three[end - 2] - three[start]
            return total / math.sqrt(runs_in(end - start)) + self.bias

        each = [score(part) for part in parts]
        neighbours = [score(Stretch(a.start, b.end)) for a, b in pairwise(parts)]
        return Signs(
            whole=score(whole),
            sentence=max(each),
            pair=max(neighbours, default=each[0]),
            mean=sum(each) / len(each),
            length=math.log(len(each)),
        )

    def probability(self, text: str) -> float:
        """How likely the prepared text is for 110, by the training data (0..1)."""
        signs = self.signs(text)
        if signs is None:
            return 0.0
        return joined(signs.vector(), self.joint)


def joined(vector: Sequence[float], joint: Sequence[float]) -> float:
    """The probability that the signs of a text, as `Signs.vector()` gives them, come to by these weights."""
    *weights, bias = joint
    score = sum(map(mul, weights, vector), bias)
    if vector[-1]:
        score = max(score, vector[1] - _ALONE)
    return _logistic(score)


def _logistic(score: float) -> float:
    """The probability of a score on the logistic scale, also of one far out."""
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, score))))


def dump(weights: Weights) -> bytes:
    """The weights as a file: gzip of JSON, the same bytes for the same weights."""
    names = sorted(weights.runs)
    largest = max((abs(weights.runs[name]) for name in names), default=1.0) or 1.0
    steps = array("h", (round(weights.runs[name] / largest * _STEPS) for name in names))
    content = {
        "format": FORMAT,
        "version": weights.version,
        "runs": "\n".join(names),
        "steps": base64.b64encode(_little_endian(steps).tobytes()).decode(),
        "step": largest / _STEPS,
        "bias": weights.bias,
        "joint": list(weights.joint),
        "threshold": weights.threshold,
        "trained_on": dict(weights.trained_on),
    }
    return gzip.compress(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), mtime=0)


def load(content: bytes) -> Weights:
    """The weights of a file. Raises `WeightsError`."""
    if len(content) > LARGEST:
        raise WeightsError(f"A weights file has at most {LARGEST} bytes; this one has {len(content)}.")
    try:
        told = orjson.loads(gzip.decompress(content))
        if told["format"] != FORMAT:
            raise WeightsError(f"The weights file has format {told['format']}; this build reads {FORMAT}.")
        steps = array("h", base64.b64decode(told["steps"]))
        names = told["runs"].split("\n")
        runs = {name: step * told["step"] for name, step in zip(names, _little_endian(steps), strict=True)}
        return Weights(
            version=str(told["version"]),
            runs=runs,
            bias=float(told["bias"]),
            joint=_joint(told["joint"]),
            threshold=float(told["threshold"]),
            trained_on=told["trained_on"],
        )
    except WeightsError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"This is no weights file of the urgency screen ({type(error).__name__}).") from error


def digest(content: bytes) -> str:
    """What tells two weights files apart, short enough for a version."""
    return hashlib.sha256(content).hexdigest()[:8]


def _joint(given: Sequence[float]) -> tuple[float, ...]:
    joint = tuple(float(one) for one in given)
    if len(joint) != SIGNS + 1:
        raise WeightsError(f"The weights file joins {len(joint) - 1} signs; this build has {SIGNS}.")
    return joint


def _little_endian(steps: array[int]) -> array[int]:
    if array("h", [1]).tobytes()[0] == 1:
        return steps
    turned = array("h", steps)
    turned.byteswap()
    return turned
