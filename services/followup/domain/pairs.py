"""A digit and the word of the scale of the same level, said in one breath: 呃那个就是选一非常满意就这样.

Both together can hardly be anything else but a mark, so any filler may stand around them, where no other number, no
other level and no word that asks, denies, supposes or tells of others does.
"""

from __future__ import annotations

import re

from services.followup.domain.praise import BAD_WORDS, PRAISING, SLY_FACES, UNDOING
from services.followup.domain.typed import Typed
from shared.events.words import Satisfaction

_WORDS = dict(zip(("非常满意", "满意", "基本满意", "不满意", "非常不满意"), Satisfaction, strict=True))
_WORD = re.compile(r"(?:(?:非常|很|十分|特别|邪气|基本上?)?(?:不|勿|弗|唔)?满意)")
_DIGITS = "1一壹2二贰3三叁4四肆5五伍"
_NUMBER_LIKE = re.compile(r"[0-9零一二两三四五六七八九十百千万亿几半多壹贰叁肆伍]")
_BEFORE = r"(?:^|(?<=[ \n,.。;:!~、()\[\]【】=选择打填按给是投评号意报回复逗句个呃嗯啊]))"
_AFTER = r"(?=$|[ \n,.。;:!~、()\[\]【】=非满基不很十特勿邪就]|逗号|句号|号(?:那|的|选项|$|,)|选项|是(?!人|他|她)|谢)"
_DIGIT = re.compile(rf"{_BEFORE}[{_DIGITS}]{_AFTER}")
_LONGEST = 60
# What is said about the answer itself, not about the matter.
_FILLER = re.compile(
    r"[你您]们?好|那个|这个|就是|就这样|就这个|我跟[你您]们?[讲说]|我[想要]说的?是?|我说|逗号|句号|感叹号|说完了|可以说话了|哎呀|然后|"
    r"怎么弄的|就选|"
    r"最[上下]面|最[上下]头|最底下|头一[个项]|第一|最后一?[个项]|那[一]?[档项个]|没商量|[别莫勿]见怪|不客气|不好意思|"
    r"对不起|请予备案"
)
_BLOCKED = re.compile(
    rf"[?>|不没未无莫勿别甭弗唔才吗么呢谁哪怎何或至到他她它你您妈爸儿女哥姐爷奶叔婶邻别人说讲让叫等错改“”\"「」{SLY_FACES}]|"
    r"如果|要是|假如|除非|只要|的话|还是|朋友|同事|领导|物业|群众|对方|上次|以前|之前|原来|应该|希望|应为|更正|代表|"
    r"意思|是指|满意度|满意的|呵|哈哈|嘻|反话|讽刺|玩笑|领教|服了|恭喜|刚|本来|曾经|差点|难|假|骗|离|"
    r"你们|自己|觉得|大家|都"
)


def pair_of(reply: Typed) -> Satisfaction | None:
    """The level that a digit and a word of the scale both name, where nothing else in the reply may."""
    plain = reply.plain
    words = _WORD.findall(plain)
    if not words or len(plain) > _LONGEST:
        return None
    levels = {_level_of(word) for word in words}
    rest = _FILLER.sub(" ", _WORD.sub(",", plain))
    digits = list(_DIGIT.finditer(plain))
    levels |= {tuple(Satisfaction)[_DIGITS.index(found[0]) // 3] for found in digits}
    if len(levels) != 1 or not digits or sum(map(str.isdecimal, plain)) > 1:
        return None
    if not set(_NUMBER_LIKE.findall(_FILLER.sub(" ", plain))) <= {found[0] for found in digits}:
        return None
    level = levels.pop()
    if _BLOCKED.search(rest if level.is_satisfied else re.sub(BAD_WORDS, " ", rest)):
        return None
    return None if (UNDOING if level.is_satisfied else PRAISING).search(rest) else level


def _level_of(word: str) -> Satisfaction:
    plain = re.sub("[勿弗唔]", "不", re.sub("很|十分|特别|邪气", "非常", word.replace("基本上", "基本")))
    return _WORDS.get(plain, Satisfaction.DISSATISFIED)
