"""Reading the organisation's file: what is wrong in it is told with its line, and what to write instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from services.routing.domain.lexicon import MIN_WORD
from services.routing.domain.organisation import (
    Area,
    Bureau,
    Deadline,
    Deadlines,
    District,
    OrganisationError,
    Unit,
)
from services.routing.domain.taxonomy import Category, Taxonomy
from shared.events.words import CategoryCode, DistrictCode, Grade, OfficerId, RequestKind, UnitCode
from shared.folding import fold_words
from shared.worktime import ChineseDays, WorkingCalendar, YearDays, chinese_calendar, week_of

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def _findable(word: str) -> str:
    if len(fold_words(word)) < MIN_WORD:
        raise ValueError(f"a word that is looked for has at least {MIN_WORD} visible characters; write a longer one")
    return word


Word = Annotated[str, StringConstraints(min_length=MIN_WORD, max_length=64), AfterValidator(_findable)]
Minutes = Annotated[int, Field(ge=1, le=100_000)]
Degrees = tuple[
    Annotated[float, Field(ge=-90, le=90)],
    Annotated[float, Field(ge=-180, le=180)],
    Annotated[float, Field(ge=-90, le=90)],
    Annotated[float, Field(ge=-180, le=180)],
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _City(_Part):
    code: DistrictCode
    name: Name
    timezone: str

    @field_validator("timezone")
    @classmethod
    def _known(cls, timezone: str) -> str:
        if timezone not in available_timezones():
            raise ValueError(f"no time zone {timezone!r}; write one such as Asia/Shanghai")
        return timezone


class _District(_Part):
    code: DistrictCode
    name: Word
    aliases: tuple[Word, ...] = ()
    area: Degrees | None = None
    fallback: bool = False


class _Calendar(_Part):
    code: UnitCode
    holidays: Literal["china", "none"]
    days: dict[str, tuple[str, ...]]

    @field_validator("days")
    @classmethod
    def _readable(cls, days: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        week_of(days)
        return days


class _Announced(_Part):
    holidays: frozenset[date]
    workdays: frozenset[date] = frozenset()


class _Deadline(_Part):
    contact: Minutes
    resolution: Minutes


class _Deadlines(_Part):
    ordinary: _Deadline
    major: _Deadline
    complex: _Deadline
    urgent: _Deadline
    rectification: Minutes


class _Unit(_Part):
    code: UnitCode
    name: Name
    district: DistrictCode | None = None
    default: bool = False
    calendar: UnitCode
    categories: tuple[CategoryCode, ...]
    officers: tuple[OfficerId, ...]


class _Category(_Part):
    code: CategoryCode
    name: Name
    default: bool = False
    strong: tuple[Word, ...] = ()
    words: tuple[Word, ...] = ()


class _Kinds(_Part):
    default: RequestKind
    words: dict[RequestKind, tuple[Word, ...]]


class _File(_Part):
    city: _City
    districts: tuple[_District, ...]
    calendars: tuple[_Calendar, ...]
    announced: dict[int, _Announced] = {}
    deadlines: _Deadlines
    units: tuple[_Unit, ...]
    categories: tuple[_Category, ...]
    ignored: tuple[Word, ...] = ()
    kinds: _Kinds
    major: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _one_of_each(self) -> _File:
        for part, flagged, flag in (
            ("districts", [d.code for d in self.districts if d.fallback], "fallback: true"),
            ("categories", [c.code for c in self.categories if c.default], "default: true"),
        ):
            if len(flagged) != 1:
                raise ValueError(f"exactly one of the {part} needs `{flag}`, here {', '.join(flagged) or 'none'}")
        return self


Path_ = tuple[str | int, ...]


def load_bureau(path: Path, *, timezone: str | None = None) -> Bureau:
    """The organisation of the file `path`. Raises `OrganisationError`, with lines and remedies.

    `timezone` is that of the deployment: a file that names another is refused.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise OrganisationError(
            f"There is no organisation file {path}. Set MINSHENG_ORGANISATION_FILE, see deploy/organisation.yaml."
        ) from None
    return parse_bureau(text, path.name, timezone=timezone)


