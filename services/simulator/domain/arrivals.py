"""When requests arrive: a Poisson process whose rate follows the hour and the weekday, with bursts on top.

Drawn by thinning: candidates come at the highest rate there can be, and one is kept with the chance that the rate of
its moment has of the highest.
Source: Lewis & Shedler, "Simulation of nonhomogeneous Poisson processes by thinning", 1979.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.simulator.domain.randomness import split

_HOURS = (
    0.28, 0.18, 0.12, 0.10, 0.12, 0.22, 0.48, 0.85, 1.45, 1.90, 1.95, 1.70,
    1.20, 1.15, 1.60, 1.75, 1.65, 1.45, 1.20, 1.15, 1.25, 1.15, 0.70, 0.40,
)  # fmt: skip
"""Share of a day's requests in each hour, relative to an even day (mean 1): two office peaks and an evening one."""
_WEEKDAYS = (1.18, 1.10, 1.06, 1.04, 1.08, 0.80, 0.74)
"""Relative to an even week, Monday first (mean 1)."""
_BUSIEST = max(_HOURS) * max(_WEEKDAYS)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the rate moves with the time of day and week. `flat` keeps it constant, for measurements."""

    flat: bool = False

    def factor(self, moment: datetime) -> float:
        """What to multiply the mean rate with at `moment`, in the moment's own time zone."""
        if self.flat:
            return 1.0
        hour, minute = moment.hour, moment.minute
        # Between the middles of two hours the rate goes over evenly, so that it never jumps.
        position = (hour + minute / 60 - 0.5) % 24
        before = int(position)
        part = position - before
        return (_HOURS[before] * (1 - part) + _HOURS[(before + 1) % 24] * part) * _WEEKDAYS[moment.weekday()]

    @property
    def highest(self) -> float:
        """The largest factor there is."""
        return 1.0 if self.flat else _BUSIEST


@dataclass(frozen=True, slots=True)
class BurstPlan:
    """Bursts: `factor` times the mean rate on top, for `shortest` to `longest` seconds, `every` seconds on average
    after the end of the one before. `every` 0 means that there are none."""

    every: float = 1_200.0
    shortest: float = 60.0
    longest: float = 300.0
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst: its number from 0, and when it begins and ends, in seconds after the start."""

    number: int
    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request arrives `at` seconds after the start; `burst` where it belongs to one."""

    at: float
    burst: Burst | None


def bursts(seed: int, plan: BurstPlan) -> Iterator[Burst]:
    """The city's bursts in order, without end; none overlaps another."""
    if plan.every <= 0:
        return
    rng = split(seed, "bursts")
    ends = 0.0
    number = 0
    while True:
        begins = ends + rng.expovariate(1 / plan.every)
        ends = begins + rng.uniform(plan.shortest, plan.longest)
        yield Burst(number, begins, ends)
        number += 1


def arrivals(seed: int, start: datetime, rate: float, rhythm: Rhythm, plan: BurstPlan) -> Iterator[Arrival]:
    """Arrivals in order of time, without end, `rate` per second on average over a week (bursts come on top).

    `start` is in the city's time zone. Raises `ValueError` where `rate` is not above 0.
    """
    if rate <= 0:
        raise ValueError(f"The rate must be above 0 requests per second, not {rate}.")
    rng = split(seed, "arrivals")
    coming = bursts(seed, plan)
    burst = next(coming, None)
    extra = rate * plan.factor if burst is not None else 0.0
    highest = rate * rhythm.highest + extra
    at = 0.0
    while True:
        at += rng.expovariate(highest)
        while burst is not None and at >= burst.ends:
            burst = next(coming, None)
        chance = rng.random() * highest
        ordinary = rate * rhythm.factor(start + timedelta(seconds=at))
        if chance < ordinary:
            yield Arrival(at, None)
        elif burst is not None and at >= burst.begins and chance < ordinary + extra:
            yield Arrival(at, burst)
