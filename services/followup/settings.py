"""What only follow-up needs to know, each setting a variable `MINSHENG_<FIELD>`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr

from services.followup.domain.state import Policy
from shared.settings import Settings


class FollowupSettings(Settings):
    """Waiting times are in elapsed hours or days; fractions are allowed."""

    sms_gateway_url: str = Field(
        default="http://127.0.0.1:8005/carrier", pattern=r"^https?://", description="the SMS gateway's address"
    )
    sms_gateway_token: SecretStr | None = Field(default=None, description="bearer token that the SMS gateway asks for")
    sms_gateway_timeout: float = Field(default=10.0, gt=0, le=60, description="seconds to wait for the gateway")
    sms_batch: int = Field(default=100, ge=1, le=1000, description="messages in one call to the gateway")
    sms_lease_seconds: float = Field(
        default=60.0,
        ge=2,
        le=3600,
        description="how long a worker keeps messages to itself; it hands over in half of it",
    )
    sms_poll_seconds: float = Field(default=0.25, gt=0, le=60, description="how often due messages are looked for")
    bureau_name: str = Field(default="民安市公安局", min_length=1, max_length=20, description="who signs messages")

    survey_answer_hours: float = Field(default=72.0, gt=0, description="from a survey to giving up on an answer")
    survey_reminder_hours: float = Field(
        default=24.0, ge=0, description="before the answer's end, when one reminder goes out; 0: no reminder"
    )
    survey_phone_desk_hours: float = Field(default=168.0, gt=0, description="from a failed message to giving up")
    survey_late_days: float = Field(default=30.0, ge=0, description="how long a late answer still counts")
    survey_keep_days: float = Field(
        default=90.0, ge=60, description="how long messages and replies are kept, with sealed contacts and texts"
    )

    idempotency_hours: int = Field(
        default=48, ge=1, le=720, description="how long the first answer to an Idempotency-Key is kept"
    )

    @property
    def policy(self) -> Policy:
        """The waiting times as decisions take them."""
        return Policy(
            answer=timedelta(hours=self.survey_answer_hours),
            phone_desk=timedelta(hours=self.survey_phone_desk_hours),
            late=timedelta(days=self.survey_late_days),
        )

    @property
    def reminder(self) -> timedelta | None:
        """How long before the end of the time to answer a reminder goes out, or None for no reminder."""
        return timedelta(hours=self.survey_reminder_hours) or None
