"""One seed for the whole city, split so that each actor has chances of its own.

An actor's generator depends on the seed and the actor's name alone: adding an actor, or asking one more often, doesn't
change what the others do.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")


def split(seed: int, *names: object) -> random.Random:
    """The generator of the actor `names` in the city `seed`; the same each time."""
    return random.Random(digest(seed, *names))  # noqa: S311 - a simulation needs repeatable chances, not secret ones


def digest(seed: int, *names: object) -> int:
    """A 128-bit number that stands for the actor `names` in the city `seed`."""
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")


def around(rng: random.Random, median: float, spread: float = 2.0) -> float:
    """A duration as people take them: half take less than `median`, one in six more than `median * spread`."""
    return median * math.exp(rng.gauss(0.0, math.log(spread)))


class Weighted(Generic[T]):
    """Things to choose from, each as often as its weight says."""

    __slots__ = ("_cumulative", "_things")

    def __init__(self, things: Sequence[tuple[T, float]]) -> None:
        """Raises `ValueError` where nothing can be chosen."""
        self._things = [thing for thing, weight in things if weight > 0]
        self._cumulative = list(accumulate(weight for _, weight in things if weight > 0))
        if not self._things:
            raise ValueError("There is nothing with a weight above 0 to choose from.")

    def choose(self, rng: random.Random) -> T:
        """One of the things."""
        return rng.choices(self._things, cum_weights=self._cumulative)[0]
