from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.privacy.contact import ContactError, is_mobile, masked, normalise_phone


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("13812345678", "+8613812345678"),
        (" 138 1234 5678 ", "+8613812345678"),
        ("+86 138-1234-5678", "+8613812345678"),
        ("008613812345678", "+8613812345678"),
        ("１３８１２３４５６７８", "+8613812345678"),
        ("0755-23456789", "+8675523456789"),
        ("（0755）23456789", "+8675523456789"),
        ("010-61234567转802", "+861061234567"),
        ("+852 2345 6789", "+85223456789"),
    ],
)
def test_every_spelling_of_a_number_becomes_one(written: str, e164: str) -> None:
    assert normalise_phone(written) == e164
    assert normalise_phone(e164) == e164


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "not a phone number"),
        ("电话没有", "not a phone number"),
        ("1381234567", "."),
        ("138123456789", "."),
        ("1381234567890123", "too long"),
        ("23456789", "area code"),
        ("12345", "."),
        ("1" * 65, "at most 64"),
    ],
)
def test_an_unusable_number_is_refused_with_a_remedy_and_is_not_shown(written: str, reason: str) -> None:
    with pytest.raises(ContactError, match=reason) as raised:
        normalise_phone(written)
    if len(written) > 6:
        assert written not in str(raised.value)
        assert "digits" in str(raised.value) or "characters" in str(raised.value)


@given(st.text(max_size=80))
def test_any_text_is_either_a_number_or_refused(text: str) -> None:
    try:
        e164 = normalise_phone(text)
    except ContactError:
        return
    assert normalise_phone(e164) == e164


def test_only_a_mobile_number_gets_an_sms() -> None:
    assert is_mobile("+8613812345678")
    assert not is_mobile("+8675523456789")


def test_a_masked_number_is_recognised_but_cannot_be_called() -> None:
    assert masked("+8613812345678") == "138****5678"
    assert masked("+85223456789") == "****89"


@given(st.from_regex(r"1[0-9]{10}", fullmatch=True))
def test_a_mobile_number_is_read_the_same_with_and_without_its_country(number: str) -> None:
    # Eleven digits alone take a way of their own, which must know the same numbers.
    def read(written: str) -> str | None:
        try:
            return normalise_phone(written)
        except ContactError:
            return None

    assert read(number) == read(f"+86{number}")
