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

from services.importer import words
from services.importer.rows import Number
from shared.settings import DEFAULT_TIMEZONE

PRESETS = Path(__file__).parent / "mappings"
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_AROUND = " \t\r\n\v\f\u00a0\u3000\ufeff\u200b\u2060"
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_SHORTENED = re.compile(r"-?[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]+")
"""As spreadsheets show a long number: 2.0241124E+22."""
_DECIMAL = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]*)?(?:[Ee][+-]?[0-9]{1,2})?")

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
MEMBERS: dict[Target, str] = {
    "channel": "the channel's id, where --channel doesn't give one for all rows",
    "channel_request_id": "the row's own id, unique in its channel; needed",
    "submitted_at": "when the citizen sent it; default: now",
    "kind": "enquiry, help, complaint, report, suggestion, commendation or service",
    "category": "a hint of what it is about, in any words",
    "district": "a hint of where, a district's name or code",
    "subject": "a headline",
    "body": "the citizen's words; needed",
    "place": "an address in words",
    "latitude": "in degrees of the mapping's datum, WGS 84 unless it names one; with longitude",
    "longitude": "in degrees of the mapping's datum, WGS 84 unless it names one; with latitude",
    "name": "the citizen's name",
    "phone": "the citizen's phone number",
    "identity": "the number of the citizen's identity card",
}
"""What a mapping can fill, with its meaning."""
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
    optional: bool = Field(default=False, description="the file may have no such column")

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

    @property
    def origin(self) -> str:
        """For people: the column or template, and what else is to be known of it."""
        told = self.column or repr(self.template)
        if self.table is not None:
            told += f", by a table of {len(self.table)}"
        return told + (", where there is one" if self.optional else "")

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
    datum: Literal["wgs84", "gcj02", "bd09"] = Field(default="wgs84", description="of latitude and longitude")
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

    @property
    def needed(self) -> frozenset[str]:
        """The columns that a file must have."""
        return frozenset().union(*(source.columns for source in self.fields.values() if not source.optional))

    def channel_of(self, row: Columns[str, Any], channel: str | None) -> str | None:
        """The channel of a row where the mapping or `channel` decides it; None where the row itself names it."""
        if channel is not None:
            return channel
        source = self.fields.get("channel")
        return None if source is None or source.table is None else source.read(row)

    def channel_in(self, row: Columns[str, Any]) -> str:
        """The channel that a row names; empty where it names none. Raises `RowError`."""
        source = self.fields.get("channel")
        return (source.read(row) or "") if source is not None else ""

    def id_of(self, row: Columns[str, Any]) -> str:
        """The id of a row's request. Raises `RowError`."""
        source = self.fields["channel_request_id"]
        _check_id(row, source)
        # An id is opaque to the platform, and a text editor's blanks around it are not part of it.
        found = (source.read(row) or "").strip(_AROUND)
        if not found:
            raise RowError("the row has no id of its own")
        return found

    def form(self, row: Columns[str, Any], *, channel: str | None, timezone: ZoneInfo) -> dict[str, Any]:
        """The request of a row, as it is posted; `channel` wins over the mapping's. Raises `RowError`."""
        texts = {target: source.read(row) for target, source in self.fields.items()}
        form: dict[str, Any] = {target: texts[target] for target in _PLAIN if texts.get(target) is not None}
        if channel is not None:
            form["channel"] = channel
        if "channel" not in form:
            raise RowError("no channel: give one with --channel, or let the mapping name one")
        form["channel_request_id"] = self.id_of(row)
        if not form.get("body"):
            raise RowError("the row has no text to become the body")
        submitted = texts.get("submitted_at")
        if submitted is not None:
            form["submitted_at"] = self._time(submitted.strip(), timezone).isoformat()
        latitude, longitude = texts.get("latitude"), texts.get("longitude")
        if latitude is not None and longitude is not None:
            # Said in so many words: a channel's own maps may be shifted, and a file's degrees are not for that.
            degrees = {"latitude": _degrees(latitude), "longitude": _degrees(longitude)}
            form["location"] = {**degrees, "datum": self.datum}
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
        raise ValueError(words.NO_ZONE.of(name=name, example=DEFAULT_TIMEZONE)) from None


def load(path: Path) -> RowMapping:
    """Read a mapping file. Raises `MappingError`."""
    try:
        return RowMapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise MappingError(
            words.MAPPING_NOT_READ.of(path=path, reason=error.strerror, known=", ".join(sorted(presets())))
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MappingError(words.MAPPING_NOT_YAML.of(path=path, reason=error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise MappingError(words.MAPPING_WRONG.of(path=path, place=place, reason=first["msg"])) from None


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
            words.NO_MAPPING.of(
                columns=", ".join(sorted(there)[:30]),
                known=", ".join(sorted(known)),
                example=PRESETS / "messages.yaml",
            )
        )
    return max(fitting, key=lambda mapping: len(mapping.recognise))


def _text(row: Columns[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RowError(f"the column {column} holds neither text nor number")
    return str(value)


def _check_id(row: Columns[str, Any], source: Source) -> None:
    """Refuse ids that were numbers and lost digits on their way. Raises `RowError`."""
    for column in source.columns:
        value = row.get(column)
        if isinstance(value, Number | int | float) and not isinstance(value, bool):
            if not _INTEGER.fullmatch(str(value)):
                raise RowError(
                    f"the id in {column} is no whole number as JSON writes one, and may have lost digits: write ids as "
                    "texts"
                )
        elif isinstance(value, str) and _SHORTENED.fullmatch(value.strip()):
            raise RowError(
                f"the id in {column} is a number that a spreadsheet has shortened, its digits are lost: format the "
                "column as text and write the file again"
            )


def _degrees(text: str) -> float:
    if not _DECIMAL.fullmatch(text.strip()):
        raise RowError("latitude or longitude is not a number")
    return float(text)
