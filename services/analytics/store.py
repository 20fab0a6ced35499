"""Analytics' tables, and the statements that keep them: one each for a batch, however large it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics.domain.facts import FIELDS, Fact, values_of
from services.analytics.domain.insights import Totals
from services.analytics.domain.rollup import DIMENSIONS, METRICS, SATISFIED_LEVELS, Cell, Numbers, OpenCell

metadata = sa.MetaData()
_TIME = sa.TIMESTAMP(timezone=True)

_FACT_TYPES: dict[str, tuple[str, ...]] = {
    "uuid": ("case_id",),
    "boolean": ("requested", "urgent"),
    "date": ("day",),
    "timestamptz": (
        *("received_at", "due", "opened_at", "assigned_at", "contacted_at", "resolved_at", "closed_at"),
        *("answered_at", "settled_at"),
    ),
    "int": (
        *("resolutions", "resolutions_in_time", "reopenings", "overdue"),
        *("surveys", "deliveries", "undeliverable", "answers", "rectifications"),
    ),
}
_SQL_TYPES = {name: sql for sql, names in _FACT_TYPES.items() for name in names}

daily = sa.Table(
    "daily",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    *(sa.Column(name, sa.Text, primary_key=True) for name in DIMENSIONS[1:]),
    *(sa.Column(name, sa.Integer, nullable=False) for name in METRICS),
)
open_cases = sa.Table(
    "open_cases",
    metadata,
    *(sa.Column(name, sa.Text, primary_key=True) for name in OpenCell._fields),
    sa.Column("cases", sa.Integer, nullable=False),
)
recent = sa.Table(
    "recent",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("time", _TIME, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("case_id", sa.Uuid, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    *(sa.Column(name, sa.Text) for name in ("family", "kind", "category", "district", "unit")),
    sa.Column("data", JSONB, nullable=False),
)


def _arrays(names: Sequence[str], types: Mapping[str, str]) -> str:
    return ", ".join(f"CAST(:{name} AS {types.get(name, 'text')}[])" for name in names)


_LOAD_FACTS = sa.text(
    f"SELECT {', '.join(FIELDS)} FROM facts WHERE case_id = ANY(CAST(:ids AS uuid[])) "  # noqa: S608
    "ORDER BY case_id FOR UPDATE"
)
_SAVE_FACTS = sa.text(
    f"INSERT INTO facts ({', '.join(FIELDS)}) SELECT * FROM unnest({_arrays(FIELDS, _SQL_TYPES)}) "  # noqa: S608
    f"ON CONFLICT (case_id) DO UPDATE SET {', '.join(f'{n} = EXCLUDED.{n}' for n in FIELDS if n != 'case_id')}"
)
_READ_FACT = sa.text(f"SELECT {', '.join(FIELDS)} FROM facts WHERE case_id = :id")  # noqa: S608
_DAILY_TYPES = {"day": "date", **dict.fromkeys(METRICS, "int")}
_ADD_DAILY = sa.text(
    f"INSERT INTO daily ({', '.join((*DIMENSIONS, *METRICS))}) "  # noqa: S608
    f"SELECT * FROM unnest({_arrays((*DIMENSIONS, *METRICS), _DAILY_TYPES)}) "
    f"ON CONFLICT ({', '.join(DIMENSIONS)}) DO UPDATE SET "
    f"{', '.join(f'{name} = daily.{name} + EXCLUDED.{name}' for name in METRICS)}"
)
_ADD_OPEN = sa.text(
    "INSERT INTO open_cases (state, unit, district, cases) SELECT * FROM unnest("
    "CAST(:state AS text[]), CAST(:unit AS text[]), CAST(:district AS text[]), CAST(:cases AS int[])) "
    "ON CONFLICT (state, unit, district) DO UPDATE SET cases = open_cases.cases + EXCLUDED.cases"
)
_MARK_DAYS = sa.text(
    "INSERT INTO days (day, changed) SELECT day, true FROM unnest(CAST(:days AS date[])) AS changed(day) "
    "ON CONFLICT (day) DO UPDATE SET changed = true WHERE NOT days.changed"
)
_CHANGED_DAYS = sa.text(
    "SELECT day, sequence, received, resolved, surveyed, answered, satisfied FROM days WHERE changed "
    "ORDER BY day LIMIT :limit FOR UPDATE"
)
_TOTALS = sa.text(
    "SELECT day, sum(received)::int, sum(resolved)::int, sum(surveyed)::int, sum(answered)::int, "  # noqa: S608
    f"sum({' + '.join(SATISFIED_LEVELS)})::int FROM daily "
    "WHERE day = ANY(CAST(:days AS date[])) GROUP BY day"
)
_KEEP_TOLD = sa.text(
    "UPDATE days SET changed = false, sequence = told.sequence, received = told.received, resolved = told.resolved, "
    "surveyed = told.surveyed, answered = told.answered, satisfied = told.satisfied FROM unnest("
    "CAST(:day AS date[]), CAST(:sequence AS int[]), CAST(:received AS int[]), CAST(:resolved AS int[]), "
    "CAST(:surveyed AS int[]), CAST(:answered AS int[]), CAST(:satisfied AS int[])) "
    "AS told(day, sequence, received, resolved, surveyed, answered, satisfied) WHERE days.day = told.day"
)
_RECENT_COLUMNS = ("time", "type", "case_id", "sequence", "family", "kind", "category", "district", "unit", "data")
_ADD_RECENT = sa.text(
    'INSERT INTO recent ("time", type, case_id, sequence, family, kind, category, district, unit, data) '
    "SELECT t, y, c, s, f, k, g, d, u, j::jsonb FROM unnest("
    "CAST(:time AS timestamptz[]), CAST(:type AS text[]), CAST(:case_id AS uuid[]), CAST(:sequence AS int[]), "
    "CAST(:family AS text[]), CAST(:kind AS text[]), CAST(:category AS text[]), CAST(:district AS text[]), "
    "CAST(:unit AS text[]), CAST(:data AS text[])) AS e(t, y, c, s, f, k, g, d, u, j)"
)
_TRIM_RECENT = sa.text(
    "DELETE FROM recent WHERE id IN (SELECT id FROM recent WHERE id <= (SELECT max(id) FROM recent) - :keep "
    "ORDER BY id FOR UPDATE SKIP LOCKED)"
)


@dataclass(frozen=True, slots=True)
class RecentEvent:
    """A public event as lists show it: its public fields as JSON, and the case's dimensions as they were then."""

    time: datetime
    type: str
    case_id: UUID
    sequence: int
    family: str | None
    kind: str | None
    category: str | None
    district: str | None
    unit: str | None
    data: str


