"""What citizens write around a mark, kind by kind: courtesy, names of options, typing errors, narratives, quotes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.followup.domain.messages import MessageKind, text_of
from services.followup.domain.replies import parse
from shared.events.words import Satisfaction

LEVELS = dict(enumerate(Satisfaction, 1))
SURVEY = text_of(MessageKind.SURVEY, bureau="民安市公安局", number="261124-0004217-8", nth=1)

MARKS = {
    "courtesy and particles": [
        ("3吧", 3),
        ("2吧谢谢", 2),
        ("1哈", 1),
        ("5呗", 5),
        ("3噻", 3),
        ("2撒", 2),
        ("4，谢谢", 4),
        ("5 谢谢", 5),
        ("对不起了我选5", 5),
        ("忘了回，3", 3),
        ("才看见，2", 2),
        ("老人回复慢了请见谅，1", 1),
        ("刚下班才看到短信，4", 4),
    ],
    "names of options": [
        ("打2", 2),
        ("第四项", 4),
        ("第5个选项", 5),
        ("第一个", 1),
        ("回复数字3", 3),
        ("我填4", 4),
        ("勾4", 4),
        ("投1", 1),
        ("揿1", 1),
        ("撳2", 2),
        ("俺选5", 5),
        ("我按个3嘛", 3),
        ("就选2了", 2),
        ("最后一个选项", 5),
        ("倒数第二个", 4),
        ("中间那个", 3),
        ("答：2", 2),
        ("数字1", 1),
        ("评分项选3（基本满意）", 3),
        ("2/满意", 2),
        ("*1*", 1),
        ("我的评价：5", 5),
        ("工单261124-0004217-8：1", 1),
        ("我的意见是不满意，理由：没有书面答复", 4),
        ("本人郑重评价：非常不满意", 5),
    ],
    "dots": [("3...", 3), ("4……", 4), ("5。。。", 5), ("5！！！", 5)],
    "typed by sound": [
        ("非长满意", 1),
        ("满义", 2),
        ("基本满易", 3),
        ("布满意", 4),
        ("非常不满义", 5),
        ("1 非常满易", 1),
        ("5 tai cha le", 5),
    ],
    "a narrative and then the word": [
        ("2天就办好了，非常满意", 1),
        ("5天了才来一个人，不满意", 4),
        ("人来了，没解决，不满意", 4),
        ("事情办到一半，基本满意", 3),
        ("4号办好的，满意", 2),
        ("钱包完璧归赵，非常满意", 1),
        ("三个部门互相推，不满意", 4),
        ("对这次办理非常满意，特别是小孙警官", 1),
    ],
    "a quotation and then the answer": [
        (f"「{SURVEY}」\n- - - - - -\n2", 2),
        (f"> {SURVEY}\n我的评价：5", 5),
        ("“请您评价办理情况”\n我选1，非常满意", 1),
        (f"{SURVEY}\n4，没解决", 4),
        (f"3\n> {SURVEY}", 3),
    ],
    "remarks that agree": [
        ("1 狗找回来了 全家都高兴坏了", 1),
        ("2 噪音小多了，晚上能睡着", 2),
        ("2 建议电话多设一条线", 2),
        ("3 办是办了，就是跑了三趟", 3),
        ("5！冇人理我", 5),
        ("1，恁真中", 1),
        ("2，稍微慢了一点，态度好", 2),
        ("1 再也没接到诈骗电话", 1),
        ("4 就发个短信完事", 4),
        ("2，12号来的3位民警都很客气", 2),
        ("1，给你们添麻烦了", 1),
        ("3，结果还行，过程太折腾", 3),
    ],
}


@pytest.mark.parametrize(("text", "digit"), [one for kind in MARKS.values() for one in kind])
def test_a_mark_is_read_in_every_kind_of_wording(text: str, digit: int) -> None:
    assert parse(text).level is LEVELS[digit]


UNCLEAR = {
    "questions and other uses of the particles": ["1吧？", "3吧，还是2吧", "3嘛时候来", "2哈利"],
    "words that name no option": [
        "第一",
        "第一，没人来",
        "第二个问题没解决",
        "第三次反映了",
        "最后一个月",
        "中间那家店",
        "打5折",
        "投2票",
    ],
    "other people's and other times' options": [
        "我家孩子选1",
        "修好了我就选1",
        "本来选1，现在选5",
        "评价4次了",
        "明天再选1",
    ],
    "dots beside an upper digit hesitate": ["1...", "2……"],
    "sounds within other words": ["小满义", "全部曼意思", "慢一点"],
    "narratives that contradict, or of others": [
        "问题都解决了，非常不满意",
        "钱没追回来，非常满意",
        "他们告诉我要写，非常满意",
        "等东西拿到手，满意",
        "只要不再吵，满意",
        "我爱人觉得行，满意",
        "1楼修好了，满意，2楼没修，不满意",
        "除了钱没退，满意",
        "2件事，满意",
    ],
    "quotations without an answer of one's own": [
        f"「{SURVEY}」",
        f"> {SURVEY}\n> 1非常满意",
        "“请您评价办理情况”\n我妈选1",
        "对“回复免费”点了赞",
        f"“{SURVEY}”\n这怎么选",
    ],
    "denied complaints are praise": [
        "5 没让我多跑一趟",
        "4 没啥可挑的",
        "4，不遗余力",
        "5，没有一点官架子",
        "4 一点也不慢",
        "5 再没漏过水",
        "4 不拖沓",
    ],
    "good outcomes beside a lower digit": [
        "5 门锁换好了",
        "5，小偷当晚就逮着了",
        "5 噪声消失了",
        "4 东西拿回来了",
        "5 黑窝点查封了",
        "4 乱象治理了",
        "5，帅",
    ],
    "complaints beside an upper digit": [
        "1 一问三不知",
        "1 骗子没抓到",
        "1，路更堵了",
        "1 噪音照旧",
        "1 干净了一会儿",
        "1，等得花都谢了",
        "1 礼貌地拒绝了我",
        "2 民警凶得很",
    ],
    "sarcasm": ["满意满意，你们说满意就满意", "非常满意，满意得我都想哭", "1，佩服佩服", "满意满意满意，行了不"],
}


@pytest.mark.parametrize("text", [one for kind in UNCLEAR.values() for one in kind])
def test_what_looks_like_such_a_wording_is_no_mark(text: str) -> None:
    assert parse(text).level is None


@pytest.mark.parametrize(
    "text",
    [
        "唔好再发嚟喇",
        "覅再发短信来了",
        "bu yao zai fa duan xin",
        "布要在发了",
        "请把我移出群发名单",
        "终止短信",
        "再发我就投诉到工信部",
        "老人不会看字，求你们以后别给她发",
        "敬请贵局日后免予发送，谢谢",
        "🚫📩 不要了",
        "请停止短信骚扰",
        "撤销我对短信回访的同意",
        "请给我办理退订",
        "请将本号码列入免打扰名单",
        "本人不同意接收此类短信",
        "这是公司电话，别发了",
    ],
)
def test_opting_out_has_many_wordings(text: str) -> None:
    reply = parse(text)
    assert (reply.level, reply.opted_out) == (None, True)


@pytest.mark.parametrize(
    "text",
    [
        "别再给他发短信威胁了",
        "不想再收到骗子的短信",
        "请停止扣费短信",
        "我没说要退订",
        "把我从失信名单移除",
        "终止合同",
        "撤销处罚",
        "不同意调解",
        "短信提醒挺好的，不要取消",
        "别找我妈",
        "收到退订短信",
        "请不要停止短信通知",
        "不要免打扰",
    ],
)
def test_what_looks_like_opting_out_is_none(text: str) -> None:
    assert not parse(text).opted_out


@given(
    st.sampled_from(["", "我选", "打", "忘了回，", "第"]),
    st.sampled_from("12345"),
    st.sampled_from(["", "吧", "谢谢", "...", "，不满意", "，非常满意", "？", "还是", "个"]),
    st.sampled_from("12345"),
)
def test_two_digits_never_mark(before: str, one: str, between: str, other: str) -> None:
    assert parse(f"{before}{one}{between}{other}").level is None


@pytest.mark.parametrize(
    "unit",
    [
        "「1非常满意",
        "> \n",
        "“”",
        "- \n",
        "才看到",
        "不用再",
        "没有",
        "我选",
        "非长满义",
        "，满意",
        "再也没有人",
        "，1",
    ],
)
@pytest.mark.parametrize("start", ["", "1，", "5，", "第", "忘了，", "别再", f"「{SURVEY}」"])
def test_a_hostile_text_of_these_kinds_is_read_as_soon_as_any(start: str, unit: str) -> None:
    text = (start + unit * 20_000)[:20_000]
    begun = time.process_time()
    parse(text)
    parse(text[:1_000])
    parse(text[:80])
    assert time.process_time() - begun < 1


def test_the_comment_of_an_answer_to_a_quotation_leaves_the_quotation_out() -> None:
    assert parse(f"「{SURVEY}」\n- - - -\n4，没解决").comment == "没解决"
    assert parse(f"> {SURVEY}\n5").comment is None


@pytest.mark.parametrize("text", ["\u200b", "\u2060\ufeff", "\u200e\n"])
def test_what_nobody_sees_is_no_comment(text: str) -> None:
    assert parse(text).comment is None


def test_a_narrative_may_close_with_a_mark_and_a_wish_for_no_more_messages() -> None:
    reply = parse("民警来了没解决，不满意，别再发短信了")
    assert (reply.level, reply.opted_out) == (Satisfaction.DISSATISFIED, True)
