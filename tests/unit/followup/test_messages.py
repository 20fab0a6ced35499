"""What a citizen is sent, and how its ids and retries behave."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.followup.domain.messages import MessageKind, message_id_of, retry_after, text_of

CASE = UUID("019355aa-0000-7000-8000-000000000001")


@pytest.mark.parametrize("kind", list(MessageKind))
@pytest.mark.parametrize("round_", [1, 2])
def test_a_text_says_who_asks_about_what_and_how_to_answer(kind: MessageKind, round_: int) -> None:
    text = text_of(kind, bureau="民安市公安局", number="261124-0004217-8", nth=round_)
    assert text.startswith("【民安市公安局】")
    assert "261124-0004217-8" in text
    assert all(mark in text for mark in ("1非常满意", "2满意", "3基本满意", "4不满意", "5非常不满意"))
    assert "免费" in text
    assert len(text) <= 140


def test_the_second_round_says_that_the_case_was_handled_again() -> None:
    first, second = (text_of(MessageKind.SURVEY, bureau="民安市公安局", number="1", nth=n) for n in (1, 2))
    assert "重新办理" in second
    assert "重新办理" not in first


def test_an_id_is_the_same_for_the_same_message_and_another_for_another() -> None:
    other = UUID("019355aa-0000-7000-8000-000000000002")
    ids = [message_id_of(case, round_, kind) for case in (CASE, other) for round_ in (1, 2) for kind in MessageKind]
    assert len(set(ids)) == len(ids)
    assert message_id_of(CASE, 1, MessageKind.SURVEY) == message_id_of(CASE, 1, MessageKind.SURVEY)


@given(st.uuids(version=4), st.integers(1, 9), st.sampled_from(list(MessageKind)))
def test_ids_are_well_formed_and_lie_where_their_case_lies(case: UUID, round_: int, kind: MessageKind) -> None:
    made = message_id_of(case, round_, kind)
    assert made.version == 8
    assert made.variant == "specified in RFC 4122"
    assert made.bytes[:6] == case.bytes[:6]
    # The rest of the case id, by which it could be looked up, is not in it.
    assert made.bytes[9:] != case.bytes[9:]


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_waiting_grows_and_has_bounds(attempts: int, jitter: float) -> None:
    wait = retry_after(attempts, jitter)
    assert timedelta(seconds=2.5) <= wait <= timedelta(minutes=10)
    assert retry_after(attempts, 1) <= retry_after(attempts + 1, 1)
    assert retry_after(1, 1) == timedelta(seconds=5)
