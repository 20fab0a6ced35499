"""Finding a citizen's mark: a grammar of what may stand before it. What the grammar doesn't cover is no mark.

Before a mark (`scale`) may stand politeness (`courtesy`), and sentences made of words that are known to praise or to
complain; nothing else, since "我妈说满意" and "等解决了满意" are no marks. A word of the scale, or a digit,
may also close a narrative, as a clause of its own: `closing`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.followup.domain.courtesy import COURTESY, THANKFUL
from services.followup.domain.praise import BAD_WORDS, GLAD_FACES, GOOD_WORDS, PLAIN_THANKS, SAD_FACES
from services.followup.domain.scale import BREAKS, Mark, mark_at, word_of
from services.followup.domain.typed import Typed

_PRAISE = re.compile(rf"{GOOD_WORDS}(?:了|的|啦|啊|呀){{0,6}}+|[{GLAD_FACES}]+")
_COMPLAINT = re.compile(
    rf"(?:根本|完全|一直|到现在|至今|还是|都|也|就是|还){{0,6}}+{BAD_WORDS}(?:了|的|啊){{0,6}}+|哼+|[{SAD_FACES}]+"
)
_FILL = re.compile(
    r"民警|警察|警官|派出所|人(?!家)|孩子|老人|狗|工作人员|你们|小伙子|同志|事情|这事|这件事|事|问题|态度|服务|速度|"
    r"效率|办事|办案|处理|处置|办理|办|"
    r"解决|结果|工作|出警|回复|调解|得|的|已经|已|都|也|又|我的|我家|钱|车|东西|手机|证件?|全部|终于|帮我|给我|把|"
    r"完全|一直|到现在|至今"
)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a reply begins, up to the end of its mark."""

    mark: Mark
    praises: bool
    complains: bool
    thanks: bool
    greets: bool


def opening(reply: Typed) -> Opening | None:
    """The first mark, where everything before it is known to leave it as it is."""
    plain = reply.plain
    place = 0
    free = True  # a mark may begin here
    unfinished = False  # words whose sense is still to come
    praises = complains = thanks = greets = False
    while place < len(plain):
        if breaks := BREAKS.match(plain, place):
            if place == 0:  # "-1", "、1"
                return None
            place, free = breaks.end(), True
            if unfinished:
                return None
            continue
        if place in reply.gaps:
            free = not unfinished
        if free and (mark := mark_at(reply, place)):
            if (praises or complains) and "就" in plain[place : mark.end]:  # "修好了我就选1"
                return None
            return Opening(mark, praises, complains, thanks, greets)
        if known := COURTESY.match(plain, place):
            greets, free = True, not unfinished
        elif known := THANKFUL.match(plain, place):
            thanks = thanks or not PLAIN_THANKS.fullmatch(known[0])
            free = not unfinished
        elif known := _PRAISE.match(plain, place):
            praises, free, unfinished = True, True, False
        elif known := _COMPLAINT.match(plain, place):
            complains, free, unfinished = True, True, False
        elif known := _FILL.match(plain, place):
            free, unfinished = False, True
        else:
            return None
        place = known.end()
    return None


_CLAUSE = re.compile(r"[^,.。;!~\n…—]+")
_LONGEST_NARRATIVE = 200
_SHORTEST_NARRATIVE = 4
_TELLING = re.compile("[\u4e00-\u9fff0-9]")
# Whose level it is, or when it was one.
_NOT_OWN = re.compile(
    r"(?:说|讲|问|表示|觉得|认为)(?:$|[,:我要让])|告诉|该写|要写|(?:^|[,。!])(?:等(?!了)|待)|的话|以为|如果|要是|假如|"
    r"只要|除非|或者|要么|选|叫我|让我|应该|(?<!抱)(?<!抱什么)希望|评|打分|人家|他们|领导|(?<!比)(?:上次|以前|之前|原来)|本来|"
    r"曾经|第[一二三1-3]次|不是|反话|才怪|反正|就算|[吗?]|(?:爸|妈|老公|老婆|儿子|女儿|邻居|物业|对方|群众)$|等你|"
    r"等他|等问|态度$"
)


@dataclass(frozen=True, slots=True)
class Closing:
    """A word of the scale, or a digit, as a clause of its own behind a narrative."""

    mark: Mark
    narrative: str


def closing(reply: Typed) -> Closing | None:
    """The only word of the scale, or a last digit, as a clause of its own behind what tells of the matter."""
    plain = reply.plain
    if len(plain) > _LONGEST_NARRATIVE or "?" in plain or plain.count("满意") > 1:
        return None
    mark = _closing_word(reply) if "满意" in plain else _closing_digit(reply)
    narrative = plain[: mark.start].strip(" ,.。;:!~、\n") if mark else ""
    if not mark or len(_TELLING.findall(narrative)) < _SHORTEST_NARRATIVE or _NOT_OWN.search(narrative):
        return None
    return Closing(mark, narrative)


def _closing_word(reply: Typed) -> Mark | None:
    place = reply.plain.find("满意")
    start, end = next((start, end) for start, end in _clauses(reply) if start <= place < end)
    mark = word_of(reply, start)
    return mark if mark and mark.end >= end else None


def _closing_digit(reply: Typed) -> Mark | None:
    clauses = _clauses(reply)
    while clauses and PLAIN_THANKS.fullmatch(reply.plain, *clauses[-1]):
        clauses.pop()
    if not clauses:
        return None
    mark = mark_at(reply, clauses[-1][0])
    return mark if mark and mark.digit and mark.end >= clauses[-1][1] else None


def _clauses(reply: Typed) -> list[tuple[int, int]]:
    """Where the clauses begin and end; a blank between Chinese characters parts them as a comma does."""
    clauses = []
    for found in _CLAUSE.finditer(reply.plain):
        ends = [*sorted(gap for gap in reply.gaps if found.start() < gap < found.end()), found.end()]
        start = found.start()
        for end in ends:
            text = reply.plain[start:end]
            if text.strip():
                clauses.append((start + len(text) - len(text.lstrip()), start + len(text.rstrip())))
            start = end
    return clauses
