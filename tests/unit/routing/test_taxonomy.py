from __future__ import annotations

from pathlib import Path

import pytest

from services.routing.domain.taxonomy import SCANNED, Category, Taxonomy
from services.routing.organisation import load_bureau
from shared.events.words import Grade, RequestKind
from tests.unit.routing.bureaus import TAXONOMY

DEPLOYED = load_bureau(Path(__file__).parents[3] / "deploy" / "organisation.yaml").taxonomy


def test_a_strong_word_outweighs_several_others() -> None:
    found = TAXONOMY.classify(None, "楼上太吵，还有噪音，我的身份证也丢了")
    assert (found.category, found.words) == ("card", ("身份证",))


def test_words_of_the_subject_count_double() -> None:
    body = "物业费的事说过了，太吵的事再说"
    assert TAXONOMY.classify("太吵", body).category == "noise"
    assert TAXONOMY.classify("物业费", body).category == "other"


def test_the_first_category_of_the_file_wins_among_equals() -> None:
    even = Taxonomy(
        [Category("one", "一", words=("停水",)), Category("two", "二", words=("停电",))],
        default_category="two",
        kinds={},
        default_kind=RequestKind.HELP,
        major=(),
        district_names={},
    )
    assert even.classify(None, "停电又停水").category == "one"


def test_text_without_a_known_word_gets_the_defaults() -> None:
    found = TAXONOMY.classify(None, "……")
    assert (found.category, found.kind, found.grade, found.words) == ("other", RequestKind.HELP, Grade.ORDINARY, ())


@pytest.mark.parametrize("hint", ["card", "身份证", " Card "])
def test_a_hint_that_names_a_category_decides(hint: str) -> None:
    assert TAXONOMY.classify("太吵", "扰民", category_hint=hint).category == "card"


def test_another_hint_counts_like_words_of_the_subject() -> None:
    assert TAXONOMY.classify(None, "请来人看看", category_hint="城市噪音投诉").category == "noise"


def test_the_kind_is_the_channels_where_it_says_so() -> None:
    assert TAXONOMY.classify(None, "投诉太吵").kind is RequestKind.COMPLAINT
    assert TAXONOMY.classify(None, "投诉太吵", kind_hint=RequestKind.SUGGESTION).kind is RequestKind.SUGGESTION


def test_clues_to_a_crime_make_it_major_and_are_told_first() -> None:
    found = TAXONOMY.classify(None, "楼上太吵，像有人贩毒")
    assert (found.grade, found.words) == (Grade.MAJOR, ("贩毒", "太吵"))


def test_districts_are_told_by_how_often_they_are_named() -> None:
    assert TAXONOMY.classify(None, "东区西门街，就是西区").districts == ("west", "east")
    assert TAXONOMY.districts_in("平安市东门街") == ("all", "east")


def test_ignored_words_do_not_count() -> None:
    assert TAXONOMY.classify(None, "想借噪音计").words == ()


def test_what_stands_far_behind_is_not_looked_at() -> None:
    assert TAXONOMY.classify("长文", "。" * SCANNED + "扰民").category == "other"
    assert TAXONOMY.classify("长文", "。" * (SCANNED - 2) + "扰民").category == "noise"


def test_the_default_must_be_a_category() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        Taxonomy([], default_category="nowhere", kinds={}, default_kind=RequestKind.HELP, major=(), district_names={})


@pytest.mark.parametrize(
    "body",
    [
        "投訴東門街唱歌擾民，像有人販毒",
        "投\u200d诉东\u2060门街唱歌扰\ufeff民，像有人贩\u00ad毒",
        "投 诉 东 门 街 唱歌扰 民，像有人贩　毒",
    ],
)
def test_how_the_words_are_written_does_not_matter(body: str) -> None:
    found = TAXONOMY.classify(None, body)
    assert (found.kind, found.category, found.grade) == (RequestKind.COMPLAINT, "noise", Grade.MAJOR)
    assert found.districts == ("east",)
    # Told as the bureau writes them.
    assert found.words == ("贩毒", "扰民")


