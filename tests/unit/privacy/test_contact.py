from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.privacy.contact import (
    ContactError,
    MisspeltNumberError,
    PhoneReading,
    Unread,
    is_mobile,
    masked,
    normalise_phone,
    read_phone,
)


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


@pytest.mark.parametrize(
    "written",
    [
        "139OOOO0001",
        "139oooo0001",
        "１３９ＯＯＯＯ０００１",
        "139ОООО0001",
        "139ΟΟΟΟ0001",
        "l3900000001",
        "I3900000001",
        "1390000000l",
        "139 OOOO 0001",
        "+86 139OOOO0001",
        "O21-23456789",
        "1390000ABCD",
        "1-800-FLOWERS",
        "400-TAXI-110",
        "139০0000001",
        "13900000OO1 / 13900000002",
        "电话：139OOOO0001",
    ],
)
def test_letters_are_no_digits(written: str) -> None:
    with pytest.raises(MisspeltNumberError, match="Letters are no digits"):
        read_phone(written)
    with pytest.raises(ContactError):
        normalise_phone(written)


@pytest.mark.parametrize(
    ("written", "number", "extension"),
    [
        ("13900000001-9100", "+8613900000001", "9100"),
        ("139-0000-0001-9100", "+8613900000001", "9100"),
        ("(021)23456789-801", "+862123456789", "801"),
        ("（021）23456789－801", "+862123456789", "801"),
        ("0571-88888888-8003", "+8657188888888", "8003"),
        ("13900000001转9100", "+8613900000001", "9100"),
        ("13900000001 转 9100", "+8613900000001", "9100"),
        ("13900000001转接9100", "+8613900000001", "9100"),
        ("010-61234567转分机802", "+861061234567", "802"),
        ("010-61234567分机：802", "+861061234567", "802"),
        ("010-61234567 ext. 802", "+861061234567", "802"),
        ("010-61234567x802", "+861061234567", "802"),
        ("010-61234567#802", "+861061234567", "802"),
        ("010-61234567，802", "+861061234567", "802"),
        ("tel:+86-10-6123-4567;ext=802", "+861061234567", "802"),
        ("+1 212 555 0100 ext 5", "+12125550100", "5"),
        ("０１０－６１２３４５６７－００２", "+861061234567", "002"),
        ("0571-8888-8003", "+8657188888003", None),
        ("手机号：139 0000 0001", "+8613900000001", None),
        ("13900000001（微信同号）", "+8613900000001", None),
        ("1️⃣3️⃣9️⃣0️⃣0️⃣0️⃣0️⃣0️⃣0️⃣0️⃣1️⃣", "+8613900000001", None),
        ("١٣٩٠٠٠٠٠٠٠١", "+8613900000001", None),
        ("\u202d13900000001\u202c", "+8613900000001", None),
    ],
)
def test_an_extension_is_kept_beside_its_number(written: str, number: str, extension: str | None) -> None:
    assert read_phone(written) == PhoneReading(number, extension)
    assert normalise_phone(written) == number


@pytest.mark.parametrize(
    "written",
    [
        "不方便透露",
        "同微信",
        "无",
        "wx13900000001",
        "li8888ming66",
        "QQ 123456789",
        "someone@example.com",
        "12345",
        "110",
        "23456789",
        "1390000000",
        "139000000012",
        "139****0001",
        "13900000001 9100",
        "13900000001-13900000002",
        "一三九零零零零零零零一",
        "不要打13900000001",
        "-",
        "?" * 400,
    ],
)
def test_what_is_no_number_is_left_for_a_person(written: str) -> None:
    assert read_phone(written) == PhoneReading(None, None, written, Unread.NOT_A_NUMBER)


@pytest.mark.parametrize(
    "written",
    [
        "13900000001 / 13900000002",
        "13900000001或13900000002",
        "13900000001 13900000002",
        "13900000001、021-23456789-801",
    ],
)
def test_of_several_numbers_the_first_is_called_and_none_is_lost(written: str) -> None:
    assert read_phone(written) == PhoneReading("+8613900000001", None, written, Unread.SEVERAL)


def test_behind_one_number_each_extension_is_another_line() -> None:
    assert read_phone("13900000001-9100").line == "+8613900000001;ext=9100"
    assert read_phone("13900000001").line == "+8613900000001"


@given(st.text(max_size=80) | st.text(st.sampled_from("0123456789+-() /、转extO１٣abc，,"), max_size=70))
def test_any_text_is_read_refused_or_left(text: str) -> None:
    try:
        found = read_phone(text)
    except MisspeltNumberError:
        assert any(one.isalpha() or (one.isdecimal() and not one.isascii()) for one in text)
        return
    if found.number is not None:
        # No digit is invented, and none is lost but where they are kept as they were written.
        assert read_phone(found.number) == PhoneReading(found.number)
        assert found.extension is None or found.extension.isdecimal()
    assert (found.unread is None) == (found.why is None)
    if found.number is None and found.unread is None:
        assert not any(one.isalnum() and one.isascii() for one in text)


@pytest.mark.parametrize(
    "hostile", ["1" * 20_000, " " * 20_000, "1 " * 10_000, "(" * 5_000, "1-" * 30 + "x", "转" * 300]
)
def test_a_hostile_text_costs_no_time(hostile: str) -> None:
    began = time.perf_counter()
    read_phone(hostile)
    assert time.perf_counter() - began < 0.5
