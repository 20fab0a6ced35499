"""The shipped screen with its rules: what was once taken wrongly, and that neither part takes the other's flag away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.intake.screening import rules
from services.intake.screening.screen import Screen, shipped

SCREEN = Screen(shipped(), rules.load())


def is_urgent(text: str, subject: str | None = None) -> bool:
    return SCREEN.judge(subject, text).urgent


@pytest.mark.parametrize(
    "text",
    [
        "救命!有人在敲门不肯走",
        "楼下有人正在打架,已经见血了",
        "隔壁现在着火了,浓烟很大",
        "对面楼顶有个姑娘要跳楼",
        "他拿着刀在追人",
        "我被人绑架在一个仓库里",
        "我不想活了",
        "刚刚孩子在公园走失",
        "孩子不见了,穿红色外套",
        "高速口刚才发生车祸,有人被困",
        "他扬言要砍死我",
        "厨房着火了,烟很大,快来!",
        "隔壁楼起火,火势越来越大",
        "家里正在进贼,我躲在卧室不敢出声",
        "我妈正在给骗子转账,快来拦一下",
        "楼下正在打架,希望你们马上派人",
        "有人要跳樓，快來",
        "救\u200d命",
        "救 命",
        "刚刚发生⻋祸，有人受伤",
        "我老公正在打我，快来",
        "有人正在楼下打架，一直没停，快来人",
        "我想结束自己的生命",
        "有人正在撬我家门，如何报警",
        "民警同志辛苦了，药我已经都吃下去了，就不等你们回访了",
    ],
)
def test_emergencies(text: str) -> None:
    assert is_urgent(text)


@pytest.mark.parametrize(
    "text",
    [
        "小区门口正在施工,噪音很大",
        "去年我家被盗窃,想了解案件进展",
        "建议在学校正在举行的活动里加入火灾演练",
        "路口经常发生车祸,现在能否装红绿灯",
        "消防通道被占,救命通道没人管。现在已投诉三次",
        "这是我的救命钱,请帮我追回",
        "身份证丢了,现在怎么补办?",
        "小偷已经抓到了,感谢民警。现在心里踏实多了",
        "楼道里的盗窃案报了两个月,到现在没有答复",
        "小区去年着火的电箱至今没有修",
        "昨天有人打架，现在想问怎么处理",
    ],
)
def test_ordinary_matters(text: str) -> None:
    assert not is_urgent(text)


def test_the_headline_counts() -> None:
    assert is_urgent("解放路夜市", "有人正在打架，快来")
    assert not is_urgent("解放路夜市路灯不亮", "咨询")


def test_an_emergency_in_a_long_letter_is_found_wherever_it_stands() -> None:
    ordinary = "我们小区的路灯坏了两个月，物业一直说在排队维修，请帮忙催一下。"
    for place in (0, 20, 40):
        sentences = [ordinary] * 40
        sentences.insert(place, "我现在被他反锁在屋里，他拿着刀守在门口，我不敢出声。")
        assert is_urgent("".join(sentences)), place
    assert not is_urgent(ordinary * 40)


def test_rules_only_add() -> None:
    flagged = "我把门反锁了，他还在外面砸，快来救我"
    none = Screen(shipped(), rules.Rules([], None, "none"))
    assert none.judge(None, flagged).urgent
    assert SCREEN.judge(None, flagged).urgent
    deaf = Screen(replace(shipped(), threshold=1.1), rules.Rules([rules.Rule(name="knock", find=["砸"])], None, "one"))
    finding = deaf.judge(None, flagged)
    assert (finding.urgent, finding.rule, finding.version) == (True, "knock", f"{shipped().version}/one")


def test_the_bureaus_threshold_goes_first() -> None:
    text = "我老公正在打我，快来"
    score = SCREEN.judge(None, text).score
    assert not Screen(shipped(), rules.Rules([], min(0.999, score + 0.0005), "")).judge(None, text).urgent
    assert Screen(shipped(), rules.Rules([], score, "")).judge(None, text).urgent
