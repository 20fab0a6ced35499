"""Matters for the emergency number 110: found by words, so that the citizen is told at once and the case is flagged.

A flag too many costs one look; a flag too few may cost a life. So danger to life is flagged by itself, and other
matters where the same sentence says that it is happening now.
"""

from __future__ import annotations

import re

ADVICE = "您反映的情况可能涉及紧急警情,请立即拨打110报警;有人受伤或被困请同时拨打120、119。本诉求已标记为紧急。"
"""What the citizen is told, together with the answer to their request."""

_LIFE = (
    "救命(?![钱路恩稻药水金通设])",
    "(?:要|想|准备|打算|正在|扬言)(?:跳楼|跳河|跳桥|轻生|自杀|自残)",
    "不想活了",
    "活不下去了",
    "(?:要|想|扬言|威胁)(?:杀了?|砍死?|捅死?|烧死)(?:我|他|她|人|你|全家)",
    "(?:拿|持|挥舞)着?(?:刀|枪|斧|铁棍|汽油)[^。!?\n]{0,8}(?:追|砍|捅|威胁|冲|闯|逼)",
    "(?:被|遭)(?:人)?(?:绑架|劫持|非法拘禁)",
    "(?:小孩|孩子|老人|儿童)(?:刚刚?|突然)?(?:走失|不见)了",
    "(?:着火|起火|失火)了?[^。!?\n]{0,12}(?:浓烟|烟很大|火势|火很大|有人没出来|还有人|快来|快点)",
    "火势(?:很大|越来越大|蔓延|失控)",
    "(?:困在|还在)(?:里面|屋里|楼上|火场)[^。!?\n]{0,6}(?:出不来|没出来|快来|快点)",
)
_DANGER = (
    "打架|斗殴|砍人|捅人|打人|被打|殴打|家暴",
    "持刀|持枪|枪声|凶器|爆炸物|炸药",
    "着火|起火|失火|火灾|冒浓烟|爆炸|煤气泄[漏露]|燃气泄[漏露]",
    "抢劫|抢夺|入室|进贼|有贼|撬门|砸门|砸车|盗窃|小偷|偷东西|偷车",
    "绑架|劫持|强奸|猥亵|尾随|跟踪我",
    "溺水|落水|昏迷|流血|中毒|被困|坠楼|跳楼|轻生|自杀|割腕",
    "撞人|撞伤|车祸|酒驾|飙车|肇事逃逸",
    "走失|聚众|围堵|械斗|投毒",
    "给骗子(?:转账|汇款|转钱)|(?:转账|汇款)[^。!?\n]{0,10}(?:骗子|拦一下|拦住)",
)
_NOW = "正在|正被|此刻|(?<!到)(?<!至)现在|刚刚|刚才|马上|快来|快点来|赶紧来|赶快来|速来|立刻派|还在现场|仍在现场|人还在"
# Matters long over or only planned for are no emergencies, whatever words they use.
_NOT_NOW = "去年|前年|上个?月|上周|以前|曾经|多次|经常|长期|一直|几年|多年|宣传|演练|培训|讲座|建议|如何|是否|会不会"

_life = re.compile("|".join(_LIFE))
_danger = re.compile("|".join(_DANGER))
_now = re.compile(_NOW)
_not_now = re.compile(_NOT_NOW)
_SENTENCES = re.compile(r"[。!?;\n]+")


def is_urgent(subject: str | None, body: str) -> bool:
    """Whether the normalised texts name a matter for 110."""
    text = f"{subject}\n{body}" if subject else body
    if _life.search(text):
        return True
    if not _danger.search(text):
        return False
    return any(
        _danger.search(sentence) and _now.search(sentence) and not _not_now.search(sentence)
        for sentence in _SENTENCES.split(text)
    )
