"""Reading what a channel posts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.intake.domain import form as forms
from services.intake.domain.form import Batch, RequestForm

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
    assert (found.category, found.subject, found.body, found.place) == ("噪音", "夜间 施工", "很吵123", "春晖路 18号")
    assert found.requester is not None
    assert found.requester.model_dump() == {"name": "王某", "phone": "+8613800138000", "identity": None}


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
        ({"requester": {"phone": "12345"}}, "requester.phone", "phone_number"),
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


def test_a_bad_request_of_a_batch_leaves_the_others() -> None:
    batch = Batch.model_validate_json(json.dumps({"requests": [POSTED, {**POSTED, "body": ""}, 7, POSTED]}))
    assert [type(item) for item in batch.requests] == [RequestForm, ValidationError, ValidationError, RequestForm]


@pytest.mark.parametrize("count", [0, forms.MAX_BATCH + 1])
def test_a_batch_has_limits(count: int) -> None:
    with pytest.raises(ValidationError):
        Batch.model_validate({"requests": [POSTED] * count})
    assert len(Batch.model_validate({"requests": [POSTED] * forms.MAX_BATCH}).requests) == forms.MAX_BATCH


@given(st.text(max_size=60), st.none() | st.text(max_size=30))
def test_any_text_is_taken_or_refused_and_can_be_stored(body: str, subject: str | None) -> None:
    try:
        found = RequestForm.model_validate({**POSTED, "body": body, "subject": subject})
    except ValidationError:
        return
    # PostgreSQL has no zero byte, and UTF-8 no lone surrogate.
    assert b"\x00" not in f"{found.subject}{found.body}".encode()
