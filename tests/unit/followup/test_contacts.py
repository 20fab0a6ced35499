"""Opening contacts, and recognising a number without knowing it, also over a rotation of keys."""

from __future__ import annotations

from uuid import UUID

import orjson
import pytest

from services.followup.contacts import Contacts, UnreadableContactError
from shared.privacy.keys import KeyRing, new_key
from shared.privacy.sealing import UnsealError, seal

CASE, OTHER = UUID(int=1), UUID(int=2)
SEALING = KeyRing.parse(new_key("s1"))
NUMBER = "+8613900001234"


def test_a_contact_is_opened_for_its_case_alone() -> None:
    contacts = Contacts(SEALING, KeyRing.parse(new_key("p1")))
    sealed = seal(SEALING, orjson.dumps({"phone": NUMBER, "name": "N", "identity": "I"}), CASE.bytes)
    opened = contacts.open(sealed, CASE)
    assert (opened.phone, opened.name) == (NUMBER, "N")
    assert NUMBER not in repr(opened)
    with pytest.raises(UnsealError):
        contacts.open(sealed, OTHER)


@pytest.mark.parametrize("plain", [b"", b"[]", b'{"phone": 3}', b"\xff"])
def test_what_is_no_contact(plain: bytes) -> None:
    contacts = Contacts(SEALING, KeyRing.parse(new_key("p1")))
    with pytest.raises(UnreadableContactError):
        contacts.open(seal(SEALING, plain, CASE.bytes), CASE)


def test_a_number_written_to_before_a_rotation_is_recognised_after_it() -> None:
    old, new = new_key("p1"), new_key("p2")
    before = Contacts(SEALING, KeyRing.parse(old))
    after = Contacts(SEALING, KeyRing.parse(f"{new},{old}"))
    remembered = before.pseudonym_of(NUMBER)
    assert remembered in after.pseudonyms_of("139 0000 1234")
    assert after.pseudonym_of(NUMBER) != remembered
    assert after.pseudonym_of(NUMBER) in after.pseudonyms_of(NUMBER)


def test_what_is_no_number_is_recognised_by_nothing() -> None:
    assert Contacts(SEALING, KeyRing.parse(new_key("p1"))).pseudonyms_of("10") == ()


def test_words_are_sealed_for_their_case() -> None:
    contacts = Contacts(SEALING, KeyRing.parse(new_key("p1")))
    sealed = contacts.seal_text("再来看看", CASE)
    assert contacts.open_text(sealed, CASE) == "再来看看"
    with pytest.raises(UnsealError):
        contacts.open_text(sealed, OTHER)
