"""How the columns of a file become the form of a request. Mappings are data: YAML, some of them beside this module."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Columns
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

PRESETS = Path(__file__).parent / "mappings"
DEFAULT_TIMEZONE = "Asia/Shanghai"
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

Target: TypeAlias = Literal[
    "channel",
    "channel_request_id",
    "submitted_at",
    "kind",
    "category",
    "district",
    "subject",
    "body",
    "place",
    "latitude",
    "longitude",
    "name",
    "phone",
    "identity",
]
_REQUESTER: tuple[Target, ...] = ("name", "phone", "identity")
_PLAIN: tuple[Target, ...] = (
    "channel",
    "channel_request_id",
    "kind",
    "category",
    "district",
    "subject",
    "body",
    "place",
)


class MappingError(ValueError):
    """A mapping can't be used. The message names it, the place in it, and what to do."""


class RowError(ValueError):
    """A row can't become a request. The message says why, for the report, and shows no value of the row."""


class Source(BaseModel):
    """Where a member of the form comes from: one column, or a template over several."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str | None = None
    template: str | None = Field(default=None, description="`{column}` is replaced by that column's text")
    table: dict[str, str] | None = Field(default=None, description="the member by the column's text")
    otherwise: str | None = Field(default=None, description="for texts that are not in the table")
    drop: tuple[str, ...] = Field(default=(), description="texts that mean 'nothing'")

    @model_validator(mode="after")
    def _one_origin(self) -> Source:
        if (self.column is None) == (self.template is None):
            raise ValueError("give either column or template")
        if self.otherwise is not None and self.table is None:
            raise ValueError("otherwise goes with a table")
        return self

    @property
    def columns(self) -> frozenset[str]:
        """The columns it reads."""
        return frozenset([self.column] if self.column else _PLACEHOLDER.findall(self.template or ""))

    def read(self, row: Columns[str, Any]) -> str | None:
        """The member's text in this row, or None where the row has nothing. Raises `RowError`."""
        if self.column is not None:
            text = _text(row, self.column)
        else:
            assert self.template is not None
            text = _PLACEHOLDER.sub(lambda found: _text(row, found[1]).strip(), self.template)
        stripped = text.strip()
        if not stripped or stripped in self.drop:
            return None
        if self.table is None:
            return text
        found = self.table.get(stripped, self.otherwise)
        if found is None:
            raise RowError(f"the mapping's table has no entry for the value of {self.column or 'the template'}")
        return found


class RowMapping(BaseModel):
    """One way to read rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str = ""
    timezone: str | None = Field(default=None, description="of times without an offset")
    times: tuple[str, ...] = Field(default=(), description="strptime forms that are tried after ISO 8601")
    recognise: frozenset[str] = Field(default=frozenset(), description="`auto` takes it where all these columns are")
    fields: dict[Target, Source]

    @model_validator(mode="after")
    def _has_what_a_request_needs(self) -> RowMapping:
        missing = {"channel_request_id", "body"} - set(self.fields)
        if missing:
            raise ValueError(f"fields lacks {', '.join(sorted(missing))}")
        if ("latitude" in self.fields) != ("longitude" in self.fields):
            raise ValueError("latitude and longitude go together")
        if self.timezone is not None:
            zone(self.timezone)
        return self

    def form(self, row: Columns[str, Any], *, channel: str | None, timezone: ZoneInfo) -> dict[str, Any]:
        """The request of a row, as it is posted; `channel` wins over the mapping's. Raises `RowError`."""
        texts = {target: source.read(row) for target, source in self.fields.items()}
        form: dict[str, Any] = {target: texts[target] for target in _PLAIN if texts.get(target) is not None}
        if channel is not None:
            form["channel"] = channel
        if "channel" not in form:
            raise RowError("no channel: give one with --channel, or let the mapping name one")
        # An id is opaque to the platform, and a text editor's blanks around it are not part of it.
        form["channel_request_id"] = form.get("channel_request_id", "").strip()
        if not form["channel_request_id"]:
            raise RowError("the row has no id of its own")
        if not form.get("body"):
            raise RowError("the row has no text to become the body")
        submitted = texts.get("submitted_at")
        if submitted is not None:
            form["submitted_at"] = self._time(submitted.strip(), timezone).isoformat()
        latitude, longitude = texts.get("latitude"), texts.get("longitude")
        if latitude is not None and longitude is not None:
            form["location"] = {"latitude": _degrees(latitude), "longitude": _degrees(longitude)}
        requester = {target: texts[target] for target in _REQUESTER if texts.get(target) is not None}
        if requester:
            form["requester"] = requester
        return form

    def _time(self, text: str, timezone: ZoneInfo) -> datetime:
        moment: datetime | None = None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            for form in self.times:
                try:
                    moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone is put in below
                    break
                except ValueError:
                    continue
        if moment is None:
            raise RowError("the time is neither ISO 8601 nor in one of the mapping's forms")
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone)


def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises `ValueError`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone such as {DEFAULT_TIMEZONE}") from None


def load(path: Path) -> RowMapping:
    """Read a mapping file. Raises `MappingError`."""
    try:
        return RowMapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise MappingError(
            f"The mapping {path} can't be read ({error.strerror}). Give auto, {', '.join(sorted(presets()))}, "
            "or the path of a YAML file."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MappingError(f"The mapping {path} is not YAML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise MappingError(f"The mapping {path} is wrong at {place}: {first['msg']}.") from None


def presets() -> dict[str, RowMapping]:
    """The mappings that come with the platform, by name."""
    return {path.stem: load(path) for path in sorted(PRESETS.glob("*.yaml"))}


def choose(asked: str, columns: Iterable[str]) -> RowMapping:
    """The mapping that was asked for: a preset's name, a file's path, or `auto` by the columns that are there.

    Raises `MappingError`.
    """
    known = presets()
    if asked in known:
        return known[asked]
    if asked != "auto":
        return load(Path(asked))
    there = set(columns)
    fitting = [mapping for mapping in known.values() if mapping.recognise and mapping.recognise <= there]
    if not fitting:
        raise MappingError(
            f"No mapping fits the columns {', '.join(sorted(there)[:30])}. Name one of {', '.join(sorted(known))} with "
            f"--mapping, or write a mapping file: {PRESETS / 'messages.yaml'} is a short example."
        )
    return max(fitting, key=lambda mapping: len(mapping.recognise))


def _text(row: Columns[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RowError(f"the column {column} holds neither text nor number")
    return str(value)


def _degrees(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RowError("latitude or longitude is not a number") from None
