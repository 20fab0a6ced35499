"""Routing's decisions and their database work by hand: asyncpg, a statement for each table, the caller's transaction.

What the candidates beside the platform's own worker have in common. The tables are those of the platform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.routing.domain.case import Case
from services.routing.domain.decisions import receive
from services.routing.organisation import load_bureau
from services.routing.settings import RoutingSettings
from shared.bus.envelope import headers_of
from shared.decision import Moment
from shared.events.request import RequestReceived
from shared.store.engine import asyncpg_dsn
from shared.telemetry.tracing import child

SOURCE = "/minsheng/routing"

_CURSORS = "SELECT case_id, source, sequence FROM cursors WHERE case_id = ANY($1::uuid[])"
_LOAD = "SELECT case_id, version, state::text FROM cases WHERE case_id = ANY($1::uuid[]) ORDER BY case_id FOR UPDATE"
_SAVE = """
    INSERT INTO cases (case_id, version, wake_at, state, status, unit, officer)
    SELECT case_id, version, wake_at, state::jsonb, status, unit, officer
    FROM unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[])
        AS t(case_id, version, wake_at, state, status, unit, officer)
    ON CONFLICT (case_id) DO UPDATE SET version = EXCLUDED.version, wake_at = EXCLUDED.wake_at,
        state = EXCLUDED.state, status = EXCLUDED.status, unit = EXCLUDED.unit, officer = EXCLUDED.officer
"""
_SAVE_CURSORS = """
    INSERT INTO cursors (case_id, source, sequence) SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[])
    ON CONFLICT (case_id, source) DO UPDATE SET sequence = EXCLUDED.sequence
"""
_OUTBOX = """
    WITH added AS (
        INSERT INTO outbox (topic, partition, case_id, sequence, type, "time", traceparent, payload)
        SELECT * FROM unnest($1::text[], $2::int[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[], $7::text[],
            $8::bytea[])
        RETURNING id, partition
    )
    INSERT INTO outbox_pending (id, partition) SELECT id, partition FROM added RETURNING id
"""
_MARK = """
    DELETE FROM outbox_pending USING unnest($1::int[], $2::bigint[]) AS sent(partition, id)
    WHERE outbox_pending.partition = sent.partition AND outbox_pending.id = sent.id
"""


class Incoming(NamedTuple):
    """A request as it was read."""

    partition: int
    case_id: UUID
    source: str
    sequence: int
    traceparent: str | None
    event: RequestReceived


class Told(NamedTuple):
    """A decided event, ready to be published; `id` is its place in the outbox."""

    id: int
    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class _Row:
    partition: int
    case_id: UUID
    sequence: int
    type: str
    traceparent: str
    payload: bytes


def incoming(partition: int, headers: Sequence[tuple[str, bytes]], value: bytes | RequestReceived) -> Incoming:
    """Read a record's attributes, and its event unless the framework did."""
    found = dict(headers)
    trace = found.get("traceparent")
    return Incoming(
        partition,
        UUID(found["ce_subject"].decode()),
        found["ce_source"].decode(),
        int(found["ce_sequence"]),
        trace.decode() if trace else None,
        value if isinstance(value, RequestReceived) else RequestReceived.model_validate_json(value),
    )


class Site:
    """Where this worker reads, writes and stores."""

    def __init__(self) -> None:
        self.settings = RoutingSettings()
        self.kafka = self.settings.kafka
        self.requests = f"{self.settings.topic_prefix}.requests"
        self.cases = f"{self.settings.topic_prefix}.cases"
        self.group = f"{self.settings.topic_prefix}-routing"
        self.database = asyncpg_dsn(self.settings.database_for("routing"))

    async def connect(self) -> asyncpg.Connection:
        """A connection set as the platform's own are."""
        return await asyncpg.connect(self.database, server_settings={"timezone": "UTC", "jit": "off"})


class Casework:
    """Turns requests into cases."""

    def __init__(self, site: Site) -> None:
        self._receive = partial(receive, bureau=load_bureau(site.settings.organisation_file))

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Incoming]) -> list[Told]:
        """Decide and store a batch within the caller's transaction; returns what is to be published after it."""
        ids = sorted({one.case_id for one in batch})
        cursors: dict[tuple[UUID, str], int] = {
            (row[0], row[1]): row[2] for row in await connection.fetch(_CURSORS, ids)
        }
        cases: dict[UUID, tuple[int, Case]] = {
            row[0]: (row[1], Case.model_validate_json(row[2])) for row in await connection.fetch(_LOAD, ids)
        }
        now = datetime.now(UTC)
        moved: dict[tuple[UUID, str], int] = {}
        changed: dict[UUID, tuple[int, Case]] = {}
        rows: list[_Row] = []
        for one in batch:
            place = (one.case_id, one.source)
            last = moved.get(place, cursors.get(place, 0))
            if one.sequence <= last:
                continue
            if one.sequence != last + 1:
                raise ValueError(f"event {one.sequence} of case {one.case_id} came after {last}")
            moved[place] = one.sequence
            version, case = changed.get(one.case_id) or cases.get(one.case_id) or (0, None)
            decision = self._receive(case, one.event, Moment(one.case_id, now))
            if decision.refusal is not None:
                raise ValueError(decision.refusal.reason)
            if not decision.events or decision.state is None:
                continue
            rows.extend(
                _Row(one.partition, one.case_id, version + nth, event.TYPE, child(one.traceparent), event.encode())
                for nth, event in enumerate(decision.events, start=1)
            )
            changed[one.case_id] = (version + len(decision.events), decision.state)
        await self._save(connection, moved, changed)
        return await self._append(connection, rows, now)

    async def _save(
        self,
        connection: asyncpg.Connection,
        moved: dict[tuple[UUID, str], int],
        changed: dict[UUID, tuple[int, Case]],
    ) -> None:
        if moved:
            places = sorted(moved)
            await connection.execute(
                _SAVE_CURSORS, [p[0] for p in places], [p[1] for p in places], [moved[p] for p in places]
            )
        if changed:
            saved = sorted(changed.items())
            states = [case for _, (_, case) in saved]
            await connection.execute(
                _SAVE,
                [case_id for case_id, _ in saved],
                [version for _, (version, _) in saved],
                [case.wake_at for case in states],
                [case.model_dump_json() for case in states],
                [case.state.value for case in states],
                [case.unit for case in states],
                [case.officer for case in states],
            )

    async def _append(self, connection: asyncpg.Connection, rows: Sequence[_Row], now: datetime) -> list[Told]:
        if not rows:
            return []
        added = await connection.fetch(
            _OUTBOX,
            ["cases"] * len(rows),
            [row.partition for row in rows],
            [row.case_id for row in rows],
            [row.sequence for row in rows],
            [row.type for row in rows],
            [now] * len(rows),
            [row.traceparent for row in rows],
            [row.payload for row in rows],
        )
        return [
            Told(
                row_id,
                row.partition,
                str(row.case_id).encode(),
                row.payload,
                headers_of(
                    source=SOURCE,
                    type=row.type,
                    case_id=row.case_id,
                    sequence=row.sequence,
                    time=now,
                    traceparent=row.traceparent,
                ),
            )
            for row_id, row in zip(sorted(record[0] for record in added), rows, strict=True)
        ]


async def mark(connection: asyncpg.Connection, told: Sequence[Told]) -> None:
    """Remember that these are published."""
    await connection.execute(_MARK, [one.partition for one in told], [one.id for one in told])
