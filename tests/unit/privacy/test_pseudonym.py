from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.privacy.keys import KeyRing
from shared.privacy.pseudonym import pseudonym

RING = KeyRing({"a": b"a" * 32}, "a")
OTHER = KeyRing({"a": b"b" * 32}, "a")


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_same_contact_is_the_same_person_and_another_is_not(one: str, two: str) -> None:
    assert (pseudonym(RING, one) == pseudonym(RING, two)) == (one == two)


def test_it_depends_on_the_key_and_is_not_a_plain_digest() -> None:
    contact = "+8613812345678"
    told = pseudonym(RING, contact)
    assert len(told) == 32
    assert told != pseudonym(OTHER, contact)
    assert not hashlib.sha256(contact.encode()).hexdigest().startswith(told)
    assert not hmac.new(b"a" * 32, contact.encode(), "sha256").hexdigest().startswith(told)


def test_it_stays_the_same_for_ever() -> None:
    # Stored pseudonyms must still be found after an upgrade.
    assert pseudonym(RING, "+8613812345678") == "8c8971568003fe1254620b3c83fea44e"


def test_nobody_is_the_same_person_as_nobody() -> None:
    with pytest.raises(ValueError, match="needs a contact"):
        pseudonym(RING, "")
