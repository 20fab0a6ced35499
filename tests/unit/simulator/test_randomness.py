"""Chances: repeatable, and of each actor's own."""

from __future__ import annotations

import random
import statistics

import pytest

from services.simulator.domain.randomness import Weighted, around, split


def test_each_actor_has_chances_of_their_own() -> None:
    assert split(1, "a", 2).random() == split(1, "a", 2).random()
    others = [(1, ("a", 2)), (1, ("a2",)), (1, ("a", 3)), (2, ("a", 2)), (1, ("b", 2))]
    drawn = {split(seed, *names).random() for seed, names in others}
    assert len(drawn) == 5


def test_durations_scatter_around_their_median() -> None:
    rng = random.Random(1)
    drawn = [around(rng, 100.0) for _ in range(5_000)]
    assert statistics.median(drawn) == pytest.approx(100.0, rel=0.05)
    assert sum(one > 200 for one in drawn) / len(drawn) == pytest.approx(0.159, abs=0.02)
    assert min(drawn) > 0


def test_choices_follow_their_weights() -> None:
    rng = random.Random(1)
    choices = Weighted([("a", 3.0), ("never", 0.0), ("b", 1.0)])
    drawn = [choices.choose(rng) for _ in range(4_000)]
    assert drawn.count("a") / len(drawn) == pytest.approx(0.75, abs=0.03)
    assert "never" not in drawn


def test_nothing_to_choose_from_is_refused() -> None:
    with pytest.raises(ValueError, match="weight above 0"):
        Weighted([("a", 0.0)])
