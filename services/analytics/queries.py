"""What the dashboards ask: sums over the kept cells, never over cases."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics.domain.rollup import COUNTS, LEVELS, SATISFIED_LEVELS, SETTLEMENTS, SURVEYS
from services.analytics.store import daily, open_cases, recent

SATISFACTION = (*SURVEYS, *LEVELS, *SETTLEMENTS)
Rows = list[dict[str, Any]]


class TooManyRowsError(Exception):
    """The answer would be longer than allowed."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} rows")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class Question:
    """Over which days, grouped by what, and which cells only."""

    by: Sequence[str]
    first: date
    last: date
    only: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Allowed codes by dimension; a dimension that is absent is not filtered."""


async def counts(connection: AsyncConnection, question: Question, limit: int) -> Rows:
    """Cases counted, a row for each combination of the dimensions asked for."""
    return await _sums(connection, question, COUNTS, limit)


async def satisfaction(connection: AsyncConnection, question: Question, limit: int) -> Rows:
    """Surveys, answers and settlements; `rate` is satisfied by answered, None where nobody answered."""
    rows = await _sums(connection, question, SATISFACTION, limit)
    for row in rows:
        row["satisfied_count"] = sum(row[name] for name in SATISFIED_LEVELS)
        row["rate"] = _rate(row["satisfied_count"], row["answered"])
        row["first_rate"] = _rate(row["first_satisfied"], row["answered"])
    return rows


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


async def _sums(connection: AsyncConnection, question: Question, metrics: Sequence[str], limit: int) -> Rows:
    dimensions = [daily.c[name] for name in question.by]
    sums = [sa.func.coalesce(sa.func.sum(daily.c[name]), 0).label(name) for name in metrics]
    query = sa.select(*dimensions, *sums).where(daily.c.day.between(question.first, question.last))
    for name, codes in question.only.items():
        query = query.where(daily.c[name].in_(sorted(codes)))
    if dimensions:
        # A cell whose cases have all moved on stays behind with nothing in it.
        filled = sa.or_(*(daily.c[name] != 0 for name in ("received", "opened")))
        query = query.where(filled).group_by(*dimensions).order_by(*dimensions)
    return await _rows(connection, query, limit)


async def open_by(
    connection: AsyncConnection, by: Sequence[str], only: Mapping[str, Collection[str]], limit: int
) -> Rows:
    """Cases that are not closed, by `state`, `unit` and `district`."""
    dimensions = [open_cases.c[name] for name in by]
    cases = sa.func.coalesce(sa.func.sum(open_cases.c.cases), 0)
    query = sa.select(*dimensions, cases.label("cases"))
    for name, codes in only.items():
        query = query.where(open_cases.c[name].in_(sorted(codes)))
    if dimensions:
        query = query.group_by(*dimensions).having(cases != 0).order_by(*dimensions)
    return await _rows(connection, query, limit)


async def latest_events(connection: AsyncConnection, limit: int) -> Rows:
    """The latest public events, newest first."""
    query = sa.select(recent).order_by(recent.c.time.desc(), recent.c.id.desc()).limit(limit)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def _rows(connection: AsyncConnection, query: sa.Select[Any], limit: int) -> Rows:
    found = (await connection.execute(query.limit(limit + 1))).mappings().all()
    if len(found) > limit:
        raise TooManyRowsError(limit)
    return [{name: None if value == "" else value for name, value in row.items()} for row in found]
