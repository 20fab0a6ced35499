"""Settings of analytics alone; the others are those of every service."""

from __future__ import annotations

from pydantic import Field

from shared.settings import Settings


class AnalyticsSettings(Settings):
    """`MINSHENG_*` variables that only analytics reads."""

    analytics_days: int = Field(default=400, ge=1, le=4_000, description="most days that one question may span")
    analytics_rows: int = Field(default=10_000, ge=1, le=100_000, description="most rows of one answer")
    analytics_live: bool = Field(default=True, description="count the live rate in this process")
