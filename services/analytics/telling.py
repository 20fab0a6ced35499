"""Telling of days: once in a while, `DayCounted` for each day whose totals have changed, through the outbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.analytics import store
from services.analytics.domain.insights import subject_of, tell
from services.analytics.store import ToldDay
from shared.bus.handlers import utc_now
from shared.bus.kernel import Kernel
from shared.bus.partitioning import partition_of
from shared.store import outbox
from shared.store.outbox import OutboxRow
from shared.telemetry.tracing import child

TELL_SECONDS = 60.0
DAYS_AT_ONCE = 366


class DayTeller:
    """Decides and emits what is to be told of days. Any replica may do it; the locks of the days see to once each."""

    def __init__(self, kernel: Kernel, clock: Callable[[], datetime] = utc_now) -> None:
        self._kernel = kernel
        self._clock = clock

    async def tell_changed(self) -> int:
        """Tell of every day that changed since it was last told of; returns how many events that took."""
        total = 0
        while True:
            looked_at, emitted = await self._some()
            total += emitted
            if looked_at < DAYS_AT_ONCE:
                return total

    async def _some(self) -> tuple[int, int]:
        kernel = self._kernel
        now = self._clock()
        rows: list[OutboxRow] = []
        kept: list[ToldDay] = []
        async with kernel.engine.begin() as connection:
            for told, found in await store.changed_days(connection, DAYS_AT_ONCE):
                event = tell(told.day, told.totals, found, now)
                if event is None:
                    kept.append(told)
                    continue
                subject = subject_of(told.day)
                place = partition_of(subject, kernel.settings.partitions)
                sequence = told.sequence + 1
                rows.append(
                    OutboxRow(event.TOPIC, place, subject, sequence, event.TYPE, now, child(None), event.encode())
                )
                kept.append(ToldDay(told.day, sequence, found))
            await store.keep_told(connection, kept)
            appended = await outbox.append(connection, rows)
            elsewhere = {row.partition for row in rows if not kernel.relay.holds(row.partition)}
            await outbox.notify(connection, elsewhere)
        kernel.relay.committed(appended)
        return len(kept), len(rows)
