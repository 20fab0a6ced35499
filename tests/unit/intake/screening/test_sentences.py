"""The sentences that the screen learns from, and the weights that were made of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from services.intake.screening import sentences
from services.intake.screening.model import LARGEST, load
from services.intake.screening.screen import SHIPPED, shipped
from services.intake.screening.sentences import SentencesError
from shared.folding import fold_words


def test_there_are_enough_of_both_kinds_in_every_family() -> None:
    found = sentences.read()
    assert len(found) >= 4_000
    families = Counter((one.family, one.urgent) for one in found)
    calm_only = {"everyday"}
    for family in {one.family for one in found}:
        assert families[family, False] >= 60
        assert family in calm_only or families[family, True] >= 100


def test_no_sentence_stands_twice() -> None:
    times = Counter(fold_words(one.text) for one in sentences.read())
    assert [text for text, count in times.items() if count > 1] == []


def test_the_shipped_weights_were_made_of_these_sentences() -> None:
    assert shipped().trained_on["digest"] == sentences.digest(sentences.read()), "run `minsheng screening train`"
    content = SHIPPED.read_bytes()
    assert len(content) <= LARGEST
    assert load(content) == shipped()


@pytest.mark.parametrize(
    "line", ["one\tU\tplain", "one\tX\tplain\ttext", "one\tU\tplain\t ", "\tU\tplain\ttext", "a\tU\tb\tc\td"]
)
def test_a_line_that_can_not_be_read_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "family.tsv"
    file.write_text(f"good\tC\tplain\ttext\n{line}\n", encoding="utf-8")
    with pytest.raises(SentencesError, match=r"family\.tsv, line 2"):
        sentences.read([file])


def test_a_line_break_inside_a_text(tmp_path: Path) -> None:
    file = tmp_path / "family.tsv"
    file.write_text("one\tU\tplain\t喂\\n在吗\n", encoding="utf-8")
    (read,) = sentences.read([file])
    assert (read.family, read.scenario, read.urgent, read.text) == ("family", "family/one", True, "喂\n在吗")
