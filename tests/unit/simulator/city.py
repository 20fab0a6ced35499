"""The example city, for tests of its people."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from services.simulator.domain.city import City
from services.simulator.domain.matters import Script
from services.simulator.domain.stream import Plan
from services.simulator.registry import load_city, load_script

DEPLOY = Path(__file__).parents[3] / "deploy"
START = datetime(2026, 11, 24, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
"""A Tuesday morning."""


@cache
def example_city() -> City:
    return load_city(DEPLOY / "channels.yaml", DEPLOY / "organisation.yaml")


@cache
def example_script() -> Script:
    return load_script()


def plan(seed: int = 7, rate: float = 100.0) -> Plan:
    return Plan(seed=seed, start=START, rate=rate)
