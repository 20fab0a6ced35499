"""Which survey a reply answers."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from services.followup.domain.followup import Followup
from services.followup.domain.matching import Asked, match, takes_answer
from tests.unit.followup.stories import POLICY, START, asked, rectifying, sent, unanswered, undeliverable

NOW = START + timedelta(days=5)
NEWEST, MIDDLE, OLDEST = (Asked(UUID(int=n), 1) for n in (3, 2, 1))
ASKED = (NEWEST, MIDDLE, OLDEST)


def states(*given: Followup) -> dict[UUID, Followup]:
    return {one.case_id: state for one, state in zip(ASKED, given, strict=False)}


def test_the_last_open_survey_is_answered() -> None:
    assert match(ASKED, states(sent(), sent(), sent()), NOW, POLICY) is NEWEST
    assert match(ASKED, states(rectifying(), sent(), sent()), NOW, POLICY) is MIDDLE
    assert match(ASKED, states(rectifying(), rectifying(), undeliverable()), NOW, POLICY) is OLDEST


def test_an_open_survey_goes_before_a_late_answer_and_that_before_nothing() -> None:
    assert match(ASKED, states(unanswered(), rectifying(), sent()), NOW, POLICY) is OLDEST
    assert match(ASKED, states(rectifying(), unanswered(), rectifying()), NOW, POLICY) is MIDDLE
    assert match(ASKED, states(rectifying(), rectifying(), rectifying()), NOW, POLICY) is NEWEST


def test_a_survey_that_was_not_written_about_yet_is_not_meant() -> None:
    second = asked().model_copy(update={"round": 2})
    assert match(ASKED, states(second, sent()), NOW, POLICY) is MIDDLE
    assert not takes_answer(NEWEST, states(second), NOW, POLICY)
    assert takes_answer(Asked(NEWEST.case_id, 2), states(second), NOW, POLICY)


def test_late_answers_are_taken_for_a_while() -> None:
    # Settled on the fourth day.
    assert takes_answer(NEWEST, states(unanswered()), START + timedelta(days=34), POLICY)
    assert not takes_answer(NEWEST, states(unanswered()), START + timedelta(days=34, seconds=1), POLICY)


def test_cases_that_nobody_knows_are_passed_over() -> None:
    assert match(ASKED, {}, NOW, POLICY) is None
    assert match((), states(sent()), NOW, POLICY) is None
