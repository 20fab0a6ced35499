"""Normalising texts."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.text import comparable, formerly, normalise_line, normalise_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80) | st.text(
    st.sampled_from("a文 \u3000\u00a0\t\r\n\u2028\u200b\ufeff\u0308\u00a8\u202e０，"), max_size=40
)


@pytest.mark.parametrize(
    ("typed", "normalised"),
    [
        ("\n\t\t\t路灯坏了\t\t  三天\r\n\r\n\r\n\r\n请修\n\t", "路灯坏了 三天\n\n请修"),
        # What people read stays as it was written.
        ("电话１３８－００１３，①栋②层，８０㎡！", "电话１３８－００１３，①栋②层，８０㎡！"),
        ("春晖路　18号", "春晖路　18号"),
        ("１㎏ ﬁ ⼈ ＡＢＣ ½ ℃ ㈱ ﾊﾝ", "１㎏ ﬁ ⼈ ＡＢＣ ½ ℃ ㈱ ﾊﾝ"),
        (
            "❤️ 1️⃣ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
            "❤️ 1️⃣ 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        ),
        ("好\U000e0068\U000e0069的", "好的"),
        ("第一行\u2028第二行\x0b第三行\x85第四行", "第一行\n第二行\n第三行\n第四行"),
        ("前\u200b后\ufeff\u00ad", "前后"),
        ("反\u202e向\u2066", "反向"),
        ("删\x00除\x07\x1b", "删除"),
        ("e\u0301", "é"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        (" \u3000\u00a0 ", ""),
    ],
)
def test_text_keeps_what_can_be_seen(typed: str, normalised: str) -> None:
    assert normalise_text(typed) == normalised


def test_line_has_no_line_ends() -> None:
    assert normalise_line(" 春晖路\r\n18号\u2029 \t后门 ") == "春晖路 18号 后门"


@given(TEXTS)
def test_normalising_again_changes_nothing(typed: str) -> None:
    once = normalise_text(typed)
    assert normalise_text(once) == once
    line = normalise_line(typed)
    assert normalise_line(line) == line


@given(TEXTS)
def test_normalised_text_has_the_form(typed: str) -> None:
    text = normalise_text(typed)
    assert unicodedata.is_normalized("NFC", text)
    assert text == text.strip()
    assert not any(unicodedata.category(char) == "Cc" and char != "\n" for char in text)
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
    assert "  " not in text
    assert "\n\n\n" not in text
    assert " \n" not in text
    assert "\n " not in text


def seen(text: str) -> str:
    """What a person sees of a text, without white space."""
    return unicodedata.normalize(
        "NFC", "".join(one for one in text if not one.isspace() and unicodedata.category(one) not in ("Cc", "Cf"))
    )


@given(TEXTS)
def test_what_can_be_seen_is_what_was_written(typed: str) -> None:
    assert seen(normalise_text(typed)) == seen(normalise_line(typed)) == seen(typed)


@given(TEXTS)
def test_whatever_is_seen_as_the_same_compares_as_the_same(typed: str) -> None:
    kept = normalise_text(typed)
    assert comparable(kept) == " ".join(unicodedata.normalize("NFKC", kept).split())
    assert comparable(unicodedata.normalize("NFD", kept)) == comparable(kept)


@given(TEXTS)
def test_the_former_form_can_be_made_of_what_is_kept(typed: str) -> None:
    # Fingerprints of requests that came before are of it.
    assert formerly(normalise_text(typed)) == formerly(typed)
