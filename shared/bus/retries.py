"""Doing what an operator asked of dead letters: by the worker that owns the partition, between two batches.

Only the owner applies events of a case, and holds the offsets of its partition meanwhile, so that none can slip in
between the letters and what comes after them: neither here nor at a worker to which the partition has gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.bus import dead_letters
from shared.bus.batch import describe
from shared.bus.dead_letters import Letter
from shared.bus.handlers import Handler
from shared.bus.progress import Place, hold_offsets, load_cursors, save_cursors
from shared.bus.relay import Relay
from shared.store import outbox
from shared.store.engine import is_transient
from shared.store.outbox import OutboxRow

log = structlog.get_logger(__name__)


class Retries:
    """Works off the letters of one consumer for which `retry` or `discard` was asked."""

    def __init__(self, engine: AsyncEngine, consumer: str, handler: Handler) -> None:
        self._engine = engine
        self._consumer = consumer
        self._handler = handler
        self._wanted = True

    def wake(self) -> None:
        """Look for work before the next batch."""
        self._wanted = True

    async def work(self, positions: Mapping[Place, int], topic_ids: Mapping[str, UUID], relay: Relay | None) -> None:
        """Work off all that is asked for on the partitions of `positions`, a transaction for each case.

        Raises `FencedError` where another worker has read on from there: nothing of that case has happened then.
        """
        partitions = {partition for _, partition in positions}
        while self._wanted:
            # Before the question: who asks while it is being answered must be heard.
            self._wanted = False
            async with self._engine.connect() as connection:
                asked = await dead_letters.asked(connection, self._consumer, partitions)
            if not asked:
                return
            self._wanted = True
            for case_id, letter_id, partition in asked:
                mine = {place: offset for place, offset in positions.items() if place[1] == partition}
                async with self._engine.begin() as connection:
                    await hold_offsets(connection, self._consumer, mine, topic_ids)
                    rows = await self._work_case(connection, case_id, letter_id)
                if relay is not None:
                    relay.committed(rows)

    async def _work_case(
        self, connection: AsyncConnection, case_id: UUID | None, letter_id: int
    ) -> list[tuple[int, OutboxRow]]:
        letters = await dead_letters.open_letters(connection, self._consumer, case_id, letter_id)
        if case_id is None:
            await self._settle_nameless(connection, letters)
            return []
        cursors, _ = await load_cursors(connection, self._consumer, [case_id])
        seen = {source: sequence for (_, source), sequence in cursors.items()}
        rows: list[tuple[int, OutboxRow]] = []
        for nth, letter in enumerate(letters):
            identity = letter.record.identity
            source, sequence = identity.source, identity.sequence
            assert source is not None
            assert sequence is not None
            cursor = seen.get(source, 0)
            if sequence <= cursor:
                await dead_letters.settle(connection, letter.id, "superseded")
                continue
            if letter.state == "discard" and letter.reason == "hole":
                # Giving up what is missing: the event that waited for it goes on without.
                log.warning("hole_given_up", case_id=str(case_id), source=source, after=cursor, before=sequence)
                cursor = sequence - 1
            elif letter.state == "discard":
                seen[source] = sequence
                await save_cursors(connection, {(case_id, source): sequence})
                await dead_letters.settle(connection, letter.id, "discarded")
                log.warning("event_discarded", case_id=str(case_id), type=identity.type, sequence=sequence)
                continue
            if letter.state == "failed":
                await self._keep_waiting(connection, letters[nth + 1 :])
                return rows
            if sequence > cursor + 1:
                await dead_letters.settle(connection, letter.id, "gap", reason="hole")
                await self._keep_waiting(connection, letters[nth + 1 :])
                return rows
            done = await self._try(connection, letter)
            if done is None:
                await self._keep_waiting(connection, letters[nth + 1 :])
                return rows
            rows.extend(done)
            seen[source] = sequence
            await save_cursors(connection, {(case_id, source): sequence})
            await dead_letters.settle(connection, letter.id, "applied")
        return rows

    async def _try(self, connection: AsyncConnection, letter: Letter) -> list[tuple[int, OutboxRow]] | None:
        """Apply one letter; None where it fails again, and then its new reason is kept."""
        received = letter.record.received
        if received is None:
            assert letter.record.error is not None
            await dead_letters.settle(
                connection, letter.id, "failed", reason=letter.record.error.reason, detail=letter.record.error.detail
            )
            return None
        try:
            async with connection.begin_nested():
                outcome = await self._handler.apply(connection, [received])
                if outcome.failures:
                    raise outcome.failures[0][1]
                return await outbox.append(connection, outcome.rows)
        except Exception as error:
            if is_transient(error):
                raise
            await dead_letters.settle(
                connection, letter.id, "failed", reason=type(error).__name__, detail=describe(error)
            )
            return None

    async def _keep_waiting(self, connection: AsyncConnection, letters: Sequence[Letter]) -> None:
        for letter in letters:
            if letter.state in ("retry", "discard"):
                await dead_letters.settle(connection, letter.id, "waiting", reason="case-waits")

    async def _settle_nameless(self, connection: AsyncConnection, letters: Sequence[Letter]) -> None:
        """A record that names no case can't be applied, however often: it stays failed until it is discarded."""
        for letter in letters:
            if letter.state == "discard":
                await dead_letters.settle(connection, letter.id, "discarded")
            elif letter.state == "retry":
                reason = letter.record.error.reason if letter.record.error is not None else "no-case"
                await dead_letters.settle(connection, letter.id, "failed", reason=reason)
