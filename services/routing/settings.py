"""Routing's own settings, beside those that every service has."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from shared.settings import Settings

DEFAULT_ORGANISATION = Path(__file__).parents[2] / "deploy" / "organisation.yaml"


class RoutingSettings(Settings):
    """`MINSHENG_ORGANISATION_FILE` names the bureau that routing works for."""

    organisation_file: Path = Field(
        default=DEFAULT_ORGANISATION, description="districts, units, officers, calendars, deadlines and taxonomy"
    )
    idempotency_hours: int = Field(
        default=48, ge=1, le=720, description="how long the first answer to an Idempotency-Key is kept"
    )
