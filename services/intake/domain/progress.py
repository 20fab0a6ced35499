"""What a citizen is told of the handling of their request: a state and steps, in words without internals.

Two services tell of a case, each in an order of its own, and their topics are not read in step. So what each has told
is kept apart and folded by its own sequence, and a citizen sees what follows from both: the same whichever came first.
No clock takes part in that; steps are only shown in the order of their times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from shared.events import case, followup
from shared.events.base import Event
from shared.events.words import ContactMethod, Settlement

FIRST_STEPS = 10
LAST_STEPS = 40
"""Steps of one service that are kept of a case that goes back and forth for ever; the others are counted."""


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
    """One thing that happened, the last time of `times` at `at`; `text` is Chinese and meant for the citizen."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    code: str
    text: str
    times: int = 1


class Told(BaseModel):
    """What one service has told of a case, up to its event of that `sequence`."""

    model_config = ConfigDict(frozen=True)

    sequence: int = 0
    steps: tuple[Step, ...] = ()
    left_out: int = 0


T = TypeVar("T", bound=Told)


class ToldByRouting(Told):
    """What routing has told. `resolved`: the last round with a result; `ended`: the last one whose survey is over."""

    state: RequestState | None = None
    unit: str | None = None
    resolved: int = 0
    ended: int = 0
    contacts: dict[ContactMethod, int] = {}
    """How often the last step, a contact, happened in which way."""


class ToldByFollowup(Told):
    """What follow-up has told. `surveyed`: the last round in which the citizen was asked."""

    surveyed: int = 0


class Course(BaseModel):
    """The course that a case has taken: all that has been told of it."""

    model_config = ConfigDict(frozen=True)

    cases: ToldByRouting = ToldByRouting()
    followups: ToldByFollowup = ToldByFollowup()

    @property
    def state(self) -> RequestState:
        """Where the case stands. A survey of a round that routing has not ended says more than routing itself."""
        if self.followups.surveyed > self.cases.ended:
            return RequestState.SURVEYING
        return self.cases.state or RequestState.RECEIVED

    @property
    def unit(self) -> str | None:
        """The unit in charge."""
        return self.cases.unit

    def steps(self, received_at: datetime) -> tuple[Step, ...]:
        """Every step in the order of their times, from the one that the request was received."""
        told = sorted((*_shown(self.cases), *_shown(self.followups)), key=lambda step: step.at)
        return (Step(at=received_at, code=RequestState.RECEIVED, text=RECEIVED_TEXT), *told)

    def updated_at(self, received_at: datetime) -> datetime:
        """When the last thing happened."""
        return max((received_at, *(step.at for told in (self.cases, self.followups) for step in told.steps[-1:])))


RECEIVED_TEXT = "已受理"
"""The text of every request's first step, whose code is that of the state."""
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


def advance(course: Course, event: Event, sequence: int, at: datetime) -> Course:
    """What a citizen sees after `event`, the `sequence`-th of its service about this case, which happened at `at`.

    What was told before changes nothing, and neither does an internal matter of the bureau.
    """
    if isinstance(event, case.CaseEvent):
        if sequence <= course.cases.sequence:
            return course
        told = _routing_tells(course.cases, event, at).model_copy(update={"sequence": sequence})
        return course.model_copy(update={"cases": told})
    if isinstance(event, followup.FollowupEvent):
        if sequence <= course.followups.sequence:
            return course
        asked = _followup_tells(course.followups, event, at).model_copy(update={"sequence": sequence})
        return course.model_copy(update={"followups": asked})
    return course


def with_former_steps(course: Course, steps: Iterable[Step], unit: str | None) -> Course:
    """The course after steps that were kept in one list, in the order in which they came, before it was kept apart.

    Such a list has no sequences; each service's steps are in their order in it, and that is all that counts.
    """
    routing, asked = course.cases, course.followups
    for step in steps:
        if step.code in _STATES:
            routing = _moved(_added(routing, step), step.code).model_copy(update={"unit": unit, "contacts": {}})
        elif step.code == "survey":
            asked = _added(asked, step).model_copy(update={"surveyed": asked.surveyed + 1})
        elif step.code != RequestState.RECEIVED:
            asked = _added(asked, step)
    return course.model_copy(update={"cases": routing, "followups": asked})


def _routing_tells(told: ToldByRouting, event: Event, at: datetime) -> ToldByRouting:
    words = _WORDS.get(type(event))
    if words is None:
        return told
    step = Step(at=at, code=words.code, text=words.text(event))
    if isinstance(event, case.CitizenContacted):
        return _contacted(told, event, step)
    moved = _moved(_added(told, step), words.code).model_copy(update={"contacts": {}})
    if isinstance(event, case.CaseAssigned | case.CaseReopened):
        moved = moved.model_copy(update={"unit": event.unit})
    return moved


