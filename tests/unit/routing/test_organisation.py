from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.organisation import Clocks, OrganisationError
from shared.events.request import Location
from shared.events.words import Grade
from tests.unit.routing.bureaus import BUREAU, CASE, MONDAY, UNITS, bureau, request, unit


def district_of(body: str = "太吵", **fields: object) -> str:
    return BUREAU.classify(request(body, **fields))[1]


@pytest.mark.parametrize(
    "hint",
    [
        *("west", "西区", " 西门街 ", "平安市西区公安分局"),
        *("ＷＥＳＴ", "西\u200b區", "西 门 街", "平安市西區公安分局", "⻄区", "平安市⻄\u200d区"),
    ],
)
def test_the_senders_hint_goes_before_all_else(hint: str) -> None:
    assert district_of("东区太吵", district_hint=hint, location=Location(latitude=10.5, longitude=20.5)) == "west"


def test_a_location_goes_before_names() -> None:
    assert district_of("西区太吵", location=Location(latitude=10.5, longitude=20.5)) == "east"
    assert district_of("西区太吵", location=Location(latitude=11, longitude=20.5)) == "west"


def test_the_place_goes_before_the_text() -> None:
    assert district_of("东区太吵", place="西门街 3 号") == "west"
    assert district_of("东区太吵", place="西門街３號") == "west"
    assert district_of("⻄\u200d门 街太吵") == "west"
    assert district_of("东区太吵", place="老地方") == "east"


def test_a_particular_district_goes_before_the_whole_city() -> None:
    assert district_of("平安市，全市，东区") == "east"
    assert district_of("平安市") == "all"
    assert district_of("没有地名", district_hint="哪里") == "all"
    assert district_of("东区", place="平安市", district_hint="平安市") == "east"


@pytest.mark.parametrize(
    ("district", "category", "expected"),
    [
        ("east", "noise", "east-branch"),
        ("east", "card", "cards"),
        ("east", "other", "centre"),
        ("west", "noise", "centre"),
        ("all", "noise", "centre"),
        ("gone", "noise", "centre"),
        ("east", "gone", "centre"),
    ],
)
def test_the_nearest_unit_that_handles_the_category_is_in_charge(district: str, category: str, expected: str) -> None:
    assert BUREAU.assign(district, category, CASE)[0].code == expected


def test_the_default_unit_of_a_district_takes_what_nobody_handles() -> None:
    units = [unit("centre", None, [], default=True), unit("east-branch", "east", [], "e1", default=True)]
    assert bureau(units).assign("east", "card", CASE)[0].code == "east-branch"
    assert bureau(units).assign("west", "card", CASE)[0].code == "centre"


def test_an_empty_roster_leaves_the_officer_open() -> None:
    assert BUREAU.assign("east", "card", CASE)[1] is None


def test_the_officer_follows_from_the_case_alone_and_cases_spread_evenly() -> None:
    assert bureau().assign("east", "noise", CASE) == BUREAU.assign("east", "noise", CASE)
    counts = Counter(BUREAU.assign("east", "noise", uuid4())[1] for _ in range(3_000))
    assert set(counts) == {"e1", "e2", "e3"}
    assert max(counts.values()) < 1.2 * min(counts.values())


@given(district=st.text(), category=st.text(), case_id=st.uuids())
def test_every_case_gets_a_unit_and_an_officer_of_its_roster(district: str, category: str, case_id: object) -> None:
    found, officer = BUREAU.assign(district, category, case_id)  # type: ignore[arg-type]
    assert found in UNITS
    assert officer in found.officers or (officer is None and not found.officers)


def test_two_units_for_the_same_are_refused() -> None:
    twice = [*UNITS, unit("east-two", "east", ["noise"])]
    with pytest.raises(OrganisationError, match="east-branch, east-two all answer for noise in east"):
        bureau(twice)


def test_a_bureau_without_a_default_unit_is_refused() -> None:
    with pytest.raises(OrganisationError, match="default: true"):
        bureau([unit("cards", None, ["card"])])


def test_clocks_count_working_minutes() -> None:
    friday = MONDAY + timedelta(days=4, hours=7)
    assert BUREAU.clocks(UNITS[0], Grade.ORDINARY, urgent=False, start=friday) == Clocks(
        MONDAY + timedelta(days=7, hours=7), MONDAY + timedelta(days=11, hours=7)
    )
    assert BUREAU.clocks(UNITS[0], Grade.MAJOR, urgent=True, start=friday).contact_due == friday + timedelta(hours=1)
    assert BUREAU.rectification_due("east-branch", MONDAY) == MONDAY + timedelta(days=2, hours=8)
    assert BUREAU.rectification_due("dissolved", MONDAY) == MONDAY + timedelta(days=2, hours=8)