@dataclass(frozen=True, slots=True)
class ToldDay:
    """What was last told of a day, and the number of events that told of it."""

    day: date
    sequence: int
    totals: Totals


async def load_facts(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, Fact]:
    """The facts of these cases, locked until the transaction ends; unknown cases are absent."""
    rows = await connection.execute(_LOAD_FACTS, {"ids": sorted(ids)})
    return {row[0]: Fact(*row) for row in rows}


async def read_fact(connection: AsyncConnection, case_id: UUID) -> Fact | None:
    """The facts of one case, not locked."""
    row = (await connection.execute(_READ_FACT, {"id": case_id})).one_or_none()
    return None if row is None else Fact(*row)


async def save_facts(connection: AsyncConnection, facts: Sequence[Fact]) -> None:
    """Insert or replace these facts."""
    if facts:
        columns = zip(*map(values_of, facts), strict=True)
        await connection.execute(_SAVE_FACTS, dict(zip(FIELDS, map(list, columns), strict=True)))


async def add_daily(connection: AsyncConnection, deltas: Mapping[Cell, Numbers]) -> None:
    """Add to the cells, in the order given; the days they lie in are marked as changed."""
    if not deltas:
        return
    rows = [(*cell, *numbers) for cell, numbers in deltas.items()]
    columns = map(list, zip(*rows, strict=True))
    await connection.execute(_ADD_DAILY, dict(zip((*DIMENSIONS, *METRICS), columns, strict=True)))
    await connection.execute(_MARK_DAYS, {"days": sorted({cell.day for cell in deltas})})


async def add_open(connection: AsyncConnection, deltas: Mapping[OpenCell, int]) -> None:
    """Add to the numbers of open cases, in the order given."""
    if deltas:
        await connection.execute(
            _ADD_OPEN,
            {
                "state": [cell.state for cell in deltas],
                "unit": [cell.unit for cell in deltas],
                "district": [cell.district for cell in deltas],
                "cases": list(deltas.values()),
            },
        )


async def add_recent(connection: AsyncConnection, events: Sequence[RecentEvent]) -> None:
    """Add to the ring of latest public events."""
    if events:
        await connection.execute(
            _ADD_RECENT, {name: [getattr(event, name) for event in events] for name in _RECENT_COLUMNS}
        )


async def trim_recent(connection: AsyncConnection, keep: int) -> int:
    """Drop all but about the latest `keep` events; returns how many went."""
    return (await connection.execute(_TRIM_RECENT, {"keep": keep})).rowcount


async def changed_days(connection: AsyncConnection, limit: int) -> list[tuple[ToldDay, Totals]]:
    """Days that changed since they were last told of, locked, with their totals now."""
    told = [
        ToldDay(row[0], row[1], Totals(*row[2:])) for row in await connection.execute(_CHANGED_DAYS, {"limit": limit})
    ]
    # A statement after the lock: it sees every batch that marked one of these days before.
    rows = await connection.execute(_TOTALS, {"days": [day.day for day in told]})
    found = {row[0]: Totals(*row[1:]) for row in rows}
    return [(day, found[day.day]) for day in told]


async def keep_told(connection: AsyncConnection, days: Sequence[ToldDay]) -> None:
    """Keep what was told of these days."""
    if days:
        values: dict[str, list[object]] = {
            "day": [day.day for day in days],
            "sequence": [day.sequence for day in days],
        }
        values |= {name: [getattr(day.totals, name) for day in days] for name in Totals._fields}
        await connection.execute(_KEEP_TOLD, values)
