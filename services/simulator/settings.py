"""The simulator's own settings, beside those that every service has."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from shared.settings import Port, Settings

_DEPLOY = Path(__file__).parents[2] / "deploy"


class SimulatorSettings(Settings):
    """Which city is played, and by what the carrier knows follow-up; each field is `MINSHENG_<FIELD>`."""

    channels_file: Path = Field(default=_DEPLOY / "channels.yaml", description="the channel registry")
    organisation_file: Path = Field(default=_DEPLOY / "organisation.yaml", description="districts, units, officers")
    simulator_port: Port = 8005
    sms_gateway_token: SecretStr | None = Field(
        default=None, description="the token by which follow-up is known to the carrier; the same for both"
    )
