from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.privacy.sealing import KeyRing, SealedText, UnsealError, seal, unseal

OLD = KeyRing({"old": b"o" * 32}, "old")
NEW = KeyRing({"new": b"n" * 32, "old": b"o" * 32}, "new")
CASE = UUID("0190f3a1-7c00-7000-8000-000000000001").bytes
OTHER = UUID("0190f3a1-7c00-7000-8000-000000000002").bytes


@given(st.binary(max_size=2_000), st.binary(max_size=32))
def test_what_is_sealed_opens_and_has_the_form(plaintext: bytes, associated: bytes) -> None:
    sealed = seal(NEW, plaintext, associated)
    assert unseal(NEW, sealed, associated) == plaintext
    assert TypeAdapter(SealedText).validate_python(sealed) == sealed
    if len(plaintext) > 8:
        assert plaintext not in sealed.encode()


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert len({seal(NEW, b"same", CASE) for _ in range(100)}) == 100


def test_after_a_rotation_the_old_opens_and_the_new_seals() -> None:
    before = seal(OLD, b"text", CASE)
    assert unseal(NEW, before, CASE) == b"text"
    assert seal(NEW, b"text", CASE).startswith("v1.new.")
    with pytest.raises(UnsealError, match=r"'new'.*MINSHENG_SEALING_KEYS"):
        unseal(OLD, seal(NEW, b"text", CASE), CASE)


def test_a_text_moved_to_another_case_does_not_open() -> None:
    with pytest.raises(UnsealError, match="another case"):
        unseal(NEW, seal(NEW, b"text", CASE), OTHER)


@given(st.integers(0, 10_000), st.sampled_from("ABCxyz019-_"))
def test_a_changed_text_does_not_open(place: int, other: str) -> None:
    head, kid, body = seal(NEW, b"personal data of 31 bytes, x 3.", CASE).split(".")
    # Behind the last whole group of four characters, some bits mean nothing.
    place %= len(body) // 4 * 4
    assume(body[place] != other)
    with pytest.raises(UnsealError):
        unseal(NEW, f"{head}.{kid}.{body[:place]}{other}{body[place + 1 :]}", CASE)


@pytest.mark.parametrize(
    "malformed", ["", "text", "v2.new.AAAA", "v1.new", "v1..AAAA", f"v1.new.{'A' * 38}\n", f"v1.new.{'A' * 37}"]
)
def test_other_forms_are_refused_without_being_shown(malformed: str) -> None:
    with pytest.raises(UnsealError, match="not a sealed text"):
        unseal(NEW, malformed, CASE)
    with pytest.raises(ValidationError):
        TypeAdapter(SealedText).validate_python(malformed)


@pytest.mark.parametrize("length", [38, 39, 41])
def test_impossible_base64_of_the_right_alphabet_does_not_open(length: int) -> None:
    with pytest.raises(UnsealError, match="doesn't open"):
        unseal(NEW, f"v1.new.{'A' * length}", CASE)


def test_an_error_carries_nothing_of_the_text() -> None:
    sealed = seal(NEW, b"personal data", CASE)
    with pytest.raises(UnsealError) as raised:
        unseal(NEW, sealed, OTHER)
    assert sealed.split(".")[2][:8] not in str(raised.value)
    assert raised.value.__suppress_context__
