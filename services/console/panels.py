"""Renders a snapshot into the parts of the page: HTML by part name, and the points of the live chart.

One snapshot is rendered once for each language, however many pages show it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.console.domain import figures, names
from services.console.domain.language import Language, say
from services.console.domain.platform import ServiceHealth
from services.console.domain.reading import DENIALS, Freshness, Reading
from services.console.domain.snapshot import Snapshot

PARTS = (
    *("status", "services", "banner", "tiles"),
    *("minutes-head", "minutes-over", "states-head", "states", "units-head", "units"),
    *("groups-head", "groups", "events-head", "events"),
)
"""The names of all parts, each the HTML of one element."""

_TEMPLATES = Path(__file__).parent / "templates"
_CACHED = 64


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows: `parts` by name, and the live chart's minutes with their requests, None where not counted."""

    parts: Mapping[str, str]
    minutes: tuple[str, ...]
    requests: tuple[int | None, ...]


def environment() -> Environment:
    """Templates with escaping always on, where a name that is not there is an error."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["count"] = _count
    made.filters["share"] = _share
    return made


class Panels:
    """Renders snapshots; keeps the last few views."""

    def __init__(self) -> None:
        self._environment = environment()
        self._views: OrderedDict[tuple[int, Language], tuple[Snapshot, View]] = OrderedDict()

    def render(self, snapshot: Snapshot, language: Language) -> View:
        """The view of a snapshot in a language."""
        key = (id(snapshot), language)
        kept = self._views.get(key)
        # The snapshot is kept along, so that no other can have its identity meanwhile.
        if kept is not None:
            return kept[1]
        view = self._render(snapshot, language)
        self._views[key] = (snapshot, view)
        if len(self._views) > _CACHED:
            self._views.popitem(last=False)
        return view

    def _render(self, snapshot: Snapshot, language: Language) -> View:
        context = _context(snapshot, language)
        parts = {name: self._environment.get_template(f"{name}.html").render(context).strip() for name in PARTS}
        live = snapshot.live.value
        now = snapshot.taken_at
        points = figures.last_minutes(
            live.per_minute if live else (), now, figures.counted_from(live, now), snapshot.live.at
        )
        return View(
            parts=parts,
            minutes=tuple(minute.strftime("%H:%M") for minute, _ in points),
            requests=tuple(requests for _, requests in points),
        )


def _context(snapshot: Snapshot, language: Language) -> dict[str, Any]:
    now = snapshot.taken_at
    families, units, states = snapshot.families.value, snapshot.units.value, snapshot.open.value
    live = snapshot.live.value
    registry = snapshot.names
    since = figures.counted_from(live, now)
    ours, theirs = figures.standing(states or ())
    return {
        "t": partial(say, language),
        "language": language,
        "chinese": language is Language.CHINESE,
        "snapshot": snapshot,
        "district": lambda code: registry.district(code, language),
        "unit_name": lambda code: registry.unit(code, language),
        "category": lambda code: registry.category(code, language),
        "family": lambda code: registry.family(code, language),
        "date": _date(now, language),
        "kind": lambda code: names.kind(code, language),
        "state_name": lambda code: names.state(code, language),
        "denials": DENIALS,
        "state_of": lambda reading: _state(reading, now),
        "clock": lambda at: _clock(at, now),
        "as_of": _clock(snapshot.oldest, now) if snapshot.oldest else None,
        "in_trouble": tuple(health for health in snapshot.services if health.in_trouble),
        "service_name": lambda health: _service_name(health, language),
        "today": figures.total(families or ()),
        "answered": figures.answers(snapshot.satisfaction.value or ()),
        "share_of": figures.share,
        "open_total": ours + theirs,
        "in_hand": ours,
        "waiting": theirs,
        "reopened": sum(row.cases for row in states or () if row.state == "reopened"),
        "states": figures.bars(((row.state, row.cases) for row in states or ()), names.STATE_ORDER),
        "units": figures.ranking(units or ()),
        "few_answers": figures.FEW_ANSWERS,
        "low_rate": figures.LOW_RATE,
        "good_rate": figures.GOOD_RATE,
        "districts": figures.bars(
            ((row.district, row.received) for row in snapshot.districts.value or ()),
            tuple(registry.districts),
            registry.undetermined,
        ),
        "families": figures.bars(((row.family, row.received) for row in families or ()), tuple(registry.families)),
        "happenings": snapshot.recent.value or (),
        "live": live,
        "counted_since": since.strftime("%H:%M") if since else None,
        "any_minute": bool(live and any(point.requests for point in live.per_minute)),
    }


def _state(reading: Reading[Any], now: datetime) -> Freshness:
    return reading.freshness(now)


def _clock(at: datetime, now: datetime) -> str:
    local = at.astimezone(now.tzinfo)
    return local.strftime("%H:%M:%S" if local.date() == now.date() else "%m-%d %H:%M")


def _date(now: datetime, language: Language) -> str:
    if language is Language.ENGLISH:
        return f"{now:%A}, {now.day} {now:%B %Y}"
    return f"{now.year}年{now.month}月{now.day}日 星期{'一二三四五六日'[now.weekday()]}"


def _service_name(health: ServiceHealth, language: Language) -> str:
    return say(language, f"service-{health.service}")


def _count(value: int) -> str:
    return f"{value:,}"


def _share(value: float | None) -> str:
    # Rounded down: 99.96 % is not everybody.
    return "—" if value is None else f"{int(value * 1000 + 1e-9) / 10:.1f}%"
