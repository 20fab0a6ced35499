"""Case numbers."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.intake.domain.number import (
    SERIALS,
    CaseNumberError,
    case_number,
    check_digit,
    parse_case_number,
)

NUMBERS = st.builds(case_number, st.dates(date(2020, 1, 1), date(2099, 12, 31)), st.integers(0, SERIALS - 1))


def test_known_check_digit() -> None:
    # The example of the method's usual description.
    assert check_digit("572") == 4
    assert check_digit("5724") == 0


def test_number_has_day_serial_and_check_digit() -> None:
    number = case_number(date(2026, 11, 24), 4217)
    assert number[:-1] == "261124-0004217-"
    assert check_digit(number.replace("-", "")) == 0


def test_serials_begin_anew_after_seven_digits() -> None:
    assert case_number(date(2026, 1, 2), SERIALS + 5) == case_number(date(2026, 1, 2), 5)


@given(NUMBERS)
def test_parsing_gives_the_number_back(number: str) -> None:
    assert parse_case_number(number) == number


@given(NUMBERS, st.integers(0, 13), st.integers(1, 9))
def test_a_wrong_digit_is_found(number: str, place: int, offset: int) -> None:
    digits = list(number.replace("-", ""))
    digits[place] = str((int(digits[place]) + offset) % 10)
    with pytest.raises(CaseNumberError, match="wrong"):
        parse_case_number("".join(digits))


@given(NUMBERS, st.integers(0, 12))
def test_two_neighbours_swapped_are_found(number: str, place: int) -> None:
    digits = list(number.replace("-", ""))
    assume(digits[place] != digits[place + 1])
    digits[place], digits[place + 1] = digits[place + 1], digits[place]
    with pytest.raises(CaseNumberError, match="wrong"):
        parse_case_number("".join(digits))


@pytest.mark.parametrize(
    "typed",
    [
        " {} ",
        "{}".replace("-", ""),
        "２６１１２４－０００４２１７－{check}",
        "261124 0004217 {check}",
        "261124—0004217–{check}",
        "26 11 24 00 04 21 7 {check}",
    ],
)
def test_any_usual_spelling_is_understood(typed: str) -> None:
    number = case_number(date(2026, 11, 24), 4217)
    assert parse_case_number(typed.format(number, check=number[-1])) == number


@pytest.mark.parametrize("typed", ["", "261124", "261124-0004217-x", "9" * 15, "9" * 10_000, "²61124-0004217-8a"])
def test_other_texts_are_refused_with_an_example(typed: str) -> None:
    with pytest.raises(CaseNumberError, match="14 digits"):
        parse_case_number(typed)
