"""What can be set for intake alone, beside the settings of every service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.intake.channels.registry import DEFAULT_FILE
from services.intake.screening import rules
from shared.settings import Settings


class IntakeSettings(Settings):
    """Settings of intake."""

    channels_file: Path = Field(default=DEFAULT_FILE, description="the channel registry")
    urgency_file: Path = Field(default=rules.DEFAULT_FILE, description="the rules that flag requests for 110")
    urgency_verdict_days: int = Field(
        default=730, ge=1, description="how long verdicts on flags are kept, with the sealed words, to train with"
    )
    intake_queue: int = Field(
        default=4_000, ge=1, description="requests that may wait for the database before callers get 503"
    )
    intake_group: int = Field(default=500, ge=1, le=5_000, description="requests stored by one transaction at most")
