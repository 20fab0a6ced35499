"""The city's files: read as the services read them, and a mistake is told with its place."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from services.intake.channels.registry import ChannelRegistry
from services.intake.domain.form import RequestForm
from services.routing.organisation import load_bureau
from services.simulator.domain.stream import RequestStream
from services.simulator.registry import CityError, load_city
from tests.unit.simulator.city import DEPLOY, example_city, example_script, plan


def test_the_channels_are_those_that_intake_knows() -> None:
    ours = {channel for family in example_city().families for channel in family.channels}
    assert ours == set(ChannelRegistry.load(DEPLOY / "channels.yaml").channels)
    assert len(ours) == 1_132


def test_the_officers_are_those_that_routing_knows() -> None:
    bureau = load_bureau(DEPLOY / "organisation.yaml")
    assert {unit.code: unit.officers for unit in example_city().units} == {
        unit.code: tuple(unit.officers) for unit in bureau.units.values()
    }
    assert example_city().categories == set(bureau.taxonomy.categories)


def test_nobody_lives_in_the_fallback_district() -> None:
    assert "citywide" not in {district.code for district in example_city().districts}


def test_intake_takes_what_the_channels_send() -> None:
    for posting in islice(RequestStream(plan(), example_city(), example_script()), 2_000):
        RequestForm.model_validate(posting.payload)


def test_a_missing_file_is_told_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(CityError, match="MINSHENG_CHANNELS_FILE"):
        load_city(tmp_path / "none.yaml", DEPLOY / "organisation.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("families: []", "families"),
        ("families: [{code: wechat}]", r"families\.0\.channels"),
        ("families: [{code: wechat, channels: 0}]", r"families\.0\.channels"),
        ("families: [", "not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "channels.yaml"
    file.write_text(text)
    with pytest.raises(CityError, match=told):
        load_city(file, DEPLOY / "organisation.yaml")
