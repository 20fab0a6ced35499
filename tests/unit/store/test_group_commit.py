"""Group commit, without a database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.store.group_commit import GroupCommit, NotWrittenError, QueueFullError


class Writer:
    """Writes what it is given once it may; a negative number is bad data."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.away = False

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        await self.may_write.wait()
        if self.away:
            raise ConnectionRefusedError
        if any(item < 0 for item in items):
            raise ValueError("bad data")
        return [item * 10 for item in items]


def group_commit(writer: Writer, *, capacity: int = 100, largest: int = 100) -> GroupCommit[int, int]:
    return GroupCommit(writer, capacity=capacity, largest=largest)


async def _turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_one_alone_waits_for_nobody() -> None:
    writer = Writer()
    group = group_commit(writer)
    assert await group.submit(1) == 10
    assert await group.submit(2) == 20
    assert writer.groups == [[1], [2]]


async def test_what_comes_during_a_transaction_goes_together() -> None:
    writer = Writer()
    group = group_commit(writer)
    writer.may_write.clear()
    waiting = [asyncio.create_task(group.submit(1))]
    await _turn()
    waiting += [asyncio.create_task(group.submit(item)) for item in (2, 3, 4)]
    await _turn()
    assert group.waiting == 3
    writer.may_write.set()
    assert await asyncio.gather(*waiting) == [10, 20, 30, 40]
    assert writer.groups == [[1], [2, 3, 4]]


async def test_a_group_has_a_largest_size() -> None:
    writer = Writer()
    group = group_commit(writer, largest=2)
    assert await asyncio.gather(*(group.submit(item) for item in range(5))) == [0, 10, 20, 30, 40]
    assert [len(written) for written in writer.groups] == [2, 2, 1]


async def test_a_full_queue_refuses_at_once() -> None:
    writer = Writer()
    group = group_commit(writer, capacity=2)
    writer.may_write.clear()
    waiting = [asyncio.create_task(group.submit(1))]
    await _turn()
    waiting += [asyncio.create_task(group.submit(item)) for item in (2, 3)]
    await _turn()
    with pytest.raises(QueueFullError):
        await group.submit(4)
    writer.may_write.set()
    assert await asyncio.gather(*waiting) == [10, 20, 30]


async def test_when_the_database_is_away_all_are_told_and_the_next_is_tried() -> None:
    writer = Writer()
    group = group_commit(writer)
    writer.away = True
    results = await asyncio.gather(*(group.submit(item) for item in (1, 2)), return_exceptions=True)
    assert [isinstance(result, NotWrittenError) and result.transient for result in results] == [True, True]
    assert writer.groups == [[1, 2]]
    writer.away = False
    assert await group.submit(3) == 30


async def test_bad_data_fails_alone() -> None:
    writer = Writer()
    group = group_commit(writer)
    results = await asyncio.gather(*(group.submit(item) for item in (1, 2, -3, 4, 5)), return_exceptions=True)
    assert [result for result in results if isinstance(result, int)] == [10, 20, 40, 50]
    failure = results[2]
    assert isinstance(failure, NotWrittenError)
    assert not failure.transient
    assert isinstance(failure.__cause__, ValueError)


async def test_a_caller_that_leaves_takes_nobody_along() -> None:
    writer = Writer()
    group = group_commit(writer)
    writer.may_write.clear()
    leaving, staying = (asyncio.create_task(group.submit(item)) for item in (1, 2))
    await _turn()
    leaving.cancel()
    await _turn()
    writer.may_write.set()
    assert await staying == 20
    assert writer.groups == [[1, 2]]


async def test_close_waits_for_what_is_under_way() -> None:
    writer = Writer()
    group = group_commit(writer)
    writer.may_write.clear()
    waiting = asyncio.create_task(group.submit(1))
    await _turn()
    closing = asyncio.create_task(group.close())
    await _turn()
    assert not closing.done()
    writer.may_write.set()
    await closing
    assert await waiting == 10
