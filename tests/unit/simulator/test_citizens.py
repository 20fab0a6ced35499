"""Citizens: how many messages reach them, how many they answer, and what they think."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from services.followup.domain import messages
from services.followup.domain.messages import MessageKind
from services.followup.domain.replies import parse
from services.simulator.domain.citizens import digits_of, is_question, opinion, receipt, reply
from shared.events.words import Satisfaction
from tests.unit.simulator.city import example_script

SURVEY = "工单261124-0004217-8已办结，请评价：1非常满意 2满意 3基本满意 4不满意 5非常不满意"
PHONES = [f"+861349{number:07d}" for number in range(4_000)]


def test_some_phones_are_out_of_reach_and_stay_so() -> None:
    failed = {phone for phone in PHONES if receipt(1, phone, 0).failure}
    assert len(failed) / len(PHONES) == pytest.approx(0.03, abs=0.01)
    assert failed == {phone for phone in PHONES if receipt(1, phone, 7).failure}


def test_the_same_message_has_the_same_fate() -> None:
    words = example_script().replies
    for phone in PHONES[:200]:
        assert receipt(1, phone, 3) == receipt(1, phone, 3)
        assert reply(1, phone, 3, SURVEY, words, rectified=False) == reply(1, phone, 3, SURVEY, words, rectified=False)


def test_who_answers_is_mostly_satisfied_and_some_stay_silent() -> None:
    words = example_script().replies
    answers = [reply(1, phone, 0, SURVEY, words, rectified=False) for phone in PHONES]
    assert sum(answer is None for answer in answers) / len(answers) == pytest.approx(0.15, abs=0.02)
    levels = Counter(answer.level for answer in answers if answer is not None)
    unclear = levels.pop(None)
    assert unclear / len(answers) == pytest.approx(0.035, abs=0.012)
    satisfied = sum(count for level, count in levels.items() if level is not None and level.is_satisfied)
    assert satisfied / levels.total() == pytest.approx(0.88, abs=0.02)
    assert set(levels) == set(Satisfaction)


def test_after_a_rectification_most_are_satisfied() -> None:
    rng = random.Random(4)
    found = [opinion(rng, rectified=True).is_satisfied for _ in range(4_000)]
    assert sum(found) / len(found) == pytest.approx(0.82, abs=0.03)


def test_citizens_read_the_numbers_that_the_message_gives() -> None:
    turned = "请评价：5非常满意 4满意 3基本满意 2不满意 1非常不满意"
    assert digits_of(turned)[Satisfaction.VERY_SATISFIED] == "5"
    assert digits_of(turned)[Satisfaction.VERY_DISSATISFIED] == "1"
    assert digits_of("请评价")[Satisfaction.SATISFIED] == "2"


def test_what_asks_nothing_gets_no_answer() -> None:
    words = example_script().replies
    assert not is_question("您的工单已受理。")
    assert all(reply(1, phone, 0, "您的工单已受理。", words, rectified=False) is None for phone in PHONES[:200])


@pytest.mark.parametrize("kind", list(MessageKind))
def test_followup_understands_what_citizens_answer_to_its_messages(kind: MessageKind) -> None:
    """The words of both sides fit: a level that a citizen means is the one that follow-up reads."""
    text = messages.text_of(kind, bureau="民安市公安局", number="261124-0004217-8", nth=1)
    assert is_question(text)
    words = example_script().replies
    told = [reply(1, phone, 0, text, words, rectified=False) for phone in PHONES]
    misread = {(one.text, one.level) for one in told if one is not None and parse(one.text).level != one.level}
    assert misread == set()


def test_who_tries_the_platform_out_with_a_number_of_ones_own_gets_to_the_end() -> None:
    """The README's walk-through ends, whatever the seed: a number that is no citizen's of the city answers clearly."""
    words = example_script().replies
    for seed in range(500):
        assert receipt(seed, "+8613900000001", 0).failure is None
        answer = reply(seed, "+8613900000001", 0, SURVEY, words, rectified=False)
        assert answer is not None
        assert answer.level is not None
        assert answer.level.is_satisfied
        assert answer.text == digits_of(SURVEY)[answer.level]
