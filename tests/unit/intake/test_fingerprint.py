"""Whether two posts say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"submitted_at": "2026-11-24T08:30:00+08:00"}, {"submitted_at": "2026-11-24T00:30:00Z"}),
        ({"submitted_at": "2026-11-24T08:30:00+08:00"}, {"submitted_at": "2026-11-24 00:30-00:00"}),
        ({"location": {"latitude": 0.0, "longitude": 29}}, {"location": {"latitude": -0.0, "longitude": 29.0}}),
        ({"location": {"latitude": 1, "longitude": 2}}, {"location": {"latitude": 1, "longitude": 2, "datum": None}}),
        ({"requester": {}}, {"requester": None}),
        ({"requester": {"phone": None, "name": "\u3164"}}, {"requester": {}}),
        ({"subject": None}, {"subject": "\u200b"}),
        ({"body": "路灯，坏了"}, {"body": "路灯,坏了"}),
        ({"body": "路灯\r\n坏了"}, {"body": "路灯\n坏了"}),
        ({"body": "caf\u00e9"}, {"body": "cafe\u0301"}),
        ({"requester": {"phone": "13900000001转9100"}}, {"requester": {"phone": "139-0000-0001-9100"}}),
    ],
)
def test_another_spelling_is_the_same_content(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert is_same(RING, fingerprint(RING, form(**one)), form(**other))
    assert is_same(RING, fingerprint(RING, form(**other)), form(**one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"requester": {"phone": "13900000001转9100"}}, {"requester": {"phone": "13900000001转9101"}}),
        ({"requester": {"phone": "13900000001"}}, {"requester": {"phone": "13900000001转9101"}}),
        ({"requester": {"phone": "不方便"}}, {"requester": {"phone": "不方便透露"}}),
        ({"requester": {"phone": "13900000001、13900000002"}}, {"requester": {"phone": "13900000001、13900000003"}}),
        ({"location": {"latitude": 1, "longitude": 2, "datum": "bd09"}}, {"location": {"latitude": 1, "longitude": 2}}),
        ({"subject": "甲", "place": "乙"}, {"subject": "乙", "place": "甲"}),
    ],
)
def test_what_differs_is_another_content(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert not is_same(RING, fingerprint(RING, form(**one)), form(**other))


@given(
    st.datetimes(datetime(1901, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(-12 * 60, 14 * 60),
    st.integers(-12 * 60, 14 * 60),
)
def test_an_instant_is_one_content_in_every_offset(at: datetime, minutes: int, others: int) -> None:
    spelt = [at.astimezone(timezone(timedelta(minutes=offset))).isoformat() for offset in (minutes, others)]
    assert is_same(RING, fingerprint(RING, form(submitted_at=spelt[0])), form(submitted_at=spelt[1]))
    later = (at + timedelta(microseconds=1)).isoformat()
    assert not is_same(RING, fingerprint(RING, form(submitted_at=spelt[0])), form(submitted_at=later))


def test_a_member_that_the_form_gains_leaves_what_is_stored() -> None:
    class Grown(RequestForm):
        urgency: str | None = None

    grown = Grown.model_validate(form().model_dump(exclude_unset=True) | {"requester": {"phone": "13800138000"}})
    assert is_same(RING, fingerprint(RING, form()), grown)
    assert fingerprint(RING, grown) == fingerprint(RING, form())


FIRST_RING = KeyRing.parse("k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
FIRST_VERSION: list[tuple[dict[str, Any], str]] = [
    ({}, "k1.83fa229e53422dc7af825cb8bdb233c7"),
    (
        {
            "body": "\u3000夜间施工，很吵１２３①㎡！\r\n\r\n\r\n\u200b请处理😀 "
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
            "subject": "夜间\n施工",
            "place": "春晖路\u3000１８号",
            "category": " 噪音 ",
            "district": "云河区",
            "kind": "complaint",
        },
        "k1.4b060d56e233a23a938c179faf4af877",
    ),
    ({"submitted_at": "2026-11-24T08:30:00+08:00"}, "k1.53c89eab3f26d413aa80bd71f9f5f8f1"),
    ({"submitted_at": "2026-11-24T00:30:00Z"}, "k1.f418cc12be7d8533ded0997d3fe7798b"),
    ({"submitted_at": "2026-11-24T00:30:00.123456-03:30"}, "k1.c0a2728df06540375804b1bb9c07f490"),
    ({"location": {"latitude": 29, "longitude": 121.5}}, "k1.7e65dc2d2c808ce3c2e70e4e5f366ebf"),
    ({"location": {"latitude": -0.0, "longitude": 1e-07}}, "k1.1d893763d8d196d19f479c52061b6928"),
    (
        {"requester": {"name": "王\u200b某", "phone": "１３８ 0013-8000", "identity": "３３０１０２１９００"}},
        "k1.6dac1d24afd191d4adc821a525055ce6",
    ),
    ({"requester": {"phone": "010-61234567转802"}}, "k1.6d6fd53350f5a1e45dfc1389b148119e"),
]
"""Made by the build before texts were kept as written."""


@pytest.mark.parametrize(("changes", "stored"), FIRST_VERSION)
def test_requests_of_the_first_version_are_recognised(changes: dict[str, Any], stored: str) -> None:
    posted = form(**{"requester": None, **changes})
    assert is_same(FIRST_RING, stored, posted)
    assert not is_same(FIRST_RING, stored, form(**{"requester": None, **changes, "subject": "别的"}))


def test_a_version_of_a_later_build_is_nothing_that_can_be_told() -> None:
    kid, _, digest = fingerprint(RING, form()).split(".")
    assert not is_same(RING, f"{kid}.v3.{digest}", form())
    assert not is_same(RING, f"{kid}.v2.x.{digest}", form())
