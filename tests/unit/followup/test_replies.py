"""Reading replies: every way of marking that citizens use, and what must not be guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.followup.domain.replies import MAX_COMMENT, parse
from shared.events.words import Satisfaction


@pytest.mark.parametrize(
    ("text", "level", "comment"),
    [
        ("1", Satisfaction.VERY_SATISFIED, None),
        ("２", Satisfaction.SATISFIED, None),
        ("③", Satisfaction.BASICALLY_SATISFIED, None),
        (" 4 ", Satisfaction.DISSATISFIED, None),
        ("5。", Satisfaction.VERY_DISSATISFIED, None),
        ("【2】", Satisfaction.SATISFIED, None),
        ("（1）谢谢", Satisfaction.VERY_SATISFIED, "谢谢"),
        ("1谢谢民警同志", Satisfaction.VERY_SATISFIED, "谢谢民警同志"),
        ("4，态度生硬，没有人回电话", Satisfaction.DISSATISFIED, "态度生硬，没有人回电话"),
        ("4 等了3天", Satisfaction.DISSATISFIED, "等了3天"),
        ("1非常满意", Satisfaction.VERY_SATISFIED, None),
        ("2 非常满意", Satisfaction.SATISFIED, None),
        ("5 非常不满意！", Satisfaction.VERY_DISSATISFIED, None),
        ("满意", Satisfaction.SATISFIED, None),
        ("满意。", Satisfaction.SATISFIED, None),
        ("非常满意", Satisfaction.VERY_SATISFIED, None),
        ("很满意！！", Satisfaction.VERY_SATISFIED, None),
        ("基本满意", Satisfaction.BASICALLY_SATISFIED, None),
        ("还算满意吧", Satisfaction.BASICALLY_SATISFIED, "还算满意吧"),
        ("不满意", Satisfaction.DISSATISFIED, None),
        ("非常不满意", Satisfaction.VERY_DISSATISFIED, None),
        ("很不满意", Satisfaction.VERY_DISSATISFIED, None),
        ("一点都不满意", Satisfaction.VERY_DISSATISFIED, "一点都不满意"),
        ("不是很满意", Satisfaction.DISSATISFIED, "不是很满意"),
        ("不太满意", Satisfaction.DISSATISFIED, "不太满意"),
        ("没法满意", Satisfaction.DISSATISFIED, "没法满意"),
        ("不错，很满意", Satisfaction.VERY_SATISFIED, "不错，很满意"),
        ("办得不错很满意", Satisfaction.VERY_SATISFIED, "办得不错很满意"),
        ("满意，谢谢民警", Satisfaction.SATISFIED, "满意，谢谢民警"),
        ("对处理非常满意 感谢", Satisfaction.VERY_SATISFIED, "对处理非常满意 感谢"),
    ],
)
def test_clear_replies(text: str, level: Satisfaction, comment: str | None) -> None:
    reply = parse(text)
    assert (reply.level, reply.comment) == (level, comment)


@pytest.mark.parametrize(
    "text",
    [
        "3天了还没有人处理",
        "5个人来过",
        "1.5",
        "10",
        "15",
        "6",
        "0",
        "4:30来的",
        "5分",
        "1 不满意",
        "5 非常满意",
        "1或2",
        "3 4",
        "对态度满意，对结果不满意",
        "什么时候能满意？",
        "满意吗",
        "谢谢",
        "好的",
        "你们来了两次还是没有解决",
    ],
)
def test_what_is_not_clear_stays_a_comment(text: str) -> None:
    reply = parse(text)
    assert reply.level is None
    assert reply.comment is not None
    assert not reply.opted_out


@pytest.mark.parametrize("text", ["TD", "td", "T", "退订", "回复TD", "拒收", "ＴＤ"])
def test_a_citizen_may_opt_out(text: str) -> None:
    assert parse(text).opted_out
    assert parse(text).level is None


@pytest.mark.parametrize("text", ["", "   ", "\u3000\n"])
def test_nothing_says_nothing(text: str) -> None:
    assert parse(text) == parse("")
    assert parse(text).comment is None


@given(st.text(max_size=3_000))
def test_any_text_is_read_and_kept_in_bounds(text: str) -> None:
    reply = parse(text)
    assert reply.comment is None or 0 < len(reply.comment) <= MAX_COMMENT
    if reply.opted_out:
        assert reply.level is None


@given(st.sampled_from(list("12345")), st.sampled_from(["", " ", "。", "！", "、", "  \n"]))
def test_a_digit_alone_is_its_level(digit: str, end: str) -> None:
    assert parse(f" {digit}{end}").level is list(Satisfaction)[int(digit) - 1]