def parse_bureau(text: str, name: str = "organisation.yaml", *, timezone: str | None = None) -> Bureau:
    """The organisation that `text` describes; `name` is how errors call it. Otherwise as `load_bureau`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise OrganisationError(f"{name}, line {line}: {error.problem or 'no YAML'}. Correct the YAML there.") from None
    if not isinstance(content, dict):
        raise OrganisationError(f"{name}, line 1: the file needs the parts {', '.join(_File.model_fields)}.")
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        told = [_line(root, one["loc"], name, one["msg"]) for one in error.errors(include_url=False)]
        raise OrganisationError("\n".join(told)) from None
    wrong = [_line(root, place, name, message) for place, message in _contradictions(file)]
    if timezone is not None and file.city.timezone != timezone:
        other = f"MINSHENG_TIMEZONE is {timezone}, and the other services keep to it; write the same zone in both"
        wrong.append(_line(root, ("city", "timezone"), name, other))
    if wrong:
        raise OrganisationError("\n".join(wrong))
    try:
        return _build(file)
    except OrganisationError as error:
        raise OrganisationError(f"{name}: {error}") from None


def _line(root: Any, place: Sequence[str | int], name: str, message: str) -> str:
    """The message with the line of the deepest part of `place` that the file has."""
    node, line, path = root, 0, []
    for step in place:
        path.append(str(step))
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    where = ".".join(path)
    return (
        f"{name}, line {line + 1}{f' ({where})' if where else ''}: {message.removeprefix('Value error, ').rstrip('.')}."
    )


def _contradictions(file: _File) -> Iterator[tuple[Path_, str]]:
    """What each part alone can't know: codes that are there twice, and references to what isn't there."""
    for part in ("districts", "calendars", "units", "categories"):
        yield from _repeated((part, i, "code", item.code) for i, item in enumerate(getattr(file, part)))
    names = [
        (i, n) for i, d in enumerate(file.districts) for n in {fold_words(n): n for n in (d.name, *d.aliases)}.values()
    ]
    yield from _repeated(("districts", i, "aliases", n) for i, n in names)
    yield from _repeated(("units", i, "officers", o) for i, u in enumerate(file.units) for o in u.officers)
    districts = {district.code for district in file.districts}
    calendars = {calendar.code for calendar in file.calendars}
    categories = {category.code for category in file.categories}
    for place, unit in enumerate(file.units):
        if unit.district is not None and unit.district not in districts:
            yield ("units", place, "district"), f"no district {unit.district!r}; there are {_all(districts)}"
        if unit.calendar not in calendars:
            yield ("units", place, "calendar"), f"no calendar {unit.calendar!r}; there are {_all(calendars)}"
        for nth, code in enumerate(unit.categories):
            if code not in categories:
                yield ("units", place, "categories", nth), f"no category {code!r}; add it to `categories` or correct it"
    for place, district in enumerate(file.districts):
        if district.area is not None and not (
            district.area[0] < district.area[2] and district.area[1] < district.area[3]
        ):
            yield ("districts", place, "area"), "write south, west, north, east: south below north, west below east"


def _repeated(uses: Iterable[tuple[str, int, str, str]]) -> Iterator[tuple[Path_, str]]:
    seen: Counter[str] = Counter()
    for part, place, field, value in uses:
        # As they are matched: two spellings of one name can't belong to two districts.
        folded = fold_words(value)
        seen[folded] += 1
        if seen[folded] == 2:
            yield (part, place, field), f"{value!r} is there already in {part}; each may stand once"


def _all(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes))


def _build(file: _File) -> Bureau:
    days = ChineseDays({year: YearDays(found.holidays, found.workdays) for year, found in file.announced.items()})
    calendars = {part.code: _working_calendar(part, file.city.timezone, days) for part in file.calendars}
    districts = [
        District(d.code, d.name, tuple(dict.fromkeys((d.name, *d.aliases))), Area(*d.area) if d.area else None)
        for d in file.districts
    ]
    deadlines = Deadlines(
        by_grade={grade: Deadline(*_pair(getattr(file.deadlines, grade.value))) for grade in Grade},
        urgent=Deadline(*_pair(file.deadlines.urgent)),
        rectification=file.deadlines.rectification,
    )
    taxonomy = Taxonomy(
        [Category(c.code, c.name, c.strong, c.words) for c in file.categories],
        default_category=next(c.code for c in file.categories if c.default),
        kinds=file.kinds.words,
        default_kind=file.kinds.default,
        major=file.major,
        district_names={name: d.code for d in districts for name in d.names},
        ignored=file.ignored,
    )
    units = [
        Unit(u.code, u.name, u.district, u.categories, u.officers, calendars[u.calendar], u.default) for u in file.units
    ]
    return Bureau(
        name=file.city.name,
        districts=districts,
        fallback_district=next(d.code for d in file.districts if d.fallback),
        units=units,
        deadlines=deadlines,
        taxonomy=taxonomy,
    )


def _working_calendar(part: _Calendar, timezone: str, days: ChineseDays) -> WorkingCalendar:
    week = week_of(part.days)
    return (
        chinese_calendar(week, days=days, timezone=timezone)
        if part.holidays == "china"
        else WorkingCalendar(timezone, week)
    )


def _pair(deadline: _Deadline) -> tuple[int, int]:
    return deadline.contact, deadline.resolution
