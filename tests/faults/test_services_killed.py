"""Routing is killed at random under load, again and again."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.conftest import Platform

pytestmark = [pytest.mark.faults, pytest.mark.real_kafka]


async def test_routing_killed_at_random(platform: Platform) -> None:
    random = platform.plan.random("killed")
    async with platform.load("killed"):
        for _ in platform.plan.rounds(short=3, long=20):
            # Chance decides what the kill cuts through; nothing is waited for.
            await asyncio.sleep(random.uniform(0.3, 2.5))
            await platform.one("routing").kill()
            await platform.deployment.start("routing")
    await platform.audit()
