"""Folding for matching: how a thing was typed makes no difference, and nothing that can be seen is lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.folding import fold, fold_in_place, fold_words, is_visible


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("有人要跳樓，快來", "有人要跳楼,快来"),
        ("救\u200d命", "救命"),
        ("救̶命̶", "救命"),
        ("刚刚发生⻋祸", "刚刚发生车祸"),
        ("⼥⼉⾛丢", "女儿走丢"),
        ("拿著刀", "拿着刀"),
        ("ＪＩＵ ming", "jiu ming"),
        ("1\ufe0f\u20e3", "1"),
        ("\u202d1\u202c\ufeff", "1"),
        ("➀❷⑶⒋⓹٦", "123456"),
        ("一\r\n \u2028\x0b二\t\u3000三", "一\n二 三"),
        ("e\u0301", "é"),
        ("😭", "😭"),
    ],
)
def test_what_reads_the_same_is_the_same(typed: str, folded: str) -> None:
    assert fold(typed) == folded


def test_blanks_between_chinese_characters_hide_no_word() -> None:
    assert fold_words("救 \u3000命 a 级\n快 来") == "救命 a 级\n快来"


@pytest.mark.parametrize(
    "filler", list("\u3164\u115f\uffa0\u2800\u200d\u200b\ufe0f\u034f\u00ad\u2061\u17b4\U000e0100 \n\t\ue000")
)
def test_fillers_cannot_be_seen(filler: str) -> None:
    assert not is_visible(filler * 3)
    assert is_visible(f"{filler}路")


@given(st.text())
def test_folding_again_changes_nothing(typed: str) -> None:
    folded = fold(typed)
    assert fold(folded) == folded
    assert fold_words(fold_words(typed)) == fold_words(typed)


@given(st.text())
def test_composed_or_not_folds_alike(typed: str) -> None:
    assert fold(unicodedata.normalize("NFD", unicodedata.normalize("NFC", typed))) == fold(typed)


@given(st.text())
def test_each_folded_character_knows_its_place(typed: str) -> None:
    folded, origins = fold_in_place(typed)
    assert len(folded) == len(origins)
    assert origins == sorted(origins)
    assert all(fold_in_place(typed[origin])[0].count(one) for one, origin in zip(folded, origins, strict=True))
