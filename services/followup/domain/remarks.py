"""What a citizen adds to a mark: whether it agrees with it, takes it back, or says the opposite.

A remark has to agree visibly: praise, good outcomes, thanks and good wishes beside an upper level, a complaint of what
the police owe beside a lower one.
Where nothing in it is known here, the reply isn't clear, as in "1 小区门口的摊贩".
"""

from __future__ import annotations

import re

from services.followup.domain.courtesy import BREAK, GREETING, OFFICER
from services.followup.domain.praise import (
    ADVICE,
    AGREEING,
    COMPLAINING,
    DENYING,
    ENDED,
    FAILED,
    FAIRLY_DONE,
    GOOD_WISH,
    ILL,
    KIND_IDIOMS,
    LAST_THANKS,
    LATER_WISH,
    LATIN,
    MAY_BE_GOOD,
    NEAR,
    OUTCOME,
    PLAIN_IDIOMS,
    PLAIN_THANKS,
    PRAISING,
    REGRETTED,
    SLIGHT_REGRET,
    SMALL_REGRET,
    SMALL_WISH,
    SO_SO,
    SOON,
    SOON_DONE,
    TAKEN_BACK,
    THANKING,
    UNDOING,
    UNFAIR,
    WISHED_BETTER,
)
from shared.events.words import Satisfaction

# Who signs, a telephone's signature, that something was read.
_NEUTRAL = re.compile(
    rf"{GREETING}|{OFFICER}|(?:特别|尤其)是|抱歉|不好意思|见谅|发自我的(?:iphone|手机|小米手机|华为手机)|"
    rf"来自我?的?(?:iphone|手机)|"
    rf"sent from my \w+|"
    rf"(?:已|已经)?(?:收到|回复|"
    rf"评价|知道)了?|嗯+|就这样|以上|敬礼|此致|再见|打扰了?|[别莫勿]见怪|望见谅|冒昧了|没商量|唔该晒?|不客气|对不[住起]|"
    r"实话实说|特此(?:回复|反馈|答复)|请予备案|(?:回复|评价|答复)?完毕|"
    r"我是[\u4e00-\u9fff]{2,4}|[\u4e00-\u9fff]{1,2}(?:先生|女士|大爷|阿姨|师傅)|"
    r"[王李张刘陈杨黄赵周吴徐孙朱胡郭林罗郑梁谢宋唐许邓韩冯曹彭肖蔡潘袁董蒋杜苏魏丁沈姚卢姜崔谭汪范贾廖薛邹邱秦侯孟熊阎段][\u4e00-\u9fff]{2}(?![\u4e00-\u9fff])|"
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    r""
    rf"{BREAK}+|[()【】\[\]]"
)
_ANOTHER_MARK = re.compile(
    rf"(?<![0-9.:/a-z])[1-9](?=$|{BREAK}|[)和或到])(?! ?(?:点|个|天|次|号|月|年|人|小时|分|元|块|栋|楼))"
)
_CLAUSE = re.compile(r"[^,.。;!]+")
_VERY_GOOD, _FAIR = Satisfaction.VERY_SATISFIED, Satisfaction.BASICALLY_SATISFIED


def is_neutral(remark: str) -> bool:
    """Whether a remark says nothing about how the matter was handled: a name, a greeting."""
    return not _NEUTRAL.sub("", remark)


def agrees(remark: str, level: Satisfaction, *, apart: bool, surely: bool, thanks_are_neutral: bool) -> bool:
    """Whether a folded remark goes with the level.

    `apart` says that something separates the remark from its mark, `surely` that a word gives the mark: nobody mixes up
    the ends of the scale in words, so they are believed beside whatever is no praise. A digit is only believed beside
    what agrees, since praise has more words than anyone can list.
    """
    if _ANOTHER_MARK.search(remark):
        return False
    if is_neutral(remark):
        return True
    close = remark.replace(" ", "").replace("\n", ",")
    if level.is_satisfied:
        return _agrees_above(close, level, surely=surely and apart)
    return _agrees_below(close, apart=apart, surely=surely, thanks_are_neutral=thanks_are_neutral)


