"""Follow-ups as staff see them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.followup.domain.state import Followup, Stage
from shared.events.followup import SurveyMedium
from shared.events.words import Satisfaction, Settlement


class AnswerView(BaseModel):
    """What the citizen said to one round."""

    model_config = ConfigDict(frozen=True)

    round: int
    level: Satisfaction
    medium: SurveyMedium
    answered_at: datetime
    comment: str | None


class FollowupView(BaseModel):
    """回访. Times are UTC; `version` is what `If-Match` takes."""

    model_config = ConfigDict(frozen=True)

    case_id: UUID
    number: str
    state: Stage
    unit: str
    round: int = Field(description="surveys asked so far")
    due: datetime | None = Field(description="when waiting for an answer or a call ends")
    answers: list[AnswerView]
    settlement: Settlement | None
    settled_at: datetime | None
    version: int


class RemarkView(BaseModel):
    """What the citizen wrote besides the answers, and why it is none."""

    model_config = ConfigDict(frozen=True)

    replied_at: datetime
    outcome: str
    text: str


class ContactView(BaseModel):
    """Whom to call; shown to the phone desk alone, while it has to call."""

    model_config = ConfigDict(frozen=True)

    name: str | None
    phone: str | None


class FollowupDetail(FollowupView):
    """回访 with what the citizen wrote and, for the phone desk, whom to call."""

    remarks: list[RemarkView] = Field(default_factory=list)
    contact: ContactView | None = None


def view(case_id: UUID, version: int, state: Followup) -> FollowupView:
    """A follow-up as a row of a list, and as the answer to a command."""
    return FollowupView(
        case_id=case_id,
        number=state.number,
        state=state.stage,
        unit=state.unit,
        round=state.round,
        due=state.due,
        answers=[AnswerView(**answer.model_dump()) for answer in state.answers],
        settlement=state.settlement,
        settled_at=state.settled_at,
        version=version,
    )
