from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.privacy.redaction import redact


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("请打13812345678找我", "请打〔电话〕找我"),
        ("手机：138 1234 5678。", "手机：〔电话〕。"),
        ("138-1234-5678或139.8765.4321", "〔电话〕或〔电话〕"),
        ("+86 13812345678", "〔电话〕"),
        ("8613812345678", "〔电话〕"),
        ("1 3 8 1 2 3 4 5 6 7 8 都在", "〔电话〕 都在"),
        ("家里0755-23456789转12", "家里〔电话〕"),
        ("（010）61234567", "〔电话〕"),
        ("座机是23456789", "座机是〔电话〕"),
        ("香港+852 2345 6789", "香港〔电话〕"),
        ("身份证11010519491231002X，", "身份证〔证件号〕，"),
        ("110105 19491231 002x", "〔证件号〕"),
        ("旧证110105491231002", "旧证〔证件号〕"),
        ("抄错一位110105194912310021", "抄错一位〔证件号〕"),
        ("生日抄错110105194913310021", "生日抄错〔证件号〕"),
        ("卡号6222 0212 3456 7890 128", "卡号〔银行卡号〕"),
        ("写信到 wang.xm+a@mail.example.cn 即可", "写信到 〔邮箱〕 即可"),
        ("粤B12345违停", "〔车牌〕违停"),
        ("车牌京A·D12345、沪A1234学", "车牌〔车牌〕、〔车牌〕"),
        ("微信号：wang_xm88", "微信号：〔微信号〕"),
        ("加我VX wxm-2000", "加我VX 〔微信号〕"),
        ("QQ号是123456789", "QQ号是〔QQ号〕"),
    ],
)
def test_personal_data_is_masked(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "工单编号2024110512345已受理",
        "拨打12345或9600110",
        "2026年1月1日10:30在3号楼1502室",
        "罚款2000000元",
        "流水号6222021234567890127",
        "我用微信公众号办事",
        "第110105号令",
        "2026-01-01 10:30:45.123456",
        "0190f3a1-7c00-7000-8000-0123456789ab",
        "满意度98.6%，共12345678件",
    ],
)
def test_what_is_not_personal_stays(text: str) -> None:
    assert redact(text) == text


_PIECES = st.sampled_from(
    [
        "13812345678",
        "11010519491231002X",
        "粤B12345",
        "a@b.cn",
        "0755-23456789",
        "微信",
        "QQ号",
        "电话",
        "6222021234567890128",
    ]
)


@given(st.lists(st.one_of(_PIECES, st.text("0123456789 -.Xx微信号转粤B:：+@abc", max_size=12))).map("".join))
@example("微信号abcdefghij12345678901381234567")
@example("11010519491231002X微信1381234567813812345678")
def test_masking_again_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(
    st.text("你好，。请问在哪里办理", max_size=30),
    st.text("你好，。请问在哪里办理", max_size=30),
    st.integers(0, 10**8 - 1),
)
def test_a_mobile_number_is_found_wherever_it_stands(before: str, after: str, rest: int) -> None:
    assert redact(f"{before}139{rest:08d}{after}") == f"{before}〔电话〕{after}"


def test_long_hostile_text_takes_no_longer_than_its_length() -> None:
    import time

    for piece in ("1", "1 ", "a@", "微信", "粤", "(0", "+1", "电话电话", "1-", "a." * 3):
        text = piece * (200_000 // len(piece))
        started = time.perf_counter()
        redact(text)
        assert time.perf_counter() - started < 5, piece
