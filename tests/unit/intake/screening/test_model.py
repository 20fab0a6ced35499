"""The learned screen: scores are what the definition says, files keep them, and other files are refused."""

from __future__ import annotations

import gzip
import math
import time
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.screening.model import Weights, WeightsError, dump, load
from services.intake.screening.text import prepare, runs, sentences

WEIGHTS = Weights(
    version="2026-11-25.test",
    runs={"刀": 2.0, "拿刀": 1.5, "他拿刀": -0.5, "谢": -3.0, "110": 0.25},
    bias=-0.5,
    joint=(0.5, 1.0, 0.25, -0.25, -0.125, *(0.125,) * 6, 0.0625),
    threshold=0.4,
    trained_on={"sentences": 5},
)


def _by_definition(text: str) -> float:
    found = list(runs(text))
    return sum(WEIGHTS.runs.get(run, 0.0) for run in found) / math.sqrt(max(1, len(found))) + WEIGHTS.bias


@given(st.text("他拿刀谢门。，！ \n10ab", max_size=200))
def test_scores_are_those_of_the_definition(typed: str) -> None:
    text = prepare(None, typed)
    signs = WEIGHTS.signs(text)
    parts = sentences(text)
    if not parts:
        assert signs is None
        return
    assert signs is not None
    each = [_by_definition(text[start:end]) for start, end in parts]
    pairs = [_by_definition(text[a.start : b.end]) for a, b in pairwise(parts)]
    assert signs.whole == pytest.approx(_by_definition(text))
    assert signs.sentence == pytest.approx(max(each))
    assert signs.pair == pytest.approx(max(pairs, default=each[0]))
    assert signs.mean == pytest.approx(sum(each) / len(each))
    assert signs.length == pytest.approx(math.log(len(each)))


@given(st.text(max_size=300))
def test_any_text_gets_a_probability(typed: str) -> None:
    assert 0 <= WEIGHTS.probability(prepare(None, typed)) <= 1


def test_a_file_keeps_the_scores() -> None:
    kept = load(dump(WEIGHTS))
    assert kept.version == WEIGHTS.version
    assert (kept.bias, kept.joint, kept.threshold, kept.trained_on) == (
        WEIGHTS.bias,
        WEIGHTS.joint,
        WEIGHTS.threshold,
        WEIGHTS.trained_on,
    )
    assert kept.runs == pytest.approx(WEIGHTS.runs, abs=1e-3)
    assert dump(WEIGHTS) == dump(WEIGHTS)


def _changed(**members: object) -> bytes:
    content = orjson.loads(gzip.decompress(dump(WEIGHTS)))
    return gzip.compress(orjson.dumps({**content, **members}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95",
        b"{}",
        gzip.compress(b"{}"),
        gzip.compress(b"[]"),
        dump(WEIGHTS)[:-20],
        _changed(format=2),
        _changed(steps="AAA="),
        _changed(runs="a\nb"),
        _changed(joint=[1.0]),
        _changed(threshold="high"),
        _changed(threshold=None),
        _changed(bias=float("inf"), threshold=2),
    ],
)
def test_what_is_no_weights_file_is_refused(content: bytes) -> None:
    with pytest.raises(WeightsError, match="weights file"):
        load(content)


def test_the_cost_grows_with_the_length_and_no_faster() -> None:
    def seconds(text: str) -> float:
        begun = time.perf_counter()
        for _ in range(3):
            WEIGHTS.probability(prepare(None, text))
        return time.perf_counter() - begun

    once = "他拿着刀,在门口不走。我不敢出去" * 60
    seconds(once)
    assert seconds(once * 10) < 30 * seconds(once) + 0.05
