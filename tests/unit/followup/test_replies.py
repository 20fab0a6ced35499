"""Reading replies: every way of marking that citizens use, and what must not be guessed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.followup.domain.messages import MessageKind, text_of
from services.followup.domain.replies import MAX_COMMENT, Reply, parse
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


@given(st.sampled_from(list("12345")), st.sampled_from(["", " ", "。", "！", "、", "  \n"]))
def test_a_digit_alone_is_its_level(digit: str, end: str) -> None:
    assert parse(f" {digit}{end}").level is list(Satisfaction)[int(digit) - 1]


UNCLEAR = {
    "C01 lists and choices": [
        "1.没人来\n2.电话没人接",
        "1、没人来 2、打电话不接",
        "1、2、3",
        "1或者2",
        "一、没人来。二、没人管",
    ],
    "C03 double negation, pleas, sarcasm": [
        "没什么不满意的",
        "没有不满意的地方",
        "满意才怪",
        "满意度为零",
        "希望给我一个满意的答复",
        "怎样才能满意",
        "直到我满意为止",
        "真是太满意了呵呵",
        "满意，如果明天能修好的话",
    ],
    "C04 other scales and slang": ["5星好评", "5颗星", "3Q", "10分", "1分", "666", "520", "A级", "⭐⭐⭐⭐⭐", "满分"],
    "C06 our own words": [
        "Disliked “【民安市公安局】您好，您反映的事项（工单261124-0004217-8）已办结，请您评价办理情况：1非常满意”",
        "Liked “1”",
        "赞了“非常满意”",
        "4不满意 5非常不满意。直接回复数字即可",
    ],
    "numbers of something": [
        "5 天了没人管",
        "4 次都没人接",
        "5 楼漏水",
        "5号楼",
        "4:30",
        "5 20分钟",
        "1.5",
        "-1",
        "+1",
    ],
    "questions": ["1？", "满意？", "1是什么意思", "满意不", "1，什么时候能来修？"],
    "others' levels": ["我妈说满意", "我妈说，满意", "民警让我选1", "你们满意了吧", "1，民警让选的，谢谢"],
    "corrections": ["1，不对，是5", "不是1，是5", "满意，哦不，不满意", "5 选错了"],
    "contradictions": [
        "5 非常感谢，办得很好",
        "1 到现在没人管",
        "5谢谢民警",
        "不满意，办得很好",
        "没人管，1",
        "3，根本没人管",
    ],
    "part of the matter, earlier times": ["态度满意结果不满意", "上次满意这次不", "对民警态度满意", "以前满意"],
    "people use them for 4 and for 3": ["不太满意", "不怎么满意", "不太满意，回复慢"],
    "half-words": ["非常", "基本", "不", "没有", "不，满意", "一般", "好的", "👍"],
}


@pytest.mark.parametrize("text", [text for texts in UNCLEAR.values() for text in texts])
def test_what_can_mean_something_else_is_no_mark(text: str) -> None:
    assert parse(text) == Reply(None, text)


@pytest.mark.parametrize(
    "text", ["1\ufe0f\u20e3", "\u200b1", "\ufeff1", "\u202d1\u202c", "1\u200b", "➀", "Ⅰ", "壹", "一"]
)
def test_however_a_digit_is_typed_it_is_the_digit_and_nothing_else(text: str) -> None:
    assert parse(text) == Reply(Satisfaction.VERY_SATISFIED, None)


@pytest.mark.parametrize(
    "text", ["不 满意", "不\u3000满意", "不\n满意", "不\u200d满意", "不\u3164满意", "不滿意", "唔满意"]
)
def test_nothing_hides_the_denial_before_the_word(text: str) -> None:
    assert parse(text).level is Satisfaction.DISSATISFIED


@given(st.text(alphabet=" \n\t\u3000\u200b\u200d\u3164\u2800\ufeff\u00ad", max_size=6))
def test_no_filler_turns_dissatisfied_to_satisfied(filler: str) -> None:
    for text in (f"不{filler}满意", f"非常{filler}不{filler}满{filler}意", f"1 不{filler}满意", f"满意{filler}才怪"):
        level = parse(text).level
        assert level is None or not level.is_satisfied


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("您好，我选1，谢谢", Satisfaction.VERY_SATISFIED),
        ("您好，我选5，谢谢", Satisfaction.VERY_DISSATISFIED),
        ("感谢民警，非常满意", Satisfaction.VERY_SATISFIED),
        ("问题解决了，满意", Satisfaction.SATISFIED),
        ("1，希望继续努力", Satisfaction.VERY_SATISFIED),
        ("3，就是慢了点", Satisfaction.BASICALLY_SATISFIED),
        ("4，没人来，请尽快处理，谢谢", Satisfaction.DISSATISFIED),
        ("5没人管", Satisfaction.VERY_DISSATISFIED),
        ("不满意，监控都没调", Satisfaction.DISSATISFIED),
        ("feichang manyi", Satisfaction.VERY_SATISFIED),
        ("bu manyi", Satisfaction.DISSATISFIED),
        ("very satisfied", Satisfaction.VERY_SATISFIED),
        ("非常满意（1）", Satisfaction.VERY_SATISFIED),
    ],
)
def test_politeness_and_remarks_that_agree_leave_the_mark(text: str, level: Satisfaction) -> None:
    assert parse(text).level is level


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("1️⃣，❤️", "❤️"),
        ("\u202d5，没人管\u202c", "没人管"),
        ("５，冇人管，還是老樣子 ", "冇人管，還是老樣子"),
        ("2、谢谢。", "谢谢。"),
        ("1 非常满意，谢谢", "谢谢"),
        ("4 不太满意", "不太满意"),
        ("1，，。", None),
        ("①非常满意！", None),
    ],
)
def test_the_comment_is_as_it_was_written(text: str, comment: str | None) -> None:
    assert parse(text).level is not None
    assert parse(text).comment == comment


@pytest.mark.parametrize(
    "text",
    [
        "请不要再发短信了，谢谢",
        "退订回T",
        "退訂",
        "T D",
        "别给我发了",
        "取消订阅",
        "不想再收到你们的消息",
        "拉黑",
        "停止发送",
        "Unsubscribe",
        "STOP!",
        "事情早解决了，不要再发短信了",
        "这个号码不是他的，别再发了",
        "怎么退订？",
    ],
)
def test_any_wish_for_no_more_messages_is_heard(text: str) -> None:
    reply = parse(text)
    assert (reply.level, reply.opted_out) == (None, True)


@pytest.mark.parametrize(
    "text",
    [
        "不退订",
        "不要 退订",
        "我没有退订",
        "退订了电信套餐后还扣费",
        "别再让他发广告短信骚扰我了",
        "他天天发短信，别再发了",
        "Stop the noise",
        "不要再发生这种事",
        "没有人联系我",
        "停车问题没解决",
        "要不要退订",
    ],
)
def test_a_denied_wish_or_one_about_others_is_none(text: str) -> None:
    assert not parse(text).opted_out


def test_a_reply_may_mark_and_opt_out() -> None:
    assert parse("5 别再发了") == Reply(Satisfaction.VERY_DISSATISFIED, "别再发了", opted_out=True)
    assert parse("满意，不用再发了") == Reply(Satisfaction.SATISFIED, "满意，不用再发了", opted_out=True)
    assert parse("1，没人管，退订") == Reply(None, "1，没人管，退订", opted_out=True)
    assert parse("TD") == Reply(None, None, opted_out=True)


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("kind", list(MessageKind))
def test_no_piece_of_our_own_messages_is_a_mark(kind: MessageKind, nth: int) -> None:
    message = text_of(kind, bureau="民安市公安局", number="261124-0004217-8", nth=nth)
    for length in range(8, len(message) + 1):
        for quoted in (message[:length], f"“{message[:length]}”", f"Liked “{message[:length]}”"):
            assert parse(quoted).level is None, quoted
    for start in range(len(message) - 12):
        assert parse(f"“{message[start:]}”").level is None, message[start:]


def test_the_simulated_citizens_are_read_as_they_mean() -> None:
    replies = yaml.safe_load(Path("services/simulator/texts/replies.yaml").read_text(encoding="utf-8"))
    for digit, level in enumerate(Satisfaction, 1):
        for words in replies[level.value]:
            for text in (
                words.format(digit=digit),
                words.format(digit="１２３４５"[digit - 1]),
                f"  {words} \n".format(digit=digit),
            ):
                assert parse(text).level is level, text
    for text in replies["unclear"]:
        assert parse(text).level is None, text


@pytest.mark.parametrize(
    "unit", ["民警", "满意，1", "就是", "不 ", "1 ", "您好", "谢谢", "td ", "不要再", "非", "(", "，", "5，好"]
)
@pytest.mark.parametrize("start", ["", "1，", "3，", "5，", "您好，", "满意，"])
def test_a_hostile_text_is_read_as_soon_as_any(start: str, unit: str) -> None:
    text = (start + unit * 20_000)[:20_000]
    begun = time.process_time()
    parse(text)
    parse(text[:MAX_COMMENT])
    assert time.process_time() - begun < 1
