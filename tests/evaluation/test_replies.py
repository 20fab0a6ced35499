"""How replies are read keeps its limits, on our own set and on texts that are no replies."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.followup.domain.replies import parse
from tests.evaluation import replies
from tests.evaluation.cli import app

MESSAGES = Path(__file__).parents[2].parent / "shared" / "data" / "citizen_messages.jsonl"


@pytest.mark.parametrize("path", replies.SETS, ids=lambda path: path.stem)
def test_the_limits_hold(path: Path) -> None:
    figures = replies.figures(replies.load(path))
    limits = replies.SETS[path]
    assert figures.wrong_share <= limits.wrong
    assert figures.recall >= limits.recall
    assert figures.opt_out_recall >= limits.opt_outs
    assert not figures.opt_outs_false
    assert not figures.comments_wrong


def test_the_set_is_large_and_says_each_thing_once() -> None:
    labelled = replies.load()
    assert len(labelled) >= 4_000
    assert not [text for text, times in Counter(one.text for one in labelled).items() if times > 1]


def test_the_command_shows_families_and_ends_well() -> None:
    result = CliRunner().invoke(app, ["replies"], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    assert all(
        name in result.output
        for name in (
            "contradiction",
            "sarcasm",
            "replies: wrong marks",
            "replies-independent: wrong marks",
            "replies-third: wrong marks",
        )
    )


def test_beyond_the_limits_the_command_ends_with_1_and_lists_what_it_missed(tmp_path: Path) -> None:
    file = tmp_path / "replies.tsv"
    file.write_text("family\tlevel\topted_out\ttext\na\tunclear\t\t满意\na\tsatisfied\t\t2\\u200b\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["replies", "--file", str(file), "--show"], env={"COLUMNS": "160"})
    assert result.exit_code == 1
    assert "a: '满意' (unclear): wrong mark" in result.output
    assert "(satisfied)" not in result.output


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("family\tlevel\ttext\n", "no column opted_out"),
        ("family\tlevel\topted_out\ttext\na\tgood\t\t1\n", "line 2: level 'good' is none of"),
        ("family\tlevel\topted_out\ttext\na\tunclear\tja\t1\n", "opted_out is `yes` or nothing"),
        ("family\tlevel\topted_out\ttext\na\tunclear\n", "fewer columns"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: str, complaint: str) -> None:
    file = tmp_path / "replies.tsv"
    file.write_text(content, encoding="utf-8")
    result = CliRunner().invoke(app, ["replies", "--file", str(file)])
    assert result.exit_code == 2
    assert complaint in result.output


@pytest.mark.skipif(not MESSAGES.exists(), reason="the real messages (../shared/data) are not here")
def test_real_messages_are_no_marks_and_no_opt_outs() -> None:
    read = Counter[str]()
    for line in MESSAGES.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        for text in (message["body"], message["subject"], f"{message['subject']}\n{message['body']}"):
            said = parse(text)
            read["texts"] += 1
            assert said.level is None, text[:60]
            assert not said.opted_out, text[:60]
    assert read["texts"] > 12_000
