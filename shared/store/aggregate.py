"""How aggregates are kept: one row each, loaded with one query and saved with one statement for a whole batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection


class AggregateState(Protocol):
    """A state that the kernel can keep: a frozen pydantic model that knows when time alone may change it."""

    @property
    def wake_at(self) -> datetime | None: ...


S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Stored(Generic[S]):
    """A case's state and its version: the number of events that this service emitted for it."""

    state: S | None
    version: int


@dataclass(frozen=True, slots=True)
class Column(Generic[S]):
    """A column beside the state, so that lists can be filtered and ordered by an index."""

    name: str
    type: sa.types.TypeEngine[Any]
    sql_type: str
    value: Callable[[S], Any]


class AggregateTable(Generic[S]):
    """One service's table of aggregates: `case_id`, `version`, `wake_at`, `state`, and the given columns.

    Rows are locked from load to commit, so that of two writers the second sees what the first decided.
    """

    def __init__(self, table: sa.Table, model: type[S], columns: Sequence[Column[S]] = ()) -> None:
        self.table = table
        self._model = model
        self._columns = tuple(columns)
        name = table.name
        self._load = sa.text(
            f"SELECT case_id, version, state::text FROM {name} "  # noqa: S608
            "WHERE case_id = ANY(CAST(:ids AS uuid[])) ORDER BY case_id FOR UPDATE"
        )
        self._read = sa.text(f"SELECT version, state::text FROM {name} WHERE case_id = :id")  # noqa: S608
        names = ["case_id", "version", "wake_at", "state", *(column.name for column in self._columns)]
        types = ["uuid", "int", "timestamptz", "text", *(column.sql_type for column in self._columns)]
        arrays = ", ".join(f"CAST(:{n} AS {t}[])" for n, t in zip(names, types, strict=True))
        picked = ", ".join("state::jsonb" if n == "state" else n for n in names)
        updates = ", ".join(f"{n} = EXCLUDED.{n}" for n in names if n != "case_id")
        self._save = sa.text(
            f"INSERT INTO {name} ({', '.join(names)}) SELECT {picked} "  # noqa: S608
            f"FROM unnest({arrays}) AS t({', '.join(names)}) ON CONFLICT (case_id) DO UPDATE SET {updates}"
        )
        self._due = sa.text(
            f"SELECT case_id, version, state::text FROM {name} WHERE wake_at <= :now "  # noqa: S608
            "ORDER BY wake_at LIMIT :limit FOR UPDATE SKIP LOCKED"
        )
        self._postpone = sa.text(f"UPDATE {name} SET wake_at = :at WHERE case_id = :id")  # noqa: S608

    async def load(self, connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Stored[S]]:
        """The stored aggregates among `ids`, locked until the transaction ends, in the order of their ids."""
        rows = await connection.execute(self._load, {"ids": sorted(set(ids))})
        return {row[0]: Stored(self._model.model_validate_json(row[2]), row[1]) for row in rows}

    async def read(self, connection: AsyncConnection, case_id: UUID) -> Stored[S] | None:
        """One aggregate, not locked."""
        row = (await connection.execute(self._read, {"id": case_id})).one_or_none()
        return None if row is None else Stored(self._model.model_validate_json(row[1]), row[0])

    async def save(self, connection: AsyncConnection, changed: Sequence[tuple[UUID, Stored[S]]]) -> None:
        """Insert or replace the given aggregates in one statement."""
        if not changed:
            return
        states = [stored.state for _, stored in changed]
        values: dict[str, list[Any]] = {
            "case_id": [case_id for case_id, _ in changed],
            "version": [stored.version for _, stored in changed],
            "wake_at": [state.wake_at for state in states],  # type: ignore[union-attr]
            "state": [state.model_dump_json() for state in states if state is not None],
        }
        for column in self._columns:
            values[column.name] = [column.value(state) for state in states if state is not None]
        await connection.execute(self._save, values)

    async def due(self, connection: AsyncConnection, now: datetime, limit: int) -> list[tuple[UUID, Stored[S]]]:
        """Aggregates whose time has come, locked; those that another worker holds are left to it."""
        rows = await connection.execute(self._due, {"now": now, "limit": limit})
        return [(row[0], Stored(self._model.model_validate_json(row[2]), row[1])) for row in rows]

    async def postpone(self, connection: AsyncConnection, case_id: UUID, until: datetime) -> None:
        """Leave an aggregate alone until `until`, where waking it failed."""
        await connection.execute(self._postpone, {"id": case_id, "at": until})


def aggregate_table(name: str, metadata: sa.MetaData, *columns: sa.Column[Any]) -> sa.Table:
    """The SQL table for an `AggregateTable`: the kernel's columns and the service's own."""
    table = sa.Table(
        name,
        metadata,
        sa.Column("case_id", PG_UUID, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("wake_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("state", JSONB, nullable=False),
        *columns,
    )
    sa.Index(f"{name}_wake_at", table.c.wake_at, postgresql_where=table.c.wake_at.is_not(None))
    return table
