"""Texts: every slot filled, hardly two alike, of all lengths and with the blemishes of real ones."""

from __future__ import annotations

import random
import re
from itertools import islice

import pytest

from services.simulator.domain.matters import Script
from services.simulator.domain.stream import Origin, RequestStream
from services.simulator.domain.writing import Writer
from tests.unit.simulator.city import example_city, example_script, plan


@pytest.fixture(scope="module")
def bodies() -> list[str]:
    stream = RequestStream(plan(), example_city(), example_script())
    return [p.payload["body"] for p in islice(stream, 8_000) if p.origin is Origin.NEW]


def test_no_slot_is_left_open_in_any_text_of_any_matter() -> None:
    script = example_script()
    writer = Writer(script.phrases)
    rng = random.Random(1)
    for matter in (*script.matters, *script.urgent):
        for district in example_city().districts:
            scene = writer.scene(rng, matter, district)
            for _ in range(20):
                text = writer.text(rng, scene, None)
                assert not re.search(r"[{}]", text.subject + text.body)
                assert text.body.strip()


def test_texts_are_varied(bodies: list[str]) -> None:
    assert len(set(bodies)) > 0.9 * len(bodies)


def test_texts_have_all_lengths(bodies: list[str]) -> None:
    lengths = sorted(map(len, bodies))
    assert lengths[0] < 10
    assert 35 < lengths[len(lengths) // 2] < 120
    assert lengths[-1] > 800


def test_texts_have_blemishes(bodies: list[str]) -> None:
    def share(pattern: str) -> float:
        return sum(re.search(pattern, body) is not None for body in bodies) / len(bodies)

    assert 0.005 < share("[０-９]") < 0.1
    assert 0.02 < share("1349[0-9]{7}") < 0.1
    assert 0.01 < share("名警|爆警|清问|晚尚|时侯|处里|没由|电活") < 0.1


def test_most_categories_of_the_bureau_are_written_about() -> None:
    written = {matter.category for matter in example_script().matters}
    assert written <= example_city().categories
    assert len(written) >= 30


def test_a_text_with_an_unknown_slot_is_refused() -> None:
    script = example_script()
    told = script.model_dump()
    told["matters"][0]["bodies"] = ("在{nowhere}",)
    with pytest.raises(ValueError, match=r"\{nowhere\}"):
        Script.model_validate(told)


def test_a_hurried_citizen_wastes_no_words() -> None:
    script = example_script()
    writer = Writer(script.phrases)
    rng = random.Random(2)
    asides = [aside[:6] for aside in script.phrases.asides]
    for matter in script.urgent:
        scene = writer.scene(rng, matter, example_city().districts[0])
        for _ in range(50):
            assert not any(aside in writer.text(rng, scene, None).body for aside in asides)
