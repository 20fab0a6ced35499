"""Words of the scale that were typed with a character of the same sound: 非长满意, 布满意.

They are mended only where they stand as a clause of their own, since parts of other words sound alike too.
"""

from __future__ import annotations

import re
from dataclasses import replace

from services.followup.domain.typed import Typed

_SOUNDS = {
    "非": "飞菲灰费",
    "常": "长场尝厂偿",
    "基": "机几鸡激",
    "本": "夲苯奔",
    "不": "布步部卜补",
    "满": "曼慢漫瞒滿蛮",
    "意": "义易亿艺议忆溢異益衣一以",
}
_RIGHT = {wrong: right for right, all_wrong in _SOUNDS.items() for wrong in all_wrong}


def _any(one: str) -> str:
    return f"[{one}{_SOUNDS[one]}]"


_WORD = re.compile(
    rf"(?<![^ ,.。;:!~、\n1-5()是选])(?:{_any('非')}{_any('常')}|很|十分|特别|{_any('基')}{_any('本')})?{_any('不')}?"
    rf"{_any('满')}{_any('意')}(?=[了啦]?(?:$|[ ,.。;:!~、\n1-5()]|谢谢|感谢))"
)


def mended(reply: Typed) -> Typed:
    """The reply with such words as they are written in the scale, each character in its place."""
    plain = _WORD.sub(lambda found: "".join(_RIGHT.get(one, one) for one in found[0]), reply.plain)
    return reply if plain == reply.plain else replace(reply, plain=plain)
