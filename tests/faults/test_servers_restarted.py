"""Broker and database go away under load and come back."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.conftest import SERVICES, Platform

pytestmark = [pytest.mark.faults, pytest.mark.real_kafka]


# Seen red without shared/bus/consumer.py, BatchConsumer._leave (a plain `await consumer.stop()` in its place): a
# session that ends while the broker is away ends its consumer for good. Here that takes luck;
# tests/integration/test_consumer_outage.py shows it at every run.
async def test_broker_killed_while_intake_goes_on(platform: Platform) -> None:
    random = platform.plan.random("broker")
    async with platform.load("broker") as statuses:
        for _ in platform.plan.rounds(short=1, long=5):
            await asyncio.sleep(random.uniform(0.5, 2.0))
            await platform.kafka.kill()
            before = statuses.counts["202"]
            await asyncio.sleep(random.uniform(2.0, 5.0))
            assert statuses.counts["202"] > before + 20, "intake must answer while there is no broker"
            await platform.kafka.start()
            for service in SERVICES:
                await platform.one(service).ready()
    assert set(statuses.counts) == {"202"}
    assert statuses.slowest < 5.0
    await platform.audit()


# Seen red (with `kill`) where Relay.run in shared/bus/relay.py retries only what the broker raises, `except KafkaError`
# for `except Exception`: a relay that lost its database ends, and the process says that it is not ready any more.
@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_database_restarted(platform: Platform, how: str) -> None:
    random = platform.plan.random(f"database-{how}")
    async with platform.load(f"database-{how}") as statuses:
        for _ in platform.plan.rounds(short=1, long=5):
            await asyncio.sleep(random.uniform(0.5, 2.0))
            await (platform.postgres.kill() if how == "kill" else platform.postgres.stop())
            await asyncio.sleep(random.uniform(0.2, 1.5))
            await platform.postgres.start()
            for service in SERVICES:
                await platform.one(service).ready()
    # A request that can't be stored is told so, with the remedy; it is never accepted on trust, and never a crash.
    assert set(statuses.counts) <= {"202", "503"}
    assert statuses.counts["503"] > 0
    await platform.audit()
