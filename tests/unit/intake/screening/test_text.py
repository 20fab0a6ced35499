"""What the screen looks at: every word of a text lies in a sentence, and no sentence is too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.intake.screening.text import LONGEST_SENTENCE, prepare, runs, runs_in, sentences, units, units_at

_CHINESE = st.text("他在我家门口不走快来人。！？；，、 \n…1０Ａ", max_size=300)


def _parts(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def test_a_text_is_folded_and_its_lines_are_sentences() -> None:
    assert (
        prepare("救\u200d命", "有人要跳樓，\n\n快 來　電話 13900000001，打了110！")
        == "救命。有人要跳楼,快来电话 0,打了110!"
    )


def test_sentences_end_where_people_end_them() -> None:
    assert _parts(prepare(None, "他来了！门在响……怎么办？快来")) == ["他来了", "门在响", "怎么办", "快来"]


def test_a_letter_without_full_stops_is_read_in_stretches_that_end_at_pauses() -> None:
    text = prepare(None, "，".join(["我们小区的路灯一直不亮"] * 12))
    parts = _parts(text)
    assert len(parts) > 1
    assert all(part.startswith("我们") and part.endswith("不亮") for part in parts)


def test_a_letter_without_any_mark_is_read_in_stretches_that_overlap() -> None:
    text = "灯" * 100 + "他拿着刀进来了" + "灯" * 100
    assert any("他拿着刀进来了" in part for part in _parts(text))


@given(_CHINESE | st.text(max_size=300))
def test_every_word_lies_in_a_sentence(typed: str) -> None:
    text = prepare(None, typed)
    covered = {place for start, end in sentences(text) for place in range(start, end)}
    assert {text[place] for place in set(range(len(text))) - covered} <= set("。!?;.~,、: ")
    assert all(0 < end - start <= LONGEST_SENTENCE for start, end in sentences(text))


@given(st.text(max_size=40))
def test_runs_are_counted_rightly(text: str) -> None:
    text = prepare(None, text)
    assert len(list(runs(text))) == runs_in(len(units(text)))
    assert "".join(units(text)) == text.replace(" ", "")


def test_words_of_other_scripts_are_units() -> None:
    text = prepare(None, "有人 breaking in！Помогите 3")
    assert list(units(text)) == ["有", "人", "breaking", "in", "!", "помогите", "0"]
    assert [text[place] for place in units_at(text)] == [unit[0] for unit in units(text)]