def _followup_tells(told: ToldByFollowup, event: Event, at: datetime) -> ToldByFollowup:
    words = _WORDS.get(type(event))
    if words is None:
        return told
    told = _added(told, Step(at=at, code=words.code, text=words.text(event)))
    return told.model_copy(update={"surveyed": event.round}) if isinstance(event, followup.SurveyRequested) else told


def _moved(told: ToldByRouting, code: str) -> ToldByRouting:
    """Where a case stands after a step of routing. Rounds are counted: one ends with the next, or with the case."""
    changes: dict[str, Any] = {"state": _STATES[code]}
    match code:
        case "resolved":
            changes["resolved"] = told.resolved + 1
        case "reopened":
            changes["ended"] = max(told.ended, told.resolved)
        case "closed":
            changes["ended"] = max(told.ended + 1, told.resolved)
    return told.model_copy(update=changes)


def _contacted(told: ToldByRouting, event: case.CitizenContacted, step: Step) -> ToldByRouting:
    """Contacts that follow each other are one step, which says how many they were and how."""
    ways = Counter(told.contacts)
    ways[event.method] += 1
    if sum(ways.values()) == 1:
        return _moved(_added(told, step), step.code).model_copy(update={"contacts": dict(ways)})
    times = sum(ways.values())
    how = "、".join(f"{_METHODS[way]}{count}次" for way, count in sorted(ways.items()))
    merged = Step(at=step.at, code=step.code, text=f"民警已联系您{times}次（{how}）", times=times)
    return told.model_copy(update={"steps": (*told.steps[:-1], merged), "contacts": dict(ways)})


def _added(told: T, step: Step) -> T:
    steps = (*told.steps, step)
    if len(steps) <= FIRST_STEPS + LAST_STEPS:
        return told.model_copy(update={"steps": steps})
    kept = steps[:FIRST_STEPS] + steps[FIRST_STEPS + 1 :]
    return told.model_copy(update={"steps": kept, "left_out": told.left_out + steps[FIRST_STEPS].times})


def _shown(told: Told) -> tuple[Step, ...]:
    if not told.left_out:
        return told.steps
    first, last = told.steps[:FIRST_STEPS], told.steps[FIRST_STEPS:]
    between = Step(at=first[-1].at, code="more", text=f"其间还有{told.left_out}条办理记录", times=told.left_out)
    return (*first, between, *last)


class _Words(NamedTuple):
    code: str
    text: Callable[[Any], str]


def _assigned(event: case.CaseAssigned) -> str:
    return f"已转办至{event.unit_name or event.unit}"


def _resolved(event: case.CaseResolved) -> str:
    return "已办结" if event.round == 1 else f"整改后再次办结（第{event.round}次）"


def _surveyed(event: followup.SurveyRequested) -> str:
    return "回访中" if event.round == 1 else f"回访中（第{event.round}次）"


_WORDS: dict[type[Event], _Words] = {
    case.CaseAssigned: _Words("assigned", _assigned),
    case.CaseAccepted: _Words("accepted", lambda _: "民警已受领，正在办理"),
    case.CitizenContacted: _Words("contacted", lambda event: f"民警已联系您（{_METHODS[event.method]}）"),
    case.CaseResolved: _Words("resolved", _resolved),
    case.CaseReopened: _Words("reopened", lambda _: "已退回责任单位整改"),
    case.CaseClosed: _Words("closed", lambda event: _SETTLEMENTS[event.settlement]),
    followup.SurveyRequested: _Words("survey", _surveyed),
    # Also where no message was ever sent, since no number takes one.
    followup.SurveyUndeliverable: _Words("survey-undeliverable", lambda _: "未能用短信联系到您"),
    followup.SurveyReferred: _Words("survey-referred", lambda _: "将由工作人员与您联系回访"),
    followup.SurveyAnswered: _Words("answered", lambda event: f"您的评价：{event.level.chinese}"),
    followup.UnderstandingRecorded: _Words("understood", lambda _: "已向您当面解释说明"),
}
"""Other events of a case are the bureau's own matter, overdue clocks among them; or a later event tells the same."""
_STATES = {
    "assigned": RequestState.ASSIGNED,
    "accepted": RequestState.ACCEPTED,
    "contacted": RequestState.CONTACTED,
    "resolved": RequestState.RESOLVED,
    "reopened": RequestState.RECTIFYING,
    "closed": RequestState.CLOSED,
}
