from __future__ import annotations

import base64

import pytest

from shared.privacy.keys import KeyRing, KeyRingError, new_key

A, B = base64.b64encode(b"a" * 32).decode(), base64.urlsafe_b64encode(b"\xff" * 32).decode()


def test_the_first_key_is_the_current_one() -> None:
    ring = KeyRing.parse(f" new:{A}, old:{B} ,")
    assert ring.current == "new"
    assert ring.current_key == b"a" * 32
    assert ring.get("old") == b"\xff" * 32
    assert ring.get("older") is None
    assert ring.kids == ("new", "old")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no key"),
        (" , ", "holds no key"),
        (A, "no ':'"),
        (f"a b:{A}", "not 1 to 32 letters"),
        (f"one:{A},one:{B}", "twice"),
        ("one:%%%", "not base64"),
        (f"one:{A[:-4]}", "instead of 32"),
    ],
)
def test_a_malformed_ring_names_the_setting_and_the_reason_and_shows_no_key(text: str, reason: str) -> None:
    with pytest.raises(KeyRingError, match=reason) as raised:
        KeyRing.parse(text, "MINSHENG_SEALING_KEYS")
    told = str(raised.value)
    assert told.startswith("MINSHENG_SEALING_KEYS")
    assert "minsheng keys" in told
    assert A[:10] not in told
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__, "the context may quote the key"


def test_nothing_that_prints_a_ring_shows_its_keys() -> None:
    ring = KeyRing.parse(f"new:{A}")
    for told in (repr(ring), str(ring), f"{ring}"):
        assert A not in told
        assert repr(b"a" * 32) not in told


def test_new_keys_differ_and_parse() -> None:
    one, two = new_key("k1"), new_key("k2")
    ring = KeyRing.parse(f"{one},{two}")
    assert ring.get("k1") != ring.get("k2")


def test_the_current_key_must_be_in_the_ring() -> None:
    with pytest.raises(KeyRingError, match="not in the ring"):
        KeyRing({"a": b"a" * 32}, "b")
