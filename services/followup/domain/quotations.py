"""Our own message in a reply: whoever only quotes it says nothing, whoever quotes it and answers has answered."""

from __future__ import annotations

import re
from functools import cache

from services.followup.domain.messages import MessageKind, text_of
from shared.folding import fold_words

_OPTION = re.compile(r"[1-5][\u4e00-\u9fff]*满意")
_NUMBER = re.compile(r"[0-9]{6}-[0-9]{7}-[0-9]")
_BUREAU = re.compile(r"^[(\[【][^】\])]{0,40}[】\])]")
_FOLDED_AWAY = re.compile(r"[\s“”\"「」『』>＞|…]+|\.{2,}")
_SCALE = r"1\s*非常满意[\s,，;；]*2\s*满意[\s,，;；]*3\s*基本满意[\s,，;；]*4\s*不满意[\s,，;；]*5\s*非常不满意"
_PIECE = re.compile(
    rf"\s*(?:[>＞|][^\n]*|(?:(?:回复|引用|回)\s*[:：]?\s*)?(?:「[^」]{{0,400}}」|『[^』]{{0,400}}』|“[^”]{{0,400}}”|"
    rf"\"[^\"]{{0,400}}\")|"
    rf"{_SCALE}[。，,;；\s]*(?=我|选|答|回复|评价)|(?P<line>[^\n]*\n))"
)
_RULE = re.compile(r"[\s\-—–_=*]*(?:\n|(?<=-)|(?<=—))|\s*[:：，,。]+")
_DASHES = re.compile(r"[ \t]*[-—–_=*][\s\-—–_=*]*\n")
_LABEL = re.compile(r"\s*(?:原文|原短信|引用|回复|原消息)\s*[:：]?\s*")
_TRAILING = re.compile(r"\n\s*[>＞|]|//")
_SHORTEST = 6
_TICK = "√✓✔☑✅"
_TICKABLE = re.compile(
    rf"(?P<before>(?<!意)[【\[({_TICK}] ?)?(?P<digit>[1-5])[ .、:：]*(?P<word>(?:非常|基本|非常不|不)?满意)"
    rf"(?P<after>[】\]){_TICK}←]+ ?(?:我?就?选(?:的是)?这个|这个)?(?![1-5]))?[\s,，;；。]*"
    rf"(?P<rest>[^\s1-5【\[({_TICK}]*)"
)
_TICKED_WORDS = ["非常满意", "满意", "基本满意", "不满意", "非常不满意"]


@cache
def _own_words() -> re.Pattern[str]:
    """Pieces of our own messages."""
    pieces: set[str] = set()
    for message in _messages():
        pieces.update(re.findall(r"[\u4e00-\u9fff]{5,}", _OPTION.sub(" ", message)))
    return re.compile("|".join(sorted(map(re.escape, pieces), key=len, reverse=True)))


@cache
def _messages() -> tuple[str, ...]:
    return tuple(fold_words(text_of(kind, bureau="", number="", nth=nth)) for kind in MessageKind for nth in (1, 2))


@cache
def _close_messages() -> tuple[str, ...]:
    return tuple(map(_close, _messages()))


def _close(folded: str) -> str:
    return _FOLDED_AWAY.sub("", _BUREAU.sub("", _NUMBER.sub("", folded.strip('“”"「」『』>| \n'))))


def quotes_us(plain: str) -> bool:
    """Whether a folded text holds a piece of the messages that we send."""
    return bool(_own_words().search(plain))


def ticked(text: str) -> str | None:
    """The one option that is ticked or pointed at among all five, written out; None where not exactly one is."""
    options = list(_TICKABLE.finditer(text))
    whole = "".join(found[0] for found in options) == text.strip() and not any(found["rest"] for found in options)
    words = [found["word"] for found in options] == _TICKED_WORDS
    if not (whole and words) or [found["digit"] for found in options] != list("12345"):
        return None
    chosen = [found for found in options if found["before"] or found["after"]]
    return f"{chosen[0]['digit']}{chosen[0]['word']}" if len(chosen) == 1 else None


def answer_to_quotation(text: str) -> str | None:
    """What stands after or before a quotation of our message, set apart from it; None where none is quoted so."""
    start = 0
    quoted = False
    while piece := _PIECE.match(text, start):
        if piece.end() == start:
            break
        if _is_ours(piece[0]):
            quoted = True
        elif not (_LABEL.fullmatch(piece[0]) and not quoted):
            break
        start = piece.end()
        if piece["line"] is None and (rule := _RULE.match(text, start)):
            start = rule.end()
        while rule := _DASHES.match(text, start):
            start = rule.end()
    rest = text[start:].strip()
    if not quoted and (behind := _TRAILING.search(rest)):
        quoted = all(_is_ours(line) for line in rest[behind.start() :].strip(" \n/").split("\n") if line.strip())
        rest = rest[: behind.start()].strip()
    return rest if quoted and rest else None


def _is_ours(piece: str) -> bool:
    folded = fold_words(_LABEL.sub("", piece, count=1) if _LABEL.match(piece) else piece)
    if not (quotes_us(folded) or len(_OPTION.findall(folded)) > 1):
        return False
    close = _close(folded)
    return len(close) >= _SHORTEST and any(close.rstrip(".。,") in message for message in _close_messages())
