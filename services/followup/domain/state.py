"""What is known of the follow-up of one case: the fold of this service's own events, and what the case told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.events.base import Event
from shared.events.followup import (
    CaseSettled,
    RectificationOpened,
    ReferralEnded,
    SurveyAnswered,
    SurveyDelivered,
    SurveyMedium,
    SurveyOptedOut,
    SurveyReferred,
    SurveyRequested,
    SurveySent,
    SurveyUnclear,
    SurveyUndeliverable,
    UnderstandingRecorded,
)
from shared.events.words import ChannelFamily, ChannelId, OfficerId, Satisfaction, Sealed, Settlement, UnitCode

NO_PHONE = "no-phone"
"""The requester left no number at all: nobody can be called."""
NOT_SENT = "not-sent"
"""The gateway took no message within the whole window."""
UNCLEAR_AGAIN = "unclear-again"
"""The reply to the question what was meant is as unclear as the first."""
UNCLEAR_ONLY = "unclear-only"
"""The time to answer ended with unclear replies alone."""
OPTED_OUT = "opted-out"
"""The citizen wants no messages."""

WAYS_BACK: Mapping[ChannelFamily, SurveyMedium] = MappingProxyType({"wechat": "wechat", "weibo": "weibo"})
"""Families of channels that lead back to the citizen without a number."""


class Stage(StrEnum):
    """Where a follow-up stands."""

    WAITING = "waiting"
    """Nothing has been asked yet; never stored."""
    ASKED = "asked"
    SENT = "sent"
    DELIVERED = "delivered"
    PHONE_DESK = "phone-desk"
    """No message gets through, or none is understood: a person asks."""
    RECTIFICATION = "rectification"
    SETTLED = "settled"


BY_MESSAGE = frozenset({Stage.ASKED, Stage.SENT, Stage.DELIVERED})
"""A message asks."""
OPEN = BY_MESSAGE | {Stage.PHONE_DESK}
"""An answer is awaited."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a case came in."""

    channel: ChannelId
    family: ChannelFamily


@dataclass(frozen=True, slots=True)
class Policy:
    """How long follow-up waits, in elapsed time: citizens answer outside of working hours too."""

    answer: timedelta = timedelta(hours=72)
    """From the sending of a survey to giving up on an answer."""
    phone_desk: timedelta = timedelta(days=7)
    """From a failed message, or one that nobody understood, to giving up on a call."""
    late: timedelta = timedelta(days=30)
    """After a settlement without an answer, how long one still counts."""


class Answer(BaseModel):
    """What the citizen said to one round."""

    model_config = ConfigDict(frozen=True)

    round: int
    level: Satisfaction
    medium: SurveyMedium
    answered_at: datetime
    comment: str | None = None
    recorded_by: OfficerId | None = None
    """Who took it down; None where the citizen wrote it."""


class Followup(BaseModel):
    """The state: what the case told when it was resolved, and the fold of this service's own events."""

    model_config = ConfigDict(frozen=True)

    number: str
    unit: UnitCode
    requester: Sealed | None
    resolution: int
    """The case's own count of the resolution that was taken up last."""
    channel: ChannelId | None = None
    family: ChannelFamily | None = None
    """Where the case came in; None where follow-up was not told when it was opened."""

    stage: Stage = Stage.WAITING
    round: int = 0
    """Surveys asked so far."""
    due: datetime | None = None
    unclear: bool = False
    """The current round had a reply that nobody understood, and the citizen was asked once more."""
    opted_out: bool = False
    """The citizen wants no more messages about this case."""
    desk_reason: str | None = None
    """Why a person has to ask, while one has to."""
    answers: tuple[Answer, ...] = ()
    settlement: Settlement | None = None
    settled_at: datetime | None = None

    @property
    def wake_at(self) -> datetime | None:
        """When waiting is over."""
        return self.due

    @property
    def is_answered(self) -> bool:
        """Whether the current round has its answer."""
        return bool(self.answers) and self.answers[-1].round == self.round

    @property
    def way_back(self) -> SurveyMedium | None:
        """The way other than a number that leads back to the citizen."""
        return WAYS_BACK.get(self.family) if self.family is not None else None

    def takes_late_answer(self, at: datetime, policy: Policy) -> bool:
        """Whether an answer written `at` counts although the case was settled without one."""
        return self.settled_at is not None and not self.is_answered and at <= self.settled_at + policy.late


def evolve(state: Followup | None, event: Event) -> Followup:
    """The state after one of this service's events."""
    assert state is not None, "a follow-up begins with what the case told"
    match event:
        case SurveyRequested():
            changes: dict[str, Any] = {
                "stage": Stage.ASKED,
                "round": event.round,
                "due": event.answer_by,
                "unclear": False,
            }
        case SurveySent():
            changes = {"stage": Stage.SENT, "due": event.answer_by or state.due}
        case SurveyDelivered():
            changes = {"stage": Stage.DELIVERED}
        case SurveyUndeliverable():
            changes = {"stage": Stage.PHONE_DESK, "due": event.call_by, "desk_reason": event.reason}
        case SurveyUnclear():
            changes = {"unclear": True, "due": event.answer_by or state.due}
        case SurveyReferred():
            changes = {"stage": Stage.PHONE_DESK, "due": event.call_by, "desk_reason": event.reason}
        case SurveyOptedOut():
            changes = {"opted_out": True}
        case ReferralEnded():
            changes = {"stage": Stage.SETTLED, "due": None, "desk_reason": None}
        case SurveyAnswered():
            answer = Answer(
                round=event.round,
                level=event.level,
                medium=event.medium,
                answered_at=event.answered_at,
                comment=event.comment,
                recorded_by=event.recorded_by,
            )
            changes = {"answers": (*state.answers, answer), "desk_reason": None}
            if state.settled_at is not None:
                changes |= {"stage": Stage.SETTLED, "due": None}
        case RectificationOpened():
            changes = {"stage": Stage.RECTIFICATION, "due": None, "settlement": None, "settled_at": None}
        case UnderstandingRecorded():
            changes = {}
        case CaseSettled():
            changes = {
                "stage": Stage.SETTLED,
                "due": None,
                "desk_reason": None,
                "settlement": event.settlement,
                "settled_at": event.settled_at,
            }
        case _:
            raise TypeError(f"{type(event).__name__} is no event of a follow-up.")
    return state.model_copy(update=changes)
