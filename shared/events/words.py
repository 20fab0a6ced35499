"""The words that events are made of: identifiers and closed lists, with their Chinese names for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias
from uuid import UUID

from pydantic import StringConstraints

_code = StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")

CaseId: TypeAlias = UUID
"""UUIDv7 given by intake; the key of every event of the case."""
ChannelId: TypeAlias = Annotated[str, _code]
"""One of the bureau's sources of requests, `wechat-0012`."""
ChannelFamily: TypeAlias = Annotated[str, _code]
"""The kind of source, `wechat`."""
UnitCode: TypeAlias = Annotated[str, _code]
OfficerId: TypeAlias = Annotated[str, _code]
CategoryCode: TypeAlias = Annotated[str, _code]
DistrictCode: TypeAlias = Annotated[str, _code]
Sealed: TypeAlias = str
"""Personal data sealed by `shared.privacy`; unreadable on the bus."""


class RequestKind(StrEnum):
    """诉求类型: what the citizen wants."""

    ENQUIRY = "enquiry"
    HELP = "help"
    COMPLAINT = "complaint"
    REPORT = "report"
    SUGGESTION = "suggestion"
    COMMENDATION = "commendation"
    SERVICE = "service"

    @property
    def chinese(self) -> str:
        return _KINDS[self]


_KINDS = {
    RequestKind.ENQUIRY: "咨询",
    RequestKind.HELP: "求助",
    RequestKind.COMPLAINT: "投诉",
    RequestKind.REPORT: "举报",
    RequestKind.SUGGESTION: "建议",
    RequestKind.COMMENDATION: "表扬",
    RequestKind.SERVICE: "办事",
}


class Grade(StrEnum):
    """分级: how a case is handled."""

    ORDINARY = "ordinary"
    MAJOR = "major"
    COMPLEX = "complex"

    @property
    def chinese(self) -> str:
        return {"ordinary": "普通", "major": "重大", "complex": "疑难"}[self.value]


class Satisfaction(StrEnum):
    """满意度: the five levels a citizen can answer in a survey, best first."""

    VERY_SATISFIED = "very-satisfied"
    SATISFIED = "satisfied"
    BASICALLY_SATISFIED = "basically-satisfied"
    DISSATISFIED = "dissatisfied"
    VERY_DISSATISFIED = "very-dissatisfied"

    @property
    def chinese(self) -> str:
        return _LEVELS[self]

    @property
    def is_satisfied(self) -> bool:
        """The three upper levels count as satisfied in the bureau's rate."""
        return self not in (Satisfaction.DISSATISFIED, Satisfaction.VERY_DISSATISFIED)


_LEVELS = {
    Satisfaction.VERY_SATISFIED: "非常满意",
    Satisfaction.SATISFIED: "满意",
    Satisfaction.BASICALLY_SATISFIED: "基本满意",
    Satisfaction.DISSATISFIED: "不满意",
    Satisfaction.VERY_DISSATISFIED: "非常不满意",
}


class Settlement(StrEnum):
    """How the follow-up of a case ended."""

    SATISFIED = "satisfied"
    UNDERSTOOD = "understood"
    UNANSWERED = "unanswered"
    UNREACHABLE = "unreachable"

    @property
    def chinese(self) -> str:
        return _SETTLEMENTS[self]


_SETTLEMENTS = {
    Settlement.SATISFIED: "满意",
    Settlement.UNDERSTOOD: "理解",
    Settlement.UNANSWERED: "未答复",
    Settlement.UNREACHABLE: "无法联系",
}


class ContactMethod(StrEnum):
    """How an officer spoke with the citizen."""

    PHONE = "phone"
    VISIT = "visit"
    MESSAGE = "message"
    COUNTER = "counter"
