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
    recorded_by: str | None = Field(description="who took a spoken answer down")


class FollowupView(BaseModel):
    """回访. Times are UTC; `version` is what `If-Match` takes."""

    model_config = ConfigDict(frozen=True)

    case_id: UUID
    number: str
    state: Stage
    unit: str
    family: str | None = Field(description="the family of the channel through which the case came in")
    channel: str | None
    desk_reason: str | None = Field(
        description="why a person has to ask, while one has to: a code of ours (`no-phone`: nobody left a number, the "
        "channel is the only way back; `unread-contact`; `extension`; `not-mobile`; `invalid-number`; `not-sent`; "
        "`unclear-again`; `unclear-only`; `opted-out`) or the carrier's"
    )
    opted_out: bool = Field(description="the citizen wants no messages about the case")
    round: int = Field(description="surveys asked so far")
    due: datetime | None = Field(description="when waiting for an answer or a call ends, if ever by itself")
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


class FollowupDetail(FollowupView):
    """回访 with what the citizen wrote."""

    remarks: list[RemarkView] = Field(default_factory=list)


class ContactView(BaseModel):
    """Whom to call; shown to the phone desk alone, while it has to call."""

    model_config = ConfigDict(frozen=True)

    name: str | None
    phone: str | None
    extension: str | None = Field(description="to be dialled once the number has answered")
    unread_contact: str | None = Field(description="what the citizen wrote where no number could be read")


class ReadingView(BaseModel):
    """Somebody looked at a citizen's contact."""

    model_config = ConfigDict(frozen=True)

    reading_id: int
    case_id: UUID
    person: str = Field(description="the subject of their token")
    role: str
    unit: str | None
    purpose: str
    read_at: datetime


def view(case_id: UUID, version: int, state: Followup) -> FollowupView:
    """A follow-up as a row of a list, and as the answer to a command."""
    return FollowupView(
        case_id=case_id,
        number=state.number,
        state=state.stage,
        unit=state.unit,
        family=state.family,
        channel=state.channel,
        desk_reason=state.desk_reason,
        opted_out=state.opted_out,
        round=state.round,
        due=state.due,
        answers=[AnswerView(**answer.model_dump()) for answer in state.answers],
        settlement=state.settlement,
        settled_at=state.settled_at,
        version=version,
    )
