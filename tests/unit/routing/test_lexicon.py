from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.lexicon import Entry, Lexicon
from shared.folding import fold_words


def found(lexicon: Lexicon, text: str) -> list[tuple[str, str, int]]:
    return [(hit.entry.role, hit.entry.word, hit.position) for hit in lexicon.find(fold_words(text))]


def test_finds_words_in_their_order_with_their_places() -> None:
    lexicon = Lexicon([Entry("a", "噪音"), Entry("a", "扰民"), Entry("b", "投诉")])
    assert found(lexicon, "投诉噪音扰民") == [("b", "投诉", 0), ("a", "噪音", 2), ("a", "扰民", 4)]


def test_words_that_overlap_in_part_are_both_found() -> None:
    assert found(Lexicon([Entry("a", "交通"), Entry("a", "通行")]), "交通行") == [("a", "交通", 0), ("a", "通行", 1)]


def test_of_two_words_the_longer_one_counts() -> None:
    lexicon = Lexicon([Entry("a", "身份证"), Entry("a", "临时身份证")])
    assert [word for _, word, _ in found(lexicon, "办临时身份证")] == ["临时身份证"]
    assert {word for _, word, _ in found(lexicon, "办临时身份证，丢了身份证")} == {"身份证", "临时身份证"}


def test_a_word_is_hidden_by_the_longest_word_around_it() -> None:
    lexicon = Lexicon([Entry("a", "交警"), Entry("a", "找交警"), Entry("a", "找交警问交警")])
    assert [word for _, word, _ in found(lexicon, "找交警问交警")] == ["找交警问交警"]


def test_a_longer_word_of_another_role_hides_nothing() -> None:
    lexicon = Lexicon([Entry("a", "补办"), Entry("b", "补办证件")])
    assert [role for role, _, _ in found(lexicon, "想补办证件")] == ["a", "b"]


def test_ignored_words_hide_in_every_role_and_are_no_hits() -> None:
    lexicon = Lexicon([Entry("a", "交通"), Entry("b", "银行")], ignored=["交通银行"])
    assert found(lexicon, "交通银行") == []
    assert [word for _, word, _ in found(lexicon, "交通银行门口交通乱")] == ["交通"]


def test_case_does_not_matter_and_words_are_told_as_given() -> None:
    assert found(Lexicon([Entry("a", "KTV")]), "楼下 ktv") == [("a", "KTV", 3)]


@pytest.mark.parametrize(
    "written", ["擾民", "扰\u200d民", "扰 民", "扰\u3000民", "扰\ufe00民", "\u202d扰民\u202c", "扰\u2ea0"]
)
@pytest.mark.parametrize("known", ["扰民", "擾民"])
def test_words_are_found_however_they_are_written(known: str, written: str) -> None:
    assert found(Lexicon([Entry("a", known)]), f"夜里{written}") == [("a", known, 2)]


def test_a_longer_word_hides_in_whatever_spelling() -> None:
    lexicon = Lexicon([Entry("a", "身份证"), Entry("a", "臨時身份證")], ignored=["身分證"])
    assert [word for _, word, _ in found(lexicon, "办临时身份证")] == ["臨時身份證"]


@pytest.mark.parametrize("special", ["]-", "^a", "\\d", "a-", "[["])
def test_words_are_no_regular_expressions(special: str) -> None:
    assert [word for _, word, _ in found(Lexicon([Entry("a", special)]), f"x{special}y")] == [special]


def test_a_word_of_one_character_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Lexicon([Entry("a", "狗")])


def test_no_words_find_nothing() -> None:
    assert Lexicon([]).find("任何文字") == []


few = st.text(alphabet="甲乙丙A-", min_size=2, max_size=4)


@given(words=st.lists(few, max_size=8), text=st.text(alphabet="甲乙丙A-\n", max_size=40))
def test_finds_exactly_what_looking_for_each_word_finds(words: list[str], text: str) -> None:
    lowered = {word: word.lower() for word in words}
    expected = set()
    for given_word, word in lowered.items():
        rest = fold_words(text)
        for longer in sorted({w for w in lowered.values() if word in w and w != word}, key=lambda w: (-len(w), w)):
            rest = rest.replace(longer, "\0")
        if word in rest:
            expected.add(given_word)
    lexicon = Lexicon([Entry("a", word) for word in words])
    assert {word for _, word, _ in found(lexicon, text)} == expected
