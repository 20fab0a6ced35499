"""Who looked at a citizen's contact: an entry for each look, in the transaction that showed it, and there to stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID as PG_UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from services.followup.store import metadata

contact_readings = sa.Table(
    "contact_readings",
    metadata,
    sa.Column("reading_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("case_id", PG_UUID, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("unit", sa.Text),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("read_at", sa.TIMESTAMP(timezone=True), nullable=False),
    comment="The database itself refuses to change or delete what is in it.",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody looked at the contact of a case's citizen. `person` is the subject of their token."""

    case_id: UUID
    person: str
    role: str
    unit: str | None
    purpose: str
    read_at: datetime


async def note(connection: AsyncConnection, reading: Reading) -> None:
    """Write an entry."""
    await connection.execute(
        contact_readings.insert().values(
            case_id=reading.case_id,
            person=reading.person,
            role=reading.role,
            unit=reading.unit,
            purpose=reading.purpose,
            read_at=reading.read_at,
        )
    )


async def page(
    connection: AsyncConnection, *, case: UUID | None, person: str | None, before: int | None, limit: int
) -> list[tuple[int, Reading]]:
    """Entries with their ids, the last one first, written before the entry of id `before`."""
    query = sa.select(contact_readings)
    if case is not None:
        query = query.where(contact_readings.c.case_id == case)
    if person is not None:
        query = query.where(contact_readings.c.person == person)
    if before is not None:
        query = query.where(contact_readings.c.reading_id < before)
    rows = await connection.execute(query.order_by(contact_readings.c.reading_id.desc()).limit(limit))
    return [(row[0], Reading(*row[1:])) for row in rows]