@pytest.mark.parametrize("hint", ["身份證", "身 份 证", "ｃａｒｄ", "身\u200b份证"])
def test_a_hint_decides_however_it_is_written(hint: str) -> None:
    assert TAXONOMY.classify("太吵", "扰民", category_hint=hint).category == "card"


def test_the_bureaus_own_spelling_does_not_matter_and_counts_once() -> None:
    twice = Taxonomy(
        [
            Category("one", "一", words=("停電", "停电", "停水")),
            Category("two", "二", strong=("停電",), words=("停电",)),
        ],
        default_category="two",
        kinds={RequestKind.REPORT: ["舉報", "举报"], RequestKind.COMPLAINT: ["投诉"]},
        default_kind=RequestKind.HELP,
        major=("販毒", "贩毒"),
        district_names={"東區": "east", "西区": "west"},
    )
    found = twice.classify(None, "举报贩毒，东区停电，投诉，投诉西区停水")
    assert (found.category, found.words) == ("two", ("販毒", "停電"))
    assert found.kind is RequestKind.REPORT
    assert found.districts == ("east", "west")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", " \n　"])
def test_a_line_may_end_within_a_word(end: str) -> None:
    found = TAXONOMY.classify(f"东门{end}街", f"每晚扰{end}民，像有人贩{end}毒")
    assert (found.category, found.grade, found.districts) == ("noise", Grade.MAJOR, ("east",))
    assert TAXONOMY.districts_in(f"东门{end}街") == ("east",)


def test_what_nobody_sees_takes_no_room_from_the_words() -> None:
    assert TAXONOMY.classify(None, "\u200b" * SCANNED + "扰民").category == "noise"
    assert TAXONOMY.classify("擾\u200d民\u200d" * 3, "物业费物业费").category == "noise"


@pytest.mark.parametrize(
    ("text", "category", "kind"),
    [
        ("请问孩子的户口本丢了怎么补办，需要什么材料", "household-register", RequestKind.ENQUIRY),
        ("身份证下个月到期，能不能在外地换", "identity-card", RequestKind.ENQUIRY),
        ("港澳通行证的签注想再签一次", "exit-entry-permit", RequestKind.HELP),
        ("小区门口那条路的红绿灯坏了三天", "traffic-facility", RequestKind.HELP),
        ("举报有人在消防通道长期违停", "illegal-parking", RequestKind.REPORT),
        ("投诉楼下广场舞音响开到半夜，扰民", "noise", RequestKind.COMPLAINT),
        ("我妈被冒充客服的骗子骗走两万元，求助", "telecom-fraud", RequestKind.HELP),
        ("举报城郊棋牌室聚赌", "vice", RequestKind.REPORT),
        ("邻居遛狗不牵绳，把孩子吓哭了", "dogs", RequestKind.HELP),
        ("有人用无人机对着窗户拍", "drone", RequestKind.HELP),
        ("家里老人下午走失，穿蓝色外套", "missing-person", RequestKind.HELP),
        ("把背包落在出租车上了", "lost-property", RequestKind.HELP),
        ("感谢窗口的好民警，送一面锦旗", "police-conduct", RequestKind.COMMENDATION),
        ("投诉民警态度恶劣，推诿扯皮", "police-conduct", RequestKind.COMPLAINT),
        ("小区自来水停水两天了", "other-matters", RequestKind.HELP),
        ("派出所几点下班", "general-police", RequestKind.HELP),
        ("TRAFFIC SIGNAL out at the corner", "traffic-facility", RequestKind.HELP),
    ],
)
def test_the_deployed_taxonomy_knows_police_matters(text: str, category: str, kind: RequestKind) -> None:
    found = DEPLOYED.classify(None, text)
    assert (found.category, found.kind) == (category, kind)
