"""How citizens write: long or in three words, with slips, full-width digits, a phone number in the middle of it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from services.simulator.domain.city import District
from services.simulator.domain.matters import SLOT, Matter, Phrases
from services.simulator.domain.people import Person

_UNPUNCTUATED_TABLE: dict[int, str | None] = {0xFF0C: " ", 0x3002: " ", 0xFF01: None, 0xFF1F: None}
_FULL_WIDTH = {0x30 + n: 0xFF10 + n for n in range(10)}
_SLIPS = {
    "的": "得", "在": "再", "再": "在", "做": "作", "那": "哪", "已": "以", "辆": "量", "帮": "邦", "民警": "名警",
    "报警": "爆警", "请问": "清问", "晚上": "晚尚", "时候": "时侯", "处理": "处里", "没有": "没由", "电话": "电活",
}  # fmt: skip
"""What a hurried thumb makes of a word: neighbours of a Pinyin keyboard and look-alikes."""

_SHORT = 0.08
_LONG = 0.06
_DIARY = 0.15
_SLIP = 0.07
_UNPUNCTUATED = 0.05
_FULL_WIDTH_DIGITS = 0.04
_PHONE_INSIDE = 0.05


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and about what: fixed for a matter, so that the same citizen tells of the same place again."""

    matter: Matter
    district: District
    place: str
    filling: tuple[tuple[str, str], ...]
    """What is in each slot of any text about it."""


@dataclass(frozen=True, slots=True)
class Text:
    """What the citizen wrote."""

    subject: str
    body: str


class Writer:
    """Writes the texts of all citizens; every choice comes from the generator that a call is given."""

    def __init__(self, phrases: Phrases) -> None:
        self._phrases = phrases
        self._slots = phrases.slots()

    def scene(self, rng: random.Random, matter: Matter, district: District) -> Scene:
        """A place in `district` where `matter` goes on."""
        filling = {slot: rng.choice(choices) for slot, choices in self._slots.items()}
        spot = rng.choice(district.spots) if district.spots else district.name
        near = rng.choice((filling["street"], filling["estate"], spot, filling["landmark"], filling["landmark"]))
        place = rng.choice((near, near + rng.choice(self._phrases.signs), district.name + near))
        filling |= {"place": place, "thing": rng.choice(matter.things), "district": district.name, "spot": spot}
        address = f"{district.name}{filling['street']}{rng.randint(1, 380)}号"
        return Scene(matter, district, address, tuple(filling.items()))

    def text(self, rng: random.Random, scene: Scene, person: Person | None) -> Text:
        """What a citizen writes about a scene; another call gives other words for the same."""
        filling = dict(scene.filling)
        style = rng.random()
        if style < _SHORT:
            body = _fill(rng.choice(scene.matter.short), filling)
        elif scene.matter.hurried:
            body = _fill(rng.choice(scene.matter.bodies), filling)
        else:
            told = rng.sample(scene.matter.bodies, k=len(scene.matter.bodies))
            parts = [rng.choice(self._phrases.openings), _fill(told[0], filling)]
            # Half of all texts name the district: the others leave it to whoever reads them.
            if rng.random() < 0.5:
                where = rng.choice(("我在{}，", "{}这边，", "我家在{}。"))
                parts.insert(1, where.format(scene.district.name))
            if style < _SHORT + _LONG:
                parts += self._long(rng, [_fill(text, filling) for text in told[1:]])
            elif rng.random() < 0.4:
                parts.append(rng.choice(self._phrases.asides))
            parts.append(rng.choice(self._phrases.closings))
            body = "".join(parts)
        if person is not None and rng.random() < _PHONE_INSIDE:
            body += rng.choice(("我的电话{}", "联系方式：{}", "电话{}，姓" + person.name[0])).format(person.phone)
        return Text(_fill(rng.choice(scene.matter.subjects), filling), _blemished(rng, body))

    def _long(self, rng: random.Random, more: list[str]) -> list[str]:
        """Whatever else there is to say, and from some writers a list of all days on which it went on."""
        asides = rng.sample(self._phrases.asides, k=rng.randint(4, 9))
        parts = ["\n", *(f"{text}\n" for text in more), *asides]
        if rng.random() < _DIARY:
            days = rng.randint(8, 40)
            entries = (
                f"{number}、{rng.choice(self._phrases.times)}，{rng.choice(self._phrases.asides)}"
                for number in range(1, days + 1)
            )
            parts += ["\n经过如下：\n", "\n".join(entries), "\n"]
        return parts


def _fill(template: str, filling: dict[str, str]) -> str:
    return SLOT.sub(lambda slot: filling[slot[1]], template)


def _blemished(rng: random.Random, text: str) -> str:
    """The text with what the writer's device and haste made of it."""
    if rng.random() < _SLIP:
        present = [word for word in _SLIPS if word in text]
        if present:
            word = rng.choice(present)
            text = text.replace(word, _SLIPS[word], 1)
    if rng.random() < _UNPUNCTUATED:
        text = text.translate(_UNPUNCTUATED_TABLE).strip()
    if rng.random() < _FULL_WIDTH_DIGITS:
        text = text.translate(_FULL_WIDTH)
    return text
