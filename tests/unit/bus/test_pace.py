from __future__ import annotations

import asyncio
import time

from shared.bus.pace import Pace


async def test_a_first_portion_and_one_after_a_pause_do_not_wait() -> None:
    pace = Pace(0.05)
    began = time.monotonic()
    await pace.begin()
    assert time.monotonic() - began < 0.04
    await asyncio.sleep(0.06)
    began = time.monotonic()
    await pace.begin()
    assert time.monotonic() - began < 0.04


async def test_portions_that_follow_at_once_are_a_beat_apart() -> None:
    pace = Pace(0.02)
    began = time.monotonic()
    for _ in range(6):
        await pace.begin()
    assert time.monotonic() - began >= 5 * 0.02
