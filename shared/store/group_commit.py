"""Group commit: what callers hand in at the same time is written by one transaction, and answered after its commit.

Nothing waits for a group to fill: a group is whatever came while the transaction before it ran, so one lone caller pays
for its own transaction only, and a thousand share the price of one flush to disk.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from shared.store.engine import is_transient

Item = TypeVar("Item")
Result = TypeVar("Result")

log = structlog.get_logger(__name__)


class QueueFullError(Exception):
    """More is waiting than may wait: the database can't keep up, or is away. Try again a little later."""


class NotWrittenError(Exception):
    """The transaction failed and nothing of it is stored; the cause is the database's error.

    Where the connection broke during the commit itself, it may be stored nevertheless: writing must be repeatable.
    """

    def __init__(self, *, transient: bool) -> None:
        super().__init__("passes by itself" if transient else "would fail again")
        self.transient = transient


class GroupCommit(Generic[Item, Result]):
    """Hands items to `write` in groups, one group at a time, in the order in which they came.

    `write` writes all its items in one transaction or raises, and returns one result for each, in order. When it raises
    for a reason that lies in an item (bad data, not a lost connection), the group is halved until that item is alone,
    so that nobody's request fails because of somebody else's.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        capacity: int,
        largest: int,
    ) -> None:
        self._write = write
        self._capacity = capacity
        self._largest = largest
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._writer: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many items are not being written yet."""
        return len(self._waiting)

    async def submit(self, item: Item) -> Result:
        """Return once `item` is committed. Raises `QueueFullError` or `NotWrittenError`.

        A caller that is cancelled meanwhile has its item written all the same.
        """
        if len(self._waiting) >= self._capacity:
            raise QueueFullError(f"{self._capacity} items wait already")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._drain(), name="group-commit")
        return await future

    async def close(self) -> None:
        """Return once everything handed in is written or refused."""
        while self._writer is not None:
            await asyncio.wait([self._writer])

    async def _drain(self) -> None:
        group: list[tuple[Item, asyncio.Future[Result]]] = []
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest))]
                await self._commit(group)
        except BaseException:
            # Only cancellation comes here: no caller may be left waiting for a writer that is gone.
            for _, future in [*group, *self._waiting]:
                if not future.done():
                    future.set_exception(NotWrittenError(transient=True))
            self._waiting.clear()
            raise
        finally:
            self._writer = None

    async def _commit(self, group: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in group])
        except Exception as error:  # noqa: BLE001 - each waiting caller is told
            transient = is_transient(error)
            if not transient and len(group) > 1:
                middle = len(group) // 2
                await self._commit(group[:middle])
                await self._commit(group[middle:])
                return
            log.warning("group_not_written", items=len(group), error=type(error).__name__, transient=transient)
            for _, future in group:
                if not future.done():
                    failure = NotWrittenError(transient=transient)
                    failure.__cause__ = error
                    future.set_exception(failure)
            return
        for (_, future), result in zip(group, results, strict=True):
            if not future.done():
                future.set_result(result)
