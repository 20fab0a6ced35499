"""The urgency screen holds its limits: on scenarios left out, on held-out texts, and on what real citizens wrote."""

from __future__ import annotations

import json
import time

import pytest

from services.intake.screening import evaluation, rules, sentences
from services.intake.screening.figures import count, total
from services.intake.screening.screen import Screen, shipped
from tests.evaluation.urgency import MESSAGES, MOST_FLAGGED, flagged_messages, held_out

SCREEN = Screen(shipped(), rules.load())


def test_on_scenarios_that_were_left_out() -> None:
    found = evaluation.evaluate(sentences.read(), SCREEN.rules, families=False)
    figures = total(found.by(lambda one: one.family, SCREEN.threshold))
    assert figures.holds, figures


def test_on_texts_that_it_never_saw() -> None:
    texts = held_out()
    assert len(texts) >= 500
    figures = total(count(texts, [SCREEN.judge(None, one.text).urgent for one in texts], lambda one: one.family))
    assert figures.holds, figures


def test_no_held_out_text_was_learned_from() -> None:
    assert not {one.text for one in held_out()} & {one.text for one in sentences.read()}


@pytest.mark.skipif(not MESSAGES.exists(), reason="the real messages don't lie beside this checkout")
def test_few_of_the_messages_of_real_citizens_are_flagged_and_each_costs_little() -> None:
    with MESSAGES.open(encoding="utf-8") as lines:
        messages = sum(1 for line in lines if json.loads(line))
    begun = time.process_time()
    flagged = sum(1 for _ in flagged_messages(SCREEN))
    each = (time.process_time() - begun) / messages
    assert flagged <= MOST_FLAGGED * messages
    # Half a millisecond is the goal; a machine that is busy with other tests takes its time.
    assert each < 0.0015
