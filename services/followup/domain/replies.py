"""Reading what citizens write back: their mark, their comment, and whether they want no more messages.

A mark is taken only from what can mean nothing else (`marks`), and only where what stands beside it agrees (`remarks`):
who writes "1 不满意" has mixed up the ends of the scale, and "3天了" is no mark. What isn't clear is never guessed:
it is kept as a comment, the citizen is asked once more, and then a person reads it. A wrong mark closes a case that
isn't settled, or reopens one that is; an unclear one costs a question.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.followup.domain import optouts
from services.followup.domain.marks import Closing, Opening, closing, opening
from services.followup.domain.pairs import pair_of
from services.followup.domain.praise import PLAIN_THANKS
from services.followup.domain.quotations import answer_to_quotation, quotes_us, ticked
from services.followup.domain.remarks import agrees, closes, is_neutral
from services.followup.domain.scale import Mark, mark_at, skip_breaks
from services.followup.domain.typed import Typed, typed
from services.followup.domain.typos import mended
from shared.events.words import Satisfaction

MAX_COMMENT = 1_000
"""Characters of a comment that are kept; a concatenated SMS is shorter."""

_FAIR = Satisfaction.BASICALLY_SATISFIED
_UPPER = (Satisfaction.VERY_SATISFIED, Satisfaction.SATISFIED)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply says. Without a level it was not understood, unless the citizen asks not to be written to."""

    level: Satisfaction | None
    comment: str | None
    opted_out: bool = False


def parse(text: str) -> Reply:
    """Read a reply. The comment is what the citizen wrote beyond the mark; all of it where there is no clear mark.

    A reply may give a mark and ask for no more messages: then both are set. A text longer than what is kept of it is
    left to a person.
    """
    answer = ticked(text) or answer_to_quotation(text)
    reply = mended(typed(text if answer is None else answer))
    if len(reply.plain) > MAX_COMMENT:
        return Reply(None, _comment(reply.since(0)))
    opted_out = optouts.opted_out(reply)
    if found := opening(reply):
        marks = _marks(reply, found)
        if level := _level(reply, found, marks, opted_out=opted_out):
            return Reply(level, _comment(reply.since(_beyond(reply, marks))), opted_out)
    elif (told := closing(reply)) and (level := _told(reply, told, opted_out=opted_out)):
        return Reply(level, _comment(reply.since(0)), opted_out)
    if not opted_out and not quotes_us(reply.plain) and (level := pair_of(reply)):
        return Reply(level, _comment(reply.since(0)), opted_out)
    if opted_out and optouts.says_nothing_else(reply):
        return Reply(None, None, opted_out)
    return Reply(None, _comment(reply.since(0) if answer is None else text), opted_out)


def _told(reply: Typed, told: Closing, *, opted_out: bool) -> Satisfaction | None:
    """The level that closes a narrative, where the narrative and what follows agree with it."""
    level = told.mark.level
    rest = reply.plain[skip_breaks(reply.plain, told.mark.end) :]
    if opted_out:
        rest = ",".join(optouts.without_silence(rest)[1])
    by_word = not told.mark.digit
    agreed = (
        not quotes_us(reply.plain)
        and closes(told.narrative, level, surely=False)
        and (not rest or agrees(rest, level, apart=True, surely=by_word, thanks_are_neutral=True))
    )
    return level if agreed else None


def _level(reply: Typed, found: Opening, marks: list[Mark], *, opted_out: bool) -> Satisfaction | None:
    """The level, where all marks and everything around them agree."""
    level = _common(marks)
    if level is None or quotes_us(reply.plain):
        return None
    if found.complains if level.is_satisfied else found.praises:
        return None
    # Whoever gives thanks for something is satisfied: a bare 4 or 5 beside it has mixed up the ends of the scale.
    by_word = any(not mark.digit for mark in marks)
    thanks_are_neutral = opted_out or by_word or marks[0].chosen or found.greets
    if found.thanks and not level.is_satisfied and not thanks_are_neutral:
        return None
    end = marks[-1].end
    begins = skip_breaks(reply.plain, end)
    remark = reply.plain[begins:]
    if level in _UPPER and reply.plain[end : end + 2] in ("..", "。。"):
        return None
    if len(marks) == 1 and marks[0].alone and not PLAIN_THANKS.fullmatch(remark) and not is_neutral(remark):
        return None
    if opted_out:
        remark = ",".join(optouts.without_silence(remark)[1])
    agreed = not remark or agrees(
        remark,
        level,
        apart=begins > end or end in reply.gaps,
        surely=by_word,
        thanks_are_neutral=thanks_are_neutral,
    )
    return level if agreed else None


def _marks(reply: Typed, found: Opening) -> list[Mark]:
    """The mark and those that follow it immediately: `1 非常满意`, `满意（2）`."""
    marks = [found.mark]
    while mark := mark_at(reply, _next(reply.plain, marks[-1].end)):
        marks.append(mark)
    return marks


def _next(plain: str, place: int) -> int:
    return place + 1 if plain[place : place + 1] in ("/", "=", "|") else skip_breaks(plain, place)


def _common(marks: list[Mark]) -> Satisfaction | None:
    """The one level of marks that agree.

    A digit decides beside a word of its side of the scale that follows it, since many who choose 1 or 5 write no more
    than 满意 or 不满意; the middle of the scale agrees with itself alone.
    """
    first = marks[0]
    levels = {mark.level for mark in marks}
    if sum(mark.digit for mark in marks) > 1:
        return None
    if len(levels) == 1:
        return first.level
    if not first.digit or len(marks) > 2 or _FAIR in levels:
        return None
    return first.level if len({level.is_satisfied for level in levels}) == 1 else None


def _beyond(reply: Typed, marks: list[Mark]) -> int:
    """Where the comment begins: after a mark that stands first and says nothing but its level, else with the reply."""
    if marks[0].start > 0:
        return 0
    after = skip_breaks(reply.plain, marks[-1].end)
    if not marks[0].digit:
        return after if after == len(reply.plain) and all(mark.bare for mark in marks) else 0
    return next((mark.start for mark in marks if not mark.bare), after)


def _comment(text: str | None) -> str | None:
    return text[:MAX_COMMENT].strip() or None if text else None
