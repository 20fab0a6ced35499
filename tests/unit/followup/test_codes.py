"""Codes of carriers as reasons in events."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.followup.domain.codes import kept, reason_of


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("MK:0001", "mk-0001"),
        ("2:10", "2-10"),
        ("UNDELIV", "undeliv"),
        ("no-such-number", "no-such-number"),
        ("关机", "unknown"),
        ("ID:0012关机", "id-0012"),
        ("", "unknown"),
        (None, "unknown"),
        ("1 390 000 1234", "unknown"),
        ("１３９００００１２３４", "unknown"),
        ("0¼¼¼", "unknown"),
        ("139/0000/1234", "unknown"),
        ("139_0000_1234", "unknown"),
        ("1关2关3关4关5关6关7", "unknown"),
    ],
)
def test_reasons(code: str | None, reason: str) -> None:
    assert reason_of(code) == reason


@given(st.text(max_size=64))
def test_any_text_gives_a_code_of_our_form(code: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", reason_of(code))
    assert reason_of(reason_of(code)) == reason_of(code)


@given(
    st.text(max_size=20),
    st.sampled_from(["13900001234", "139 0000 1234", "+86-139-0000-1234", "139/0000/1234"]),
    st.text(max_size=20),
)
def test_a_number_goes_no_further(before: str, number: str, after: str) -> None:
    for told in (reason_of(before + number + after), kept(before + number + after)):
        assert "0000" not in re.sub(r"\D", "", told)


def test_what_is_no_number_is_kept_as_it_was_written() -> None:
    assert kept("空号 MK:0001") == "空号 MK:0001"
