"""The channel registry: which sources of requests there are. Read once at start from a file of the deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.intake.domain.datum import DEFAULT as DEFAULT_DATUM
from services.intake.domain.datum import Datum
from shared.events.words import ChannelFamily

DEFAULT_FILE = Path(__file__).parents[3] / "deploy" / "channels.yaml"
_DIGITS = 4


class RegistryError(ValueError):
    """The registry can't be read. The message names the file, the place in it, and what is wrong."""


class Channel(BaseModel):
    """One source of requests."""

    model_config = ConfigDict(frozen=True)

    id: str
    family: str
    name: str


class Family(BaseModel):
    """Sources of one kind; its channels are numbered from 1. `datum` is that of points whose form names none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: ChannelFamily
    name: str = Field(min_length=1)
    channels: int = Field(ge=1, lt=10**_DIGITS)
    datum: Datum = DEFAULT_DATUM
    names: dict[int, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_are_of_channels(self) -> Family:
        strangers = [number for number in self.names if not 1 <= number <= self.channels]
        if strangers:
            raise ValueError(f"names has the number {strangers[0]}, and the channels are 1 to {self.channels}")
        return self

    def members(self) -> Iterator[Channel]:
        """The family's channels in the order of their numbers."""
        for number in range(1, self.channels + 1):
            digits = f"{number:0{_DIGITS}d}"
            yield Channel(
                id=f"{self.code}-{digits}", family=self.code, name=self.names.get(number, f"{self.name} {digits}")
            )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    families: list[Family] = Field(min_length=1)

    @model_validator(mode="after")
    def _codes_are_unique(self) -> _File:
        codes = [family.code for family in self.families]
        twice = {code for code in codes if codes.count(code) > 1}
        if twice:
            raise ValueError(f"the family {min(twice)} is there twice")
        return self


class ChannelRegistry:
    """All channels by id, and their families in the order of the file."""

    def __init__(self, families: list[Family]) -> None:
        self.families = tuple(families)
        self._datums: Mapping[str, Datum] = {family.code: family.datum for family in families}
        self.channels: Mapping[str, Channel] = {
            channel.id: channel for family in families for channel in family.members()
        }

    @classmethod
    def load(cls, path: Path = DEFAULT_FILE) -> ChannelRegistry:
        """Read a registry file; raises `RegistryError`."""
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RegistryError(
                f"The channel registry {path} can't be read ({error.strerror}). "
                "Name the file in MINSHENG_CHANNELS_FILE; deploy/channels.yaml is an example."
            ) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise RegistryError(f"The channel registry {path} is not YAML: {error}") from None
        try:
            return cls(_File.model_validate(content).families)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the file"
            raise RegistryError(f"The channel registry {path} is wrong at {place}: {first['msg']}.") from None

    def get(self, channel: str) -> Channel | None:
        """The channel of an id, or None."""
        return self.channels.get(channel)

    def datum_of(self, channel: Channel) -> Datum:
        """What a channel's points are measured against, where they don't say so themselves."""
        return self._datums[channel.family]

    def __len__(self) -> int:
        return len(self.channels)
