"""The messages of a follow-up: which there are, their ids, their words, and when a failed attempt is repeated."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from enum import StrEnum
from uuid import UUID


class MessageKind(StrEnum):
    """Why a citizen gets a message."""

    SURVEY = "survey"
    REMINDER = "reminder"
    CLARIFICATION = "clarification"
    """Asks once more, where a reply could not be understood; once in a round."""


def message_id_of(case_id: UUID, nth: int, kind: MessageKind) -> UUID:
    """The id of the one message of this kind in the `nth` round: the same however often it is decided.

    A UUIDv8 (RFC 9562, 5.8) with the case id's time in front, so that rows of one time lie together in the index; the
    rest is a hash, so that the carrier learns no case id.
    """
    digest = hashlib.sha256(f"{case_id}/{nth}/{kind}".encode()).digest()
    raw = bytearray(case_id.bytes[:6] + digest[:10])
    raw[6] = 0x80 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return UUID(bytes=bytes(raw))


_SCALE = "1非常满意 2满意 3基本满意 4不满意 5非常不满意"


def text_of(kind: MessageKind, *, bureau: str, number: str, nth: int) -> str:
    """What the citizen reads: who asks, about which case, how to answer. Never the matter: others may read it."""
    match kind:
        case MessageKind.SURVEY if nth == 1:
            return (
                f"【{bureau}】您好，您反映的事项（工单{number}）已办结，请您评价办理情况：{_SCALE}。"
                "直接回复数字即可，也可在数字后写下意见。回复免费，我们不会索要密码、验证码或转账。"
            )
        case MessageKind.SURVEY:
            return (
                f"【{bureau}】您好，根据您上次的评价，工单{number}已重新办理，请您再次评价：{_SCALE}。"
                "直接回复数字即可，也可在数字后写下意见。回复免费，我们不会索要密码、验证码或转账。"
            )
        case MessageKind.REMINDER:
            return (
                f"【{bureau}】您好，工单{number}还在等待您的评价：{_SCALE}。回复数字即可，回复免费。"
                "如已评价请忽略，此后不再提醒。"
            )
        case MessageKind.CLARIFICATION:
            return (
                f"【{bureau}】您对工单{number}的回复已收到并记录，但未能识别评价等级。"
                f"请回复一个数字：{_SCALE}。回复免费。"
            )


_FIRST = timedelta(seconds=5)
_LONGEST = timedelta(minutes=10)


def retry_after(attempts: int, jitter: float) -> timedelta:
    """How long to wait after the `attempts`-th failed attempt (from 1): doubling from 5 s up to 10 minutes.

    `jitter` in 0..1 spreads the waiting over its upper half, so that messages don't come back all at once.
    """
    doubled: int = 2 ** min(attempts - 1, 16)
    ceiling = min(_LONGEST, _FIRST * doubled)
    return ceiling * (0.5 + jitter / 2)
