"""Which survey a reply answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.followup.domain.matching import Asked, Correspondence, Got, match
from services.followup.domain.state import Followup
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
    assert match((Asked(NEWEST.case_id, 2), MIDDLE), states(second, sent()), NOW, POLICY) == Asked(NEWEST.case_id, 2)


def test_late_answers_are_taken_for_a_while() -> None:
    # Settled on the fourth day. What counts is when the reply was written.
    given = states(rectifying(), unanswered())
    assert match(ASKED, given, START + timedelta(days=34), POLICY) is MIDDLE
    assert match(ASKED, given, START + timedelta(days=34, seconds=1), POLICY) is NEWEST


def test_cases_that_nobody_knows_are_passed_over() -> None:
    assert match(ASKED, {}, NOW, POLICY) is None
    assert match((), states(sent()), NOW, POLICY) is None


A, B = UUID(int=10), UUID(int=20)


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_what_came_later_than_the_reply_was_written_is_not_meant() -> None:
    written = Correspondence([Got(after(0), A, 1), Got(after(30), B, 1)])
    assert list(written.until(after(5))) == [Asked(A, 1)]
    assert list(written.until(after(30))) == [Asked(B, 1), Asked(A, 1)]


def test_the_last_message_counts_whatever_kind_it_is() -> None:
    written = Correspondence([Got(after(0), A, 1), Got(after(30), B, 1), Got(after(60), A, 1)])
    assert next(written.until(after(61))) == Asked(A, 1)
    assert next(written.until(after(59))) == Asked(B, 1)


def test_a_reply_belongs_to_the_round_of_its_time() -> None:
    written = Correspondence([Got(after(0), A, 1), Got(after(90), A, 2)])
    assert list(written.until(after(60))) == [Asked(A, 1)]
    assert list(written.until(after(90))) == [Asked(A, 2)]


def test_a_reply_from_before_everything_belongs_to_what_came_next() -> None:
    written = Correspondence([Got(after(30), B, 1), Got(after(0), A, 1)])
    assert list(written.until(after(-1))) == [Asked(A, 1), Asked(B, 1)]


def test_whether_the_question_was_got_by_then() -> None:
    written = Correspondence(
        [Got(after(0), A, 1), Got(after(10), A, 1, asks_again=True), Got(after(20), A, 1), Got(after(30), A, 2)]
    )
    assert [next(written.until(after(at))).again for at in (9, 10, 25, 35)] == [False, True, True, False]


def test_what_failed_is_meant_only_where_nothing_else_is() -> None:
    written = Correspondence([Got(after(0), A, 1), Got(after(30), B, 1, failed=True)])
    assert list(written.until(after(60))) == [Asked(A, 1), Asked(B, 1)]
    assert list(Correspondence([Got(after(30), B, 1, failed=True)]).until(after(60))) == [Asked(B, 1)]


moments = st.integers(0, 50).map(after)
got = st.builds(Got, moments, st.sampled_from([UUID(int=n) for n in range(1, 6)]), st.integers(1, 3), st.booleans())


@given(st.lists(got, max_size=12), moments, st.randoms())
def test_the_order_in_which_messages_are_read_makes_no_difference(
    messages: list[Got], at: datetime, random: Random
) -> None:
    shuffled = list(messages)
    random.shuffle(shuffled)
    assert list(Correspondence(messages).until(at)) == list(Correspondence(shuffled).until(at))


@given(st.lists(got, min_size=1, max_size=12), moments, st.lists(got, max_size=6))
def test_what_comes_later_changes_nothing(messages: list[Got], at: datetime, later: list[Got]) -> None:
    if all(one.at > at for one in messages):
        return
    unseen = [one for one in later if one.at > at]
    assert list(Correspondence(messages).until(at)) == list(Correspondence([*messages, *unseen]).until(at))


@given(st.lists(got, min_size=1, max_size=12), moments)
def test_each_case_is_named_once_and_the_last_message_first(messages: list[Got], at: datetime) -> None:
    named = list(Correspondence(messages).until(at))
    assert len({one.case_id for one in named}) == len(named)
    before = [one for one in messages if one.at <= at]
    assert {one.case_id for one in named} == {one.case_id for one in before or messages}
    if before:
        last = max(one.at for one in before)
        assert any(one.at == last and (one.case_id, one.nth) == (named[0].case_id, named[0].nth) for one in before)


@given(st.lists(got, min_size=1, max_size=12), moments, st.integers(-1000, 1000))
def test_only_differences_of_time_count(messages: list[Got], at: datetime, shift: int) -> None:
    by = timedelta(hours=shift)
    shifted = [Got(one.at + by, one.case_id, one.nth, one.asks_again) for one in messages]
    assert list(Correspondence(messages).until(at)) == list(Correspondence(shifted).until(at + by))
