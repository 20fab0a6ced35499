"""Rules as data: they flag sentences, and a file that can't be right is refused with what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.intake.screening import rules
from services.intake.screening.rules import RulesError
from services.intake.screening.text import prepare

_FILE = """
threshold: 0.6
rules:
  - name: knife
    find: ["拿刀", "持刀"]
    also: ["现在|正在"]
    unless: ["电影"]
  - name: fire
    find: ["着火"]
    longest: 20
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "urgency.yaml"
    path.write_text(_FILE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("他现在拿刀", "knife"),
        ("他拿刀。现在没事", None),
        ("电影里他正在持刀。厨房著火了", "fire"),
        ("電影裡他現在拿刀", None),
        ("他現在拿\u200d刀", "knife"),
        ("路灯坏了", None),
        ("去年写过信。" * 3 + "着火", "fire"),
        ("去年写过信。" * 4 + "着火", None),
    ],
)
def test_a_rule_holds_for_one_sentence(file: Path, text: str, rule: str | None) -> None:
    assert rules.load(file).find(prepare(None, text)) == rule


def test_the_version_names_the_content(file: Path) -> None:
    before = rules.load(file)
    assert before.threshold == 0.6
    file.write_text(_FILE.replace("0.6", "0.7"), encoding="utf-8")
    assert rules.load(file).version != before.version


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("rules: [", "can't be read as YAML"),
        ("rules: {}", "rules"),
        ("threshold: 2", "threshold"),
        ("rules: [{name: a, find: []}]", r"rules\.0\.find"),
        ("rules: [{name: a, find: ['(']}]", "no regular expression"),
        ("rules: [{name: a, find: ['跳樓']}]", "跳楼"),
        ("rules: [{name: a, find: [a]}, {name: a, find: [b]}]", "two rules are called a"),
        ("rules: [{name: a, find: [a], suppress: [b]}]", "suppress"),
    ],
)
def test_a_file_that_can_not_be_right_is_refused(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "urgency.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RulesError, match=told):
        rules.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"nowhere\.yaml"):
        rules.load(tmp_path / "nowhere.yaml")
