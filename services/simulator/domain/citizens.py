"""How citizens take a message: whether it reaches them, whether, when and what they answer."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from services.simulator.domain.matters import Replies
from services.simulator.domain.people import PHONE_PREFIX
from services.simulator.domain.randomness import Weighted, around, split
from shared.events.words import Satisfaction

UNDELIVERABLE = 0.03
SILENT = 0.15
UNCLEAR = 0.04
SATISFIED = 0.88
"""Share of first answers on the three upper levels."""
SATISFIED_AFTER_RECTIFICATION = 0.82

_FAILURES = Weighted([("not-in-service", 5.0), ("switched-off", 3.0), ("blocked", 2.0)])
_UPPER = Weighted(
    [(Satisfaction.VERY_SATISFIED, 52.0), (Satisfaction.SATISFIED, 27.0), (Satisfaction.BASICALLY_SATISFIED, 9.0)]
)
_LOWER = Weighted([(Satisfaction.DISSATISFIED, 9.0), (Satisfaction.VERY_DISSATISFIED, 3.0)])
_GUESTS = Weighted([(Satisfaction.VERY_SATISFIED, 2.0), (Satisfaction.SATISFIED, 1.0)])
_FULL_WIDTH = {0x30 + n: 0xFF10 + n for n in range(10)}
_RECEIPT_SECONDS = 4.0
_SWITCHED_OFF_SECONDS = 600.0
_REPLY_SECONDS = 2_400.0

_SCALE = re.compile(r"([1-9])\s*[.、．:：=]?\s*(非常满意|基本满意|非常不满意|不满意|满意)")
_DEFAULT_DIGITS: Mapping[Satisfaction, str] = MappingProxyType(dict(zip(Satisfaction, "12345", strict=True)))


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the network says about a message, `after` seconds; `failure` is a code where it can't be delivered."""

    after: float
    failure: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the citizen writes back, `after` seconds from the message; `level` is what they mean, if they say one."""

    after: float
    text: str
    level: Satisfaction | None


def digits_of(message: str) -> Mapping[Satisfaction, str]:
    """The number that a message gives each level, as its reader sees it; 1 to 5, best first, where it doesn't say."""
    names = {level.chinese: level for level in Satisfaction}
    return {**_DEFAULT_DIGITS, **{names[name]: digit for digit, name in _SCALE.findall(message)}}


def is_guest(phone: str) -> bool:
    """Whether a phone is none of the city's: somebody tries the platform out with a request of their own."""
    return not phone.removeprefix("+86").startswith(PHONE_PREFIX)


def is_question(message: str) -> bool:
    """Whether a message asks for an answer."""
    return _SCALE.search(message) is not None


def receipt(seed: int, phone: str, nth: int) -> Receipt:
    """How the `nth` message (from 0) to a phone fares. A phone out of service stays so; a guest's is always on."""
    if is_guest(phone):
        return Receipt(_RECEIPT_SECONDS, None)
    if (dead := split(seed, "phone", phone)).random() < UNDELIVERABLE:
        return Receipt(around(dead, _RECEIPT_SECONDS), _FAILURES.choose(dead))
    rng = split(seed, "receipt", phone, nth)
    off = rng.random() < 0.05
    return Receipt(around(rng, _SWITCHED_OFF_SECONDS if off else _RECEIPT_SECONDS), None)


def reply(seed: int, phone: str, nth: int, message: str, replies: Replies, *, rectified: bool) -> Reply | None:
    """The answer to the `nth` message (from 0) to a phone, or None from who doesn't answer. Guests answer clearly.

    `rectified` says that the citizen was dissatisfied with the same case before.
    """
    rng = split(seed, "reply", phone, nth)
    if is_guest(phone):
        if not is_question(message):
            return None
        level = _GUESTS.choose(rng)
        return Reply(_REPLY_SECONDS, digits_of(message)[level], level)
    if not is_question(message) or rng.random() < SILENT:
        return None
    after = around(rng, _REPLY_SECONDS, 2.5)
    if rng.random() < UNCLEAR:
        return Reply(after, rng.choice(replies.unclear), None)
    level = opinion(rng, rectified=rectified)
    text = rng.choice(replies.levels[level]).format(digit=digits_of(message)[level])
    if rng.random() < 0.06:
        text = text.translate(_FULL_WIDTH)
    if rng.random() < 0.04:
        text = f"  {text} \n"
    return Reply(after, text, level)


def opinion(rng: random.Random, *, rectified: bool) -> Satisfaction:
    """How satisfied a citizen is with the handling of their case."""
    chance = SATISFIED_AFTER_RECTIFICATION if rectified else SATISFIED
    return (_UPPER if rng.random() < chance else _LOWER).choose(rng)
