"""Reading what a channel posts."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.intake.domain import form as forms
from services.intake.domain.form import Batch, RequestForm
from shared.privacy.contact import PhoneReading

POSTED: dict[str, Any] = {"channel": "wechat-0012", "channel_request_id": "m-1", "body": "路灯坏了"}


def read(**changes: Any) -> RequestForm:
    return RequestForm.model_validate_json(json.dumps({**POSTED, **changes}))


def refused(**changes: Any) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        read(**changes)
    (error,) = caught.value.errors()
    return ".".join(map(str, error["loc"])), error["type"]


def test_everything_is_normalised() -> None:
    found = read(
        submitted_at="2026-11-24T08:30:00+08:00",
        kind="complaint",
        category=" 噪音 ",
        subject="夜间\n施工",
        body="\t\n很吵１２３\r\n\r\n\r\n",
        place="　春晖路　18号",
        location={"latitude": 29, "longitude": 121.5},
        requester={"name": " 王\u200b某 ", "phone": "１３８ 0013-8000", "identity": ""},
    )
    assert found.submitted_at == datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
    assert (found.category, found.subject, found.body) == ("噪音", "夜间 施工", "很吵１２３")
    assert found.place == "春晖路　18号"
    assert found.requester is not None
    assert found.requester.model_dump() == {"name": "王某", "phone": PhoneReading("+8613800138000"), "identity": None}


@pytest.mark.parametrize(
    ("changes", "field", "kind"),
    [
        ({"body": " \n\u200b\t"}, "body", "string_blank"),
        ({"body": 5}, "body", "string_type"),
        ({"channel": "微信"}, "channel", "string_pattern_mismatch"),
        ({"channel_request_id": "a b"}, "channel_request_id", "string_pattern_mismatch"),
        ({"channel_request_id": "a\x00"}, "channel_request_id", "string_pattern_mismatch"),
        ({"channel_request_id": ""}, "channel_request_id", "string_pattern_mismatch"),
        ({"submitted_at": "2026-11-24T08:30:00"}, "submitted_at", "timezone_aware"),
        ({"submitted_at": 1_700_000_000}, "submitted_at", "datetime_type"),
        ({"location": {"latitude": 91, "longitude": 0}}, "location.latitude", "less_than_equal"),
        ({"location": {"latitude": "29", "longitude": 0}}, "location.latitude", "float_type"),
        ({"location": {"latitude": 29}}, "location.longitude", "missing"),
        ({"location": {"latitude": math.nan, "longitude": 0}}, "location.latitude", "finite_number"),
        ({"location": {"latitude": math.inf, "longitude": 0}}, "location.latitude", "finite_number"),
        ({"location": {"latitude": 29, "longitude": 121, "datum": "cgcs2000"}}, "location.datum", "literal_error"),
        ({"requester": {"phone": "139OOOO0001"}}, "requester.phone", "phone_number"),
        ({"requester": {"phone": "字" * 501}}, "requester.phone", "string_too_long"),
        ({"requester": {"phone": 13900000001}}, "requester.phone", "string_type"),
        ({"requester": {"telephone": "12345"}}, "requester.telephone", "extra_forbidden"),
        ({"discription": "x"}, "discription", "extra_forbidden"),
        ({"kind": "other"}, "kind", "enum"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str, kind: str) -> None:
    assert refused(**changes) == (field, kind)


@pytest.mark.parametrize(
    ("field", "longest"),
    [
        ("body", forms.MAX_BODY),
        ("subject", forms.MAX_SUBJECT),
        ("place", forms.MAX_PLACE),
        ("category", forms.MAX_HINT),
        ("district", forms.MAX_HINT),
    ],
)
def test_limits_count_what_is_left(field: str, longest: int) -> None:
    assert getattr(read(**{field: "  " + "字" * longest + "\n\n"}), field) == "字" * longest
    assert refused(**{field: "字" * (longest + 1)}) == (field, "string_too_long")


def test_the_id_has_a_limit() -> None:
    assert read(channel_request_id="号" * 128).channel_request_id == "号" * 128
    assert refused(channel_request_id="号" * 129) == ("channel_request_id", "string_pattern_mismatch")


def test_errors_never_show_what_was_sent() -> None:
    with pytest.raises(ValidationError) as caught:
        read(requester={"phone": "139000", "name": "赵" * 200}, body="")
    assert "139000" not in str(caught.value)
    assert "赵赵" not in str(caught.value)


# Fillers, joiners, marks and blanks of many scripts: nobody sees a word.
NOTHING = [
    "\u3164",
    "\u2800",
    "\u200d",
    "\ufe0f",
    "\u034f",
    "\u115f\u1160",
    "\uffa0",
    "\u17b4",
    "\u180e",
    "\u2060",
    "\u3000",
]


@pytest.mark.parametrize("nothing", [*NOTHING, "".join(NOTHING), " \u3164\n\u2800", "\U000e0061\U000e0062"])
def test_a_body_in_which_nobody_sees_a_word_is_refused(nothing: str) -> None:
    assert refused(body=nothing) == ("body", "string_blank")
    assert refused(body=nothing, subject="路灯") == ("body", "string_blank")
    assert read(body=f"{nothing}灯{nothing}").body.strip("".join(NOTHING) + " \n") == "灯"


@pytest.mark.parametrize("nothing", NOTHING)
def test_other_texts_in_which_nobody_sees_a_word_are_absent(nothing: str) -> None:
    found = read(
        subject=nothing,
        place=nothing,
        category=nothing,
        district=nothing,
        requester={"name": nothing, "phone": nothing, "identity": nothing},
    )
    assert (found.subject, found.place, found.category, found.district) == (None, None, None, None)
    assert found.requester is not None
    assert found.requester.model_dump(exclude_none=True) == {}


@pytest.mark.parametrize("nothing", ["\u3164", "\u2800\u2800", "\u200d", "\ufe0f", "\u034f", "\u200b"])
def test_an_id_can_be_seen(nothing: str) -> None:
    assert refused(channel_request_id=nothing) == ("channel_request_id", "string_blank")


@pytest.mark.parametrize("seen", ["。", "😀", "1️⃣", "①", "\u3164a", "❤", "٣", "ﷺ"])
def test_whatever_can_be_seen_is_taken(seen: str) -> None:
    assert read(body=seen).body == seen


@pytest.mark.parametrize(
    "written",
    [
        "1732400000000",
        "1732400000",
        "1732400000.5",
        "-1",
        "0",
        "1e9",
        "20241124",
        "20241124T083000Z",
        "20241124T083000+0800",
        "2024-11-24",
        "2024-W47-7",
        "2024-W47-7T08:30:00Z",
        "2024-329T08:30:00Z",
        "2024-11-24T24:00:00Z",
        "2024-11-24T23:59:60Z",
        "2024-11-24_08:30:00Z",
        "2024-11-24T08Z",
        "2024-02-30T08:30:00Z",
        "2024-11-24T08:30:00+15:00",
        "2024-11-24T08:30:00+08:60",
        "2024-11-24T08:30:00 +08:00",
        "2024-11-24T08:30:00\u221208:00",
        "２０２４-11-24T08:30:00Z",
        " 2024-11-24T08:30:00Z",
        "2024/11/24 08:30:00+08:00",
        "24 Nov 2024 08:30:00 GMT",
        "2024年11月24日08时30分",
        "",
        "now",
        "PT1H",
    ],
)
def test_what_only_looks_like_a_time_is_none(written: str) -> None:
    assert refused(submitted_at=written) == ("submitted_at", "datetime_parsing")


@pytest.mark.parametrize("number", [0, 1732400000, 1732400000.5, True, [], {}])
def test_a_number_is_no_time(number: object) -> None:
    assert refused(submitted_at=number) == ("submitted_at", "datetime_type")


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "1899-12-31T23:59:59Z"])
def test_a_time_far_from_any_citizen_is_refused(written: str) -> None:
    assert refused(submitted_at=written) == ("submitted_at", "datetime_range")


@pytest.mark.parametrize(
    "written",
    [
        "2024-11-24T08:30:00+08:00",
        "2024-11-24t00:30:00z",
        "2024-11-24 08:30+08:00",
        "2024-11-24T00:30Z",
        "2024-11-24T08:30:00+0800",
        "2024-11-24T08:30:00+08",
        "2024-11-24T00:30:00.000000000Z",
        "2024-11-24T00:30:00,0-00:00",
    ],
)
def test_iso_8601_with_an_offset_is_a_time(written: str) -> None:
    assert read(submitted_at=written).submitted_at == datetime(2024, 11, 24, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("count", [1, forms.MAX_BATCH])
def test_the_document_tells_how_many_a_batch_holds(count: int) -> None:
    assert len(Batch.model_validate({"requests": [POSTED] * count}).requests) == count
    with pytest.raises(ValidationError):
        Batch.model_validate({"requests": [POSTED] * (forms.MAX_BATCH + 1)})


@given(st.text(max_size=60), st.none() | st.text(max_size=30))
def test_any_text_is_taken_or_refused_and_can_be_stored(body: str, subject: str | None) -> None:
    try:
        found = RequestForm.model_validate({**POSTED, "body": body, "subject": subject})
    except ValidationError:
        return
    # PostgreSQL has no zero byte, and UTF-8 no lone surrogate.
    assert b"\x00" not in f"{found.subject}{found.body}".encode()
