"""Workers of one service join, leave, and stand still past their session."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from tests.faults.conftest import Platform
from tests.support.audit import Auditor
from tests.support.kernel import until

pytestmark = [pytest.mark.faults, pytest.mark.real_kafka]


# Seen not to end (tried for 150 s; it takes about 60) where BatchConsumer._take in shared/bus/consumer.py begins at the
# topic's start for `stored[...].next_offset`. Of the other protections each has another behind it: the offsets'
# compare-and-set, the cursors, the batch in hand that is let finish.
async def test_routing_workers_join_and_leave(platform: Platform) -> None:
    random = platform.plan.random("rebalance")
    async with platform.load("rebalance"):
        for _ in platform.plan.rounds(short=3, long=10):
            joined = await platform.deployment.start("routing")
            await asyncio.sleep(random.uniform(0.2, 1.5))
            # Either may leave, in order or by a crash.
            leaving = random.choice([one for one in platform.deployment.running("routing") if one is not joined])
            if random.random() < 0.5:
                leaving = joined
            await (leaving.stop() if random.random() < 0.7 else leaving.kill())
    await platform.one("routing").ready()
    await platform.audit()


# Seen red without `_END_ALL` in shared/bus/relay.py, Relay._take_over (ending only the connection that holds the lock):
# the batch that stands open in the frozen worker keeps the offsets of its partitions from everybody else.
async def test_frozen_worker_is_replaced_and_does_nothing_twice(platform: Platform) -> None:
    auditor = Auditor(platform.deployment.settings())
    for nth in platform.plan.rounds(short=1, long=5):
        frozen = platform.one("routing")
        async with platform.load(f"frozen-{nth}"):
            async with auditor.batch_held("routing"):
                frozen.freeze()
            # Its transaction has moved offsets, and stands.
            await until(partial(auditor.stands_in_a_batch, "routing"), what="the frozen worker's batch is open")
            other = await platform.deployment.start("routing")
            # The frozen worker still holds rows, the right to relay, and its place in the group.
            promised = list(platform.journal.accepted.values())
            goes_on = partial(auditor.arrived, promised)
            await until(goes_on, seconds=60, what="what was promised until now is handled without the frozen worker")
            frozen.resume()
            await frozen.ready()
            # Either its connection was gone, or it found the offsets moved on.
            lost = await frozen.metric("minsheng_retries_total") + await frozen.metric("minsheng_fenced_workers_total")
            assert lost > 0, "the batch that was open in the frozen worker must have failed there"
        await platform.audit()
        await frozen.stop()
        await other.ready()
