"""Reads the city: channels and organisation from the deployment's files, its people's words from the simulator's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.simulator.domain.city import FAMILY_WEIGHTS, City, District, Family, Unit
from services.simulator.domain.matters import Script
from shared.events.words import CategoryCode, ChannelFamily, DistrictCode, OfficerId, UnitCode

_TEXTS = Path(__file__).parent / "texts"

M = TypeVar("M", bound=BaseModel)


class CityError(ValueError):
    """A file of the city can't be read. The message names the file, the place in it, and what is wrong."""


class _Family(BaseModel):
    code: ChannelFamily
    channels: int = Field(ge=1, le=9_999)
    weight: float | None = Field(default=None, ge=0)


class _Channels(BaseModel):
    families: list[_Family] = Field(min_length=1)


class _CityName(BaseModel):
    timezone: str = "Asia/Shanghai"


class _District(BaseModel):
    code: DistrictCode
    name: str
    aliases: list[str] = []
    area: tuple[float, float, float, float] | None = None
    fallback: bool = False


class _Unit(BaseModel):
    code: UnitCode
    name: str
    officers: list[OfficerId] = []


class _Category(BaseModel):
    code: CategoryCode


class _Organisation(BaseModel):
    # The organisation says more than the simulation has to know.
    model_config = ConfigDict(extra="ignore")

    city: _CityName = _CityName()
    districts: list[_District] = Field(min_length=1)
    units: list[_Unit] = Field(min_length=1)
    categories: list[_Category] = []


def load_city(channels_file: Path, organisation_file: Path) -> City:
    """The city that a deployment's registries describe. Raises `CityError`."""
    channels = _read(_Channels, channels_file, "MINSHENG_CHANNELS_FILE")
    organisation = _read(_Organisation, organisation_file, "MINSHENG_ORGANISATION_FILE")
    # Nobody lives in the fallback; a city of one district has nothing else.
    inhabited = [district for district in organisation.districts if not district.fallback] or organisation.districts
    return City(
        families=tuple(
            Family(
                family.code,
                tuple(f"{family.code}-{number:04d}" for number in range(1, family.channels + 1)),
                FAMILY_WEIGHTS.get(family.code, 1.0) if family.weight is None else family.weight,
            )
            for family in channels.families
        ),
        districts=tuple(District(one.code, one.name, tuple(one.aliases), one.area) for one in inhabited),
        units=tuple(Unit(unit.code, unit.name, tuple(unit.officers)) for unit in organisation.units),
        categories=frozenset(category.code for category in organisation.categories),
        timezone=organisation.city.timezone,
    )


def load_script() -> Script:
    """The words of the city's people. Raises `CityError`."""
    replies = _yaml(_TEXTS / "replies.yaml")
    unclear = replies.pop("unclear", ())
    return _valid(
        Script,
        {
            "phrases": _yaml(_TEXTS / "phrases.yaml"),
            "matters": _yaml(_TEXTS / "matters.yaml"),
            "urgent": _yaml(_TEXTS / "urgent.yaml"),
            "replies": {"levels": replies, "unclear": unclear},
            "officers": _yaml(_TEXTS / "officers.yaml"),
        },
        _TEXTS,
    )


def _read(model: type[M], path: Path, variable: str) -> M:
    try:
        content = _yaml(path)
    except OSError as error:
        raise CityError(f"{path} can't be read ({error.strerror}). Name the file in {variable}.") from None
    return _valid(model, content, path)


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CityError(f"{path} is not YAML: {error}") from None


def _valid(model: type[M], content: Any, path: Path) -> M:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its top"
        raise CityError(f"{path} is wrong at {place}: {first['msg']}.") from None
