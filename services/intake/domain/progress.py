"""What a citizen is told of the handling of their request: a state and steps, in words without internals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.events import case, followup
from shared.events.base import Event
from shared.events.words import ContactMethod, Settlement


class RequestState(StrEnum):
    """Where a request stands, for the citizen."""

    RECEIVED = "received"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    CONTACTED = "contacted"
    RESOLVED = "resolved"
    SURVEYING = "surveying"
    RECTIFYING = "rectifying"
    CLOSED = "closed"


class Step(BaseModel):
    """One thing that happened; `text` is Chinese and meant for the citizen."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Advance:
    """What an event means for a request: a step, and the new state and unit where they change."""

    step: Step
    state: RequestState | None = None
    unit: str | None = None


_METHODS = {
    ContactMethod.PHONE: "电话",
    ContactMethod.VISIT: "上门",
    ContactMethod.MESSAGE: "消息",
    ContactMethod.COUNTER: "窗口",
}
_SETTLEMENTS = {
    Settlement.SATISFIED: "已办结，评价满意",
    Settlement.UNDERSTOOD: "已办结，已向您解释说明",
    Settlement.UNANSWERED: "已办结，回访未收到答复",
    Settlement.UNREACHABLE: "已办结，回访未能联系到您",
}


RECEIVED_TEXT = "已受理"
"""The text of every request's first step, whose code is that of the state."""


def advance(event: Event, at: datetime) -> Advance | None:
    """What `event`, which happened at `at`, means for the citizen; None where it is an internal matter."""
    told = _TOLD.get(type(event))
    if told is None:
        return None
    code, state, text = told
    unit = event.unit if isinstance(event, case.CaseAssigned | case.CaseReopened) else None
    return Advance(Step(at=at, code=code, text=text(event)), state, unit)


def _assigned(event: case.CaseAssigned) -> str:
    return f"已转办至{event.unit_name or event.unit}"


def _contacted(event: case.CitizenContacted) -> str:
    return f"民警已联系您（{_METHODS[event.method]}）"


def _resolved(event: case.CaseResolved) -> str:
    return "已办结" if event.round == 1 else f"整改后再次办结（第{event.round}次）"


def _surveyed(event: followup.SurveyRequested) -> str:
    return "回访中" if event.round == 1 else f"回访中（第{event.round}次）"


_Text = Callable[[Any], str]
_TOLD: dict[type[Event], tuple[str, RequestState | None, _Text]] = {
    case.CaseAssigned: ("assigned", RequestState.ASSIGNED, _assigned),
    case.CaseAccepted: ("accepted", RequestState.ACCEPTED, lambda _: "民警已受领，正在办理"),
    case.CitizenContacted: ("contacted", RequestState.CONTACTED, _contacted),
    case.CaseResolved: ("resolved", RequestState.RESOLVED, _resolved),
    case.CaseReopened: ("reopened", RequestState.RECTIFYING, lambda _: "已退回责任单位整改"),
    case.CaseClosed: ("closed", RequestState.CLOSED, lambda event: _SETTLEMENTS[event.settlement]),
    followup.SurveyRequested: ("survey", RequestState.SURVEYING, _surveyed),
    followup.SurveyUndeliverable: ("survey-undeliverable", None, lambda _: "回访短信未能送达"),
    followup.SurveyAnswered: ("answered", None, lambda event: f"您的评价：{event.level.chinese}"),
    followup.UnderstandingRecorded: ("understood", None, lambda _: "已向您当面解释说明"),
}
"""Other events of a case are the bureau's own matter, overdue clocks among them; or a later event tells the same."""
