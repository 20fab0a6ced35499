"""Routing is killed at random under load, again and again."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.conftest import Platform

pytestmark = [pytest.mark.faults, pytest.mark.real_kafka]


# Seen red where Relay._round in shared/bus/relay.py publishes only what this process committed itself (what `_rows`
# finds in its cache, without the reading of `missing`): what the killed worker had decided and not published stays.
async def test_routing_killed_at_random(platform: Platform) -> None:
    random = platform.plan.random("killed")
    async with platform.load("killed"):
        for _ in platform.plan.rounds(short=3, long=20):
            # Chance decides what the kill cuts through; nothing is waited for.
            await asyncio.sleep(random.uniform(0.3, 2.5))
            await platform.one("routing").kill()
            await platform.deployment.start("routing")
    await platform.audit()
