from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.console.domain.happenings import Dossiers, Happening
from services.console.domain.language import Language
from shared.events import case, followup, insight, request  # noqa: F401 - they fill the catalogue
from shared.events.base import catalogue

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def happening(event: str, case_id: str = "c1", *, after: float = 0, **fields: Any) -> Happening:
    return Happening.model_validate(
        {"type": f"minsheng.{event}.v1", "time": NOW + timedelta(seconds=after), "case_id": case_id, **fields}
    )


@pytest.mark.parametrize("event_type", sorted(name for name in catalogue() if name.startswith("minsheng.")))
def test_every_event_of_the_platform_has_words(event_type: str) -> None:
    one = Happening(type=event_type, time=NOW, case_id="c1")
    for language in Language:
        assert one.told(language) != event_type


def test_an_event_of_a_newer_build_is_named_by_its_type() -> None:
    assert happening("case.consulted").told(Language.CHINESE) == "minsheng.case.consulted.v1"


def test_tells_the_level_and_the_settlement() -> None:
    answered = happening("survey.answered", data={"level": "dissatisfied", "unit": "u1"})
    assert answered.told(Language.CHINESE) == "回访答复：不满意"
    assert answered.told(Language.ENGLISH) == "Survey answered: dissatisfied"
    assert answered.unit == "u1"
    assert happening("case.closed", data={"settlement": "understood"}).told(Language.CHINESE) == "结案：理解"


def test_what_stands_beside_the_event_wins_only_where_it_says_something() -> None:
    one = happening("case.assigned", unit=None, district="d1", data={"unit": "u1", "district": "d0"})
    assert (one.unit, one.district) == ("u1", "d1")


@pytest.mark.parametrize(
    ("event", "fields", "tone"),
    [
        ("survey.answered", {"level": "very-dissatisfied"}, "bad"),
        ("survey.answered", {"level": "basically-satisfied"}, "good"),
        ("case.resolved", {"in_time": False}, "bad"),
        ("case.resolved", {"in_time": True}, "good"),
        ("case.overdue", {}, "bad"),
        ("case.assigned", {}, "plain"),
    ],
)
def test_tone(event: str, fields: dict[str, Any], tone: str) -> None:
    assert happening(event, **fields).tone == tone


def test_an_event_that_names_its_unit_alone_is_completed_from_its_case() -> None:
    dossiers = Dossiers()
    dossiers.complete([happening("case.opened", family="wechat", kind="help", district="d1")])
    (completed,) = dossiers.complete([happening("case.resolved", unit="u2")])
    assert (completed.family, completed.kind, completed.district, completed.unit) == ("wechat", "help", "d1", "u2")


def test_the_order_of_the_list_stays_and_the_latest_word_counts() -> None:
    newest_first = [happening("case.closed", after=9), happening("case.reopened", after=5, unit="new"),
                    happening("case.assigned", unit="old")]  # fmt: skip
    completed = Dossiers().complete(newest_first)
    assert [one.type for one in completed] == [one.type for one in newest_first]
    assert [one.unit for one in completed] == ["new", "new", "old"]


def test_only_so_many_cases_are_remembered() -> None:
    dossiers = Dossiers(limit=2)
    for number in range(3):
        dossiers.complete([happening("case.opened", f"c{number}", family="wechat")])
    families = [dossiers.complete([happening("case.closed", case_id)])[0].family for case_id in ("c2", "c1", "c0")]
    assert families == ["wechat", "wechat", None]
