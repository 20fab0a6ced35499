from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.paging import MAX_CURSOR, CursorPart, decode_cursor, encode_cursor, page_of
from shared.web.problems import Problem

_AWARE = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]))
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
_PARTS = st.one_of(_AWARE, st.uuids(), st.integers(-(2**63), 2**63 - 1), _TEXT)


@given(st.lists(_PARTS, min_size=1, max_size=3))
def test_a_cursor_gives_back_what_it_was_made_of(parts: list[CursorPart]) -> None:
    cursor = encode_cursor(*parts)
    assert decode_cursor(cursor, *(type(part) for part in parts)) == tuple(parts)
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(max_size=MAX_CURSOR + 20))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Problem) as raised:
        decode_cursor(text, datetime, UUID)
    assert raised.value.status == 400
    assert raised.value.slug == "invalid-cursor"


def _raw(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode()


@pytest.mark.parametrize(
    ("cursor", "kind"),
    [
        (_raw(["2026-01-01T00:00:00"]), datetime),
        # No time of UTC, in which it would be looked for.
        (_raw(["0001-01-01T00:00:00+14:00"]), datetime),
        (_raw(["9999-12-31T23:59:59-14:00"]), datetime),
        (_raw(["9223372036854775808"]), int),
        (_raw(["-9223372036854775809"]), int),
        (_raw(["a\x00b"]), str),
        (base64.urlsafe_b64encode(b'["\\ud800"]').decode(), str),
        (_raw(["1", "2"]), int),
        (_raw([1]), int),
        (_raw({"0": "1"}), int),
        (_raw([["1"]]), int),
        (_raw(["x" * 400]), str),
    ],
)
def test_parts_that_a_query_could_choke_on_are_refused(cursor: str, kind: type[CursorPart]) -> None:
    with pytest.raises(Problem):
        decode_cursor(cursor, kind)


def test_a_time_without_a_zone_makes_no_cursor() -> None:
    with pytest.raises(ValueError, match="time zone"):
        encode_cursor(datetime(2026, 1, 1))  # noqa: DTZ001


@given(st.integers(0, 30), st.integers(1, 10))
def test_the_pages_together_are_the_list(count: int, limit: int) -> None:
    rows, seen, cursor, pages = list(range(count)), [], None, 0
    while True:
        after = decode_cursor(cursor, int)[0] if cursor else -1
        page = page_of([row for row in rows if row > int(str(after))][: limit + 1], limit, lambda row: (row,))
        seen += page.items
        pages += 1
        cursor = page.next
        if cursor is None:
            break
    assert seen == rows
    assert pages == max(1, -(-count // limit))
