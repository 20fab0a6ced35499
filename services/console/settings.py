"""The console's own settings, beside those that all services share."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from shared.settings import Settings

WATCHED = ("intake", "routing", "followup", "analytics")
"""The services whose readiness the page shows, in the order of a request's way."""


class ConsoleSettings(BaseSettings):
    """Where the other services are, and the limits of the page; each field is `MINSHENG_<FIELD>`."""

    model_config = Settings.model_config

    intake_url: str | None = Field(default=None, description="intake's address; its port on 127.0.0.1 by default")
    routing_url: str | None = Field(default=None, description="routing's address")
    followup_url: str | None = Field(default=None, description="follow-up's address")
    analytics_url: str | None = Field(default=None, description="analytics' address")
    console_https: bool = Field(
        default=False, description="staff reach the console through HTTPS: the session cookie is marked Secure"
    )
    console_refresh_seconds: float = Field(default=2.0, ge=0.2, le=60, description="time between two readings")
    console_viewers: int = Field(default=500, ge=1, le=10_000, description="pages open at once in one process")

    def url_of(self, service: str, settings: Settings) -> str:
        """The base address of a service, without a slash at its end."""
        own: str | None = getattr(self, f"{service}_url")
        return (own or f"http://127.0.0.1:{settings.port_of(service)}").rstrip("/")
