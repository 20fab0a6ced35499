"""Matters for 110."""

from __future__ import annotations

import pytest

from services.intake.domain.urgency import is_urgent


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
    ],
)
def test_danger_now(text: str) -> None:
    assert is_urgent(None, text)


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
    ],
)
def test_ordinary_matters(text: str) -> None:
    assert not is_urgent(None, text)


def test_the_headline_counts() -> None:
    assert is_urgent("正在打架", "解放路夜市")
    assert not is_urgent("打架", "解放路夜市")


@pytest.mark.parametrize(
    "text",
    [
        "厨房着火了,烟很大,快来!",
        "隔壁楼起火,火势越来越大",
        "家里正在进贼,我躲在卧室不敢出声",
        "我妈正在给骗子转账,快来拦一下",
        "楼下正在打架,希望你们马上派人",
    ],
)
def test_what_can_not_wait_is_flagged_however_politely_it_is_put(text: str) -> None:
    assert is_urgent(None, text)


@pytest.mark.parametrize("text", ["楼道里的盗窃案报了两个月,到现在没有答复", "小区去年着火的电箱至今没有修"])
def test_what_has_waited_long_is_not_flagged(text: str) -> None:
    assert not is_urgent(None, text)
