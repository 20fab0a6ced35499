"""What can be set for intake alone, beside the settings of every service."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from services.intake.channels.registry import DEFAULT_FILE
from shared.settings import Settings


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a name of the IANA time zone database, such as Asia/Shanghai") from None
    return name


class IntakeSettings(Settings):
    """Settings of intake."""

    channels_file: Path = Field(default=DEFAULT_FILE, description="the channel registry")
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="Asia/Shanghai", description="the bureau's time zone: case numbers begin with its date"
    )
    intake_queue: int = Field(
        default=4_000, ge=1, description="requests that may wait for the database before callers get 503"
    )
    intake_group: int = Field(default=500, ge=1, le=5_000, description="requests stored by one transaction at most")

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.timezone)
