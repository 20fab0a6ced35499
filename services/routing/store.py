"""Routing's tables: the cases, and the lists that staff read of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.routing.domain.case import Case, CaseState
from shared.store.aggregate import AggregateTable, Column, aggregate_table
from shared.web.idempotency import idempotency_table

metadata = sa.MetaData()

cases = aggregate_table(
    "cases",
    metadata,
    # `state` is the whole aggregate, in the kernel's words.
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("unit", sa.Text),
    sa.Column("officer", sa.Text),
    sa.Column("urgent", sa.Boolean, nullable=False),
    sa.Column("pressing", sa.Boolean, nullable=False),
)
idempotency = idempotency_table(metadata)


def case_table() -> AggregateTable[Case]:
    """The cases as the kernel loads and saves them."""
    return AggregateTable(
        cases,
        Case,
        (
            Column("status", sa.Text(), "text", lambda case: case.state.value),
            Column("unit", sa.Text(), "text", lambda case: case.unit),
            Column("officer", sa.Text(), "text", lambda case: case.officer),
            Column("urgent", sa.Boolean(), "boolean", lambda case: case.urgent),
            Column("pressing", sa.Boolean(), "boolean", lambda case: case.is_pressing),
        ),
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A case of a list, with its id and version."""

    case_id: UUID
    version: int
    case: Case


def list_query(
    *,
    limit: int,
    pressing: bool,
    state: CaseState | None = None,
    unit: str | None = None,
    officer: str | None = None,
    urgent: bool | None = None,
    before: UUID | None = None,
) -> sa.Select[UUID, int, str]:
    """Id, version and state of cases, the newest first, only those older than `before`; at most `limit`.

    Those that press (urgent, and the unit still owes something) and the others are lists of their own.

    Case ids are time-ordered, so their order is that of the requests. Costs the same however many cases are stored:
    for a unit or officer, the newest of each state are read from an index and merged.
    """
    columns = (cases.c.case_id, cases.c.version, sa.cast(cases.c.state, sa.Text).label("state"))
    # Written as the partial indexes have it.
    query = sa.select(*columns).where(cases.c.pressing if pressing else ~cases.c.pressing)
    if urgent is not None:
        query = query.where(cases.c.urgent if urgent else ~cases.c.urgent)
    for column, wanted in ((cases.c.unit, unit), (cases.c.officer, officer)):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(cases.c.case_id < before)
    if pressing or urgent or state is not None or (unit is None and officer is None):
        if state is not None:
            # Written out, so that also a plan made once for all states knows that the index of open cases serves.
            query = query.where(cases.c.status == sa.bindparam("status", state.value, literal_execute=True))
        query = query.order_by(cases.c.case_id.desc()).limit(limit)
    else:
        states = sa.values(sa.column("status", sa.Text), name="states").data([(each.value,) for each in CaseState])
        newest = query.where(cases.c.status == states.c.status).order_by(cases.c.case_id.desc()).limit(limit)
        newest_of_each = newest.lateral("newest")
        query = (
            sa.select(newest_of_each.c.case_id, newest_of_each.c.version, newest_of_each.c.state)
            .select_from(states.join(newest_of_each, sa.true()))
            .order_by(newest_of_each.c.case_id.desc())
            .limit(limit)
        )
    return query


async def list_cases(
    connection: AsyncConnection, *, limit: int, behind: tuple[bool, UUID] | None = None, **filters: Any
) -> list[Listed]:
    """Cases that press first, then the others, each the newest first; at most `limit`.

    `behind`: only what comes after this place, whether its case pressed and the case's id. `filters` are those of
    `list_query`. A case that begins or ceases to press between two pages may be met twice, or not at all.
    """
    found: list[Listed] = []
    for pressing in (True, False):
        before = None
        if behind is not None:
            if pressing and not behind[0]:
                continue
            before = behind[1] if pressing == behind[0] else None
        query = list_query(limit=limit - len(found), pressing=pressing, before=before, **filters)
        rows = await connection.execute(query)
        found += [Listed(row[0], row[1], Case.model_validate_json(row[2])) for row in rows]
        if len(found) == limit:
            break
    return found
