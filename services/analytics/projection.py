"""The projection: a batch of events becomes facts, sums and the list of latest events, in the batch's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from services.analytics import store
from services.analytics.domain.facts import BUREAU_TIME, Fact, fold
from services.analytics.domain.rollup import deltas
from services.analytics.store import RecentEvent
from shared.bus.envelope import Received

READS = ("requests", "cases", "followups")
RECENT_OF_A_BATCH = 50
"""A batch of thousands after an outage would only push itself out of the list again."""
RECENT_KEPT = 500


async def project(batch: Sequence[Received], connection: AsyncConnection, *, zone: ZoneInfo = BUREAU_TIME) -> None:
    """Fold the batch into the facts of its cases, and move the sums by what that changed. Days are those of `zone`.

    Rows are locked in one order by every worker (facts, open cases, daily, days), and those that all of them write come
    last, so that workers wait for each other briefly and never in a circle.
    """
    before = await store.load_facts(connection, {received.case_id for received in batch})
    after: dict[UUID, Fact] = {}
    for received in batch:
        case_id = received.case_id
        after[case_id] = fold(after.get(case_id) or before.get(case_id), received, zone)
    changes = [(before.get(case_id), fact) for case_id, fact in sorted(after.items()) if fact != before.get(case_id)]
    moved = deltas(changes)
    await store.save_facts(connection, [fact for _, fact in changes])
    await store.add_recent(connection, _latest(batch, after))
    await store.add_open(connection, moved.open)
    await store.add_daily(connection, moved.daily)


def _latest(batch: Sequence[Received], facts: dict[UUID, Fact]) -> list[RecentEvent]:
    """The last public events of the batch, in the order of their time."""
    found: list[RecentEvent] = []
    for received in reversed(batch):
        public = received.event.public()
        if public is None:
            continue
        fact = facts[received.case_id]
        found.append(
            RecentEvent(
                time=received.time,
                type=received.type,
                case_id=received.case_id,
                sequence=received.sequence,
                family=fact.family,
                kind=fact.kind,
                category=fact.category,
                district=fact.district,
                unit=fact.unit,
                data=public.decode(),
            )
        )
        if len(found) == RECENT_OF_A_BATCH:
            break
    found.reverse()
    return sorted(found, key=lambda event: event.time)
