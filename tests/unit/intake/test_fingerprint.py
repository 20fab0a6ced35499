"""Whether two posts say the same."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.domain.fingerprint import fingerprint, is_same
from services.intake.domain.form import RequestForm
from shared.privacy.keys import KeyRing, new_key

RING = KeyRing.parse(new_key("k1"))


def form(**changes: Any) -> RequestForm:
    posted = {
        "channel": "wechat-0012",
        "channel_request_id": "m-1",
        "body": "路灯坏了",
        "requester": {"phone": "13800138000"},
    }
    return RequestForm.model_validate({**posted, **changes})


def test_the_same_content_in_another_spelling() -> None:
    stored = fingerprint(RING, form())
    assert is_same(RING, stored, form(body="\t路灯坏了 \n", requester={"phone": "+86 138 0013 8000"}, subject=" "))


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "路灯亮了"},
        {"subject": "路灯"},
        {"requester": {"phone": "13800138001"}},
        {"requester": None},
        {"location": {"latitude": 1, "longitude": 2}},
        {"submitted_at": "2026-01-02T03:04:05+08:00"},
        {"kind": "complaint"},
    ],
)
def test_another_content(changes: dict[str, Any]) -> None:
    assert not is_same(RING, fingerprint(RING, form()), form(**changes))


def test_it_outlives_a_rotated_key() -> None:
    old = new_key("k1")
    stored = fingerprint(KeyRing.parse(old), form())
    rotated = KeyRing.parse(f"{new_key('k2')},{old}")
    assert is_same(rotated, stored, form())
    assert fingerprint(rotated, form()).startswith("k2.")
    assert not is_same(KeyRing.parse(new_key("k2")), stored, form())


def test_another_key_gives_another_digest() -> None:
    first, second = (KeyRing.parse(new_key("k1")) for _ in range(2))
    assert fingerprint(first, form()) != fingerprint(second, form())
