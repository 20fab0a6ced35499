"""Reading what citizens write back: a number from 1 to 5, the words of the scale, with or without more text.

What isn't clear is never guessed: a citizen who writes "1 不满意" has mixed up the ends of the scale, and "3天了" is no
mark. Such replies are kept as comments, and the citizen is asked once more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.events.words import Satisfaction

MAX_COMMENT = 1_000
"""Characters of a comment that are kept; a concatenated SMS is shorter."""

_BY_DIGIT = dict(zip("12345", Satisfaction, strict=True))

# One character for one, and no more than is needed to read the mark: the comment stays as the citizen wrote it.
_PLAIN = {
    **{0xFEE0 + code: code for code in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B))},
    **{first + n: 0x31 + n for first in (0x2460, 0x2474, 0x2488, 0x2776) for n in range(9)},
    0x3000: 0x20,
}
# A number before one of these counts something ("3天了还没人来"), it doesn't mark.
_COUNTED = "天个次年月日号楼点分元块角万千百十周小时秒人位名岁辆家台条件栋层级期米公里度倍份项遍回路"
_MARK = re.compile(rf"[(（\[【]?([1-5])[)）\]】]?(?![0-9{_COUNTED}]|[.,:/~．，：-]\s*\d)\s*[、,，.。;；:：!！\-~]*\s*")

# They hold 不 or 没 but deny nothing, and would look like a denied 满意.
_IDIOMS = re.compile(r"不错|不愧|没问题|没得说|没话说|不得不|不用说|没想到|不仅|不但")
_GAP = r"[^，。,.;；!！?？\s]"
_ASKED = r"(?!\s*(?:[吗么呢]|[?？]))"
_WORDS: tuple[tuple[re.Pattern[str], Satisfaction], ...] = (
    (
        re.compile(r"(?:非常|十分|极其|极|特别|相当|很|太|最|超级?|完全|根本|一点[儿也都]*|丝毫)(?:的|地)?不满意?"),
        Satisfaction.VERY_DISSATISFIED,
    ),
    (re.compile(rf"(?:不|没|无法|难|未|谈何|哪里?能?|怎么){_GAP}{{0,5}}满意|不满"), Satisfaction.DISSATISFIED),
    (
        re.compile(rf"(?:基本上?|大体上?|大致|总体|比较|还算|还){_GAP}{{0,1}}满意{_ASKED}"),
        Satisfaction.BASICALLY_SATISFIED,
    ),
    (
        re.compile(rf"(?:非常|十分|极其|极|特别|相当|很|太|最|超级?|完全){_GAP}{{0,2}}满意{_ASKED}|满意极了"),
        Satisfaction.VERY_SATISFIED,
    ),
    (re.compile(rf"满意{_ASKED}"), Satisfaction.SATISFIED),
)
# "1或2", "3 4": which of them is meant?
_SECOND_MARK = re.compile(r"[或和到/、 ]*[1-5]\s*[。.!！]?")
# Nothing but the word of the scale itself: no comment.
_BARE = re.compile(r"(?:(?:非常|很|基本|不|非常不|很不)?满意)?\s*[了的]?[。.!！~\s]*")
_STOP = re.compile(r"(?:回复?)?\s*(?:td|t|退订|取消|拒收)\s*[。.!！]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply says. Without a level it was not understood, unless the citizen asks not to be written to."""

    level: Satisfaction | None
    comment: str | None
    opted_out: bool = False


def parse(text: str) -> Reply:
    """Read a reply. The comment is what the citizen wrote beyond the mark; all of it where there is no clear mark."""
    plain = text.translate(_PLAIN).strip()
    if _STOP.fullmatch(plain):
        return Reply(None, None, opted_out=True)
    marked = _MARK.match(plain)
    said = plain[marked.end() :] if marked else plain
    levels = _levels(said)
    if marked:
        levels.insert(0, _BY_DIGIT[marked[1]])
        if _SECOND_MARK.fullmatch(said):
            levels.clear()
    if len({level.is_satisfied for level in levels}) != 1:
        return Reply(None, _comment(plain))
    return Reply(levels[0], None if _BARE.fullmatch(said) else _comment(said))


def _levels(text: str) -> list[Satisfaction]:
    """The words of the scale in a text, the strongest first; each stretch of text counts once."""
    rest = _IDIOMS.sub("、", text)
    found: list[Satisfaction] = []
    for pattern, level in _WORDS:
        rest, times = pattern.subn("、", rest)
        if times:
            found.append(level)
    return found


def _comment(text: str) -> str | None:
    return text[:MAX_COMMENT].strip() or None
