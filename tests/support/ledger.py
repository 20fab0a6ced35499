"""A small aggregate service for kernel tests: it reads requests, and tells of each with a `CaseAccepted`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.decision import Decider, Decision, Moment
from shared.events.case import CaseAccepted
from shared.events.request import RequestReceived
from shared.store.aggregate import AggregateTable, Column, aggregate_table

CREATE = """
CREATE TABLE entries (
    case_id uuid PRIMARY KEY, version int NOT NULL, wake_at timestamptz, state jsonb NOT NULL, bodies int NOT NULL
)
"""


class Entry(BaseModel):
    """How many requests this case was told of, and what the last one said."""

    model_config = ConfigDict(frozen=True)

    bodies: int = 0
    officer: str = ""
    wake_at: datetime | None = None


def evolve(entry: Entry | None, event: Any) -> Entry:
    """Count the acceptances."""
    entry = entry or Entry()
    return entry.model_copy(update={"bodies": entry.bodies + 1, "officer": event.officer})


decided = Decider(evolve)


def receive(entry: Entry | None, event: RequestReceived, moment: Moment) -> Decision[Entry]:
    """Accept every request; one whose body says `boom` can't be decided."""
    if event.body == "boom":
        raise ValueError("this body can't be decided")
    return decided(entry, CaseAccepted(officer="o-1", accepted_at=moment.now))


def entries() -> AggregateTable[Entry]:
    """The table of a ledger service."""
    table = aggregate_table("entries", sa.MetaData(), sa.Column("bodies", sa.Integer, nullable=False))
    return AggregateTable(table, Entry, [Column("bodies", sa.Integer(), "int", lambda entry: entry.bodies)])


async def create_entries(engine: AsyncEngine) -> None:
    """Make the table."""
    async with engine.begin() as connection:
        await connection.execute(sa.text(CREATE))


def request(body: str = "路灯坏了", *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> RequestReceived:
    """A request as intake would emit it."""
    return RequestReceived(
        number="26112400000018",
        channel="website-0001",
        family="website",
        channel_request_id="r-1",
        received_at=now(),
        submitted_at=now(),
        body=body,
    )


async def counted(engine: AsyncEngine) -> dict[UUID, int]:
    """Requests counted for each case."""
    async with engine.connect() as connection:
        rows = await connection.execute(sa.text("SELECT case_id, bodies FROM entries"))
        return {row[0]: row[1] for row in rows}
