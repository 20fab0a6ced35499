"""Inhabitants: nobody real, everybody reachable by a number of their own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.domain.people import MAX_POPULATION, person
from shared.privacy.contact import is_mobile, normalise_phone

NUMBERS = st.integers(0, MAX_POPULATION - 1)
SEEDS = st.integers(0, 2**31)


@given(SEEDS, NUMBERS)
def test_phones_validate_as_mobile_numbers_of_the_range_that_nobody_has(seed: int, number: int) -> None:
    someone = person(seed, number)
    assert normalise_phone(someone.phone) == someone.e164
    assert is_mobile(someone.e164)
    assert someone.phone.startswith("1349")


@given(SEEDS, NUMBERS, NUMBERS)
def test_no_two_share_a_phone(seed: int, one: int, other: int) -> None:
    assert (person(seed, one).phone == person(seed, other).phone) == (one == other)


@given(SEEDS, st.integers(0, 999_999), st.sampled_from([1, 10, 1_000, 1_000_000]))
def test_numbers_a_round_step_apart_have_other_phones(seed: int, number: int, step: int) -> None:
    assert len({person(seed, number + step * times).phone for times in range(10)}) == 10


@given(SEEDS, NUMBERS)
def test_identity_numbers_have_their_check_character_and_an_area_that_does_not_exist(seed: int, number: int) -> None:
    identity = person(seed, number).identity
    digits = [10 if c == "X" else int(c) for c in identity]
    # ISO 7064 MOD 11-2 over all eighteen characters gives 1.
    assert sum(digit * pow(2, 17 - place, 11) for place, digit in enumerate(digits)) % 11 == 1
    assert identity.startswith("990000")


@given(SEEDS, NUMBERS)
def test_a_person_is_the_same_each_time(seed: int, number: int) -> None:
    assert person(seed, number) == person(seed, number)


def test_there_are_inhabitants_as_far_as_there_are_numbers() -> None:
    with pytest.raises(ValueError, match="9,999,999"):
        person(1, MAX_POPULATION)