def closes(narrative: str, level: Satisfaction, *, surely: bool) -> bool:
    """Whether a folded narrative that ends with a mark may go with the level; `surely` as in `agrees`.

    What came out of the matter stands last: beside an upper level a good end, whatever was before it; beside a lower
    one a trouble, and no good end anywhere.
    """
    if agrees(narrative, level, apart=True, surely=surely and not level.is_satisfied, thanks_are_neutral=True):
        return True
    if _ANOTHER_MARK.search(narrative) or TAKEN_BACK.search(narrative):
        return False
    close = narrative.replace(" ", "").replace("\n", ",")
    if level.is_satisfied:
        last = _CLAUSE.findall(close)[-1]
        return bool(OUTCOME.search(last)) and _agrees_above(last, level, surely=False)
    return bool(
        ILL.search(close)
        and not MAY_BE_GOOD.search(close)
        and not ENDED.match(close)
        and _agrees_below(close, apart=True, surely=True, thanks_are_neutral=False)
    )


def _agrees_above(remark: str, level: Satisfaction, *, surely: bool) -> bool:
    softened = WISHED_BETTER.sub("", remark)
    if level is not _VERY_GOOD:
        wished = SMALL_WISH if level is _FAIR else LATER_WISH
        softened = SLIGHT_REGRET.sub("", wished.sub(",", ADVICE.sub("", softened)))
    if level is _FAIR:
        fair = not UNFAIR.search(remark) and not TAKEN_BACK.search(remark)
        if fair and (surely or _is_partly_done(remark)):
            return True
        softened = REGRETTED.sub(",", SO_SO.sub(",", SMALL_REGRET.sub(",", softened)))
    rest = PLAIN_IDIOMS.sub("", KIND_IDIOMS.sub("好,", SOON.sub("好,", GOOD_WISH.sub("好,", softened))))
    return (softened != remark or bool(AGREEING.search(rest))) and not UNDOING.search(rest)


def _is_partly_done(remark: str) -> bool:
    """Whether one clause tells what was done, and another one something else."""
    clauses = _CLAUSE.findall(remark)
    return len(clauses) > 1 and any(
        FAIRLY_DONE.search(one) and not UNDOING.search(FAIRLY_DONE.sub("", one)) for one in clauses
    )


def _agrees_below(remark: str, *, apart: bool, surely: bool, thanks_are_neutral: bool) -> bool:
    if TAKEN_BACK.search(remark):
        return False
    rest = LAST_THANKS.sub("", remark)
    if surely and apart and _ends_badly(rest):
        return True
    if (
        THANKING.search(rest)
        or KIND_IDIOMS.search(rest)
        or SOON_DONE.search(rest)
        or any(not _is_denied(rest, found.start()) for found in PRAISING.finditer(rest))
    ):
        return False
    if is_neutral(rest):
        return thanks_are_neutral or bool(PLAIN_THANKS.fullmatch(remark))
    if not surely and ENDED.match(rest):
        return False
    if FAILED.search(rest) or COMPLAINING.search(PLAIN_IDIOMS.sub("", rest)):
        return True
    return surely and apart and not LATIN.search(rest)


def _ends_badly(remark: str) -> bool:
    """Whether the last clause complains and nothing in it may be praise."""
    last = _CLAUSE.findall(remark)[-1:]
    return any(
        FAILED.search(one) and not (PRAISING.search(one) or KIND_IDIOMS.search(one) or THANKING.search(remark))
        for one in last
    )


def _is_denied(remark: str, place: int) -> bool:
    before = re.split(r"[,。!;]", remark[max(0, place - NEAR) : place])[-1]
    return bool(DENYING.search(before))
