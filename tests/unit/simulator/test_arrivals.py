"""Arrivals: as many as the rate says, when the rhythm says, with bursts on top."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, pairwise, takewhile

import pytest

from services.simulator.domain.arrivals import Arrival, BurstPlan, Rhythm, arrivals, bursts
from tests.unit.simulator.city import START

NO_BURSTS = BurstPlan(every=0)
FLAT = Rhythm(flat=True)


def until(seconds: float, start: datetime = START, rate: float = 5.0, **kinds: object) -> list[Arrival]:
    rhythm = kinds.get("rhythm", FLAT)
    plan = kinds.get("plan", NO_BURSTS)
    assert isinstance(rhythm, Rhythm)
    assert isinstance(plan, BurstPlan)
    return list(takewhile(lambda one: one.at < seconds, arrivals(3, start, rate, rhythm, plan)))


def test_a_flat_rate_is_kept() -> None:
    found = until(4_000, rate=5.0)
    # 20,000 expected, standard deviation 141.
    assert len(found) == pytest.approx(20_000, abs=600)
    assert all(before.at < after.at for before, after in pairwise(found))


def test_gaps_are_those_of_a_poisson_process() -> None:
    times = [one.at for one in until(4_000, rate=5.0)]
    gaps = [after - before for before, after in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    # An exponential distribution's standard deviation is its mean; evenly spaced arrivals would have none.
    assert variance**0.5 == pytest.approx(mean, rel=0.05)


def test_the_week_has_the_mean_rate_and_its_nights_are_quiet() -> None:
    monday = START - timedelta(days=1, hours=10)
    found = until(7 * 86_400, start=monday, rate=0.05, rhythm=Rhythm())
    assert len(found) == pytest.approx(0.05 * 7 * 86_400, rel=0.03)

    def at_hour(hour: int) -> int:
        return sum((monday + timedelta(seconds=one.at)).hour == hour for one in found)

    assert at_hour(9) > 8 * at_hour(3)
    weekend = sum((monday + timedelta(seconds=one.at)).weekday() >= 5 for one in found)
    assert weekend / len(found) == pytest.approx((0.80 + 0.74) / 7, abs=0.02)


def test_the_rate_never_jumps_from_one_minute_to_the_next() -> None:
    rhythm = Rhythm()
    factors = [rhythm.factor(START.replace(hour=0) + timedelta(minutes=minute)) for minute in range(1440)]
    assert max(abs(a - b) for a, b in pairwise(factors)) < 0.02
    assert max(factors) <= rhythm.highest


def test_a_burst_adds_its_requests_and_ends() -> None:
    plan = BurstPlan(every=600, shortest=100, longest=200, factor=3.0)
    first = next(bursts(3, plan))
    found = until(first.ends + 1, rate=10.0, plan=plan)
    inside = [one for one in found if one.burst is not None]
    assert all(first.begins <= one.at < first.ends for one in inside)
    assert len(inside) == pytest.approx(30 * (first.ends - first.begins), rel=0.1)
    ordinary = [one for one in found if one.burst is None]
    assert len(ordinary) == pytest.approx(10 * first.ends, rel=0.1)


def test_a_burst_is_as_strong_at_night() -> None:
    plan = BurstPlan(every=600, shortest=100, longest=200, factor=3.0)
    first = next(bursts(3, plan))
    night = START.replace(hour=3)
    found = until(first.ends + 1, start=night, rate=10.0, plan=plan, rhythm=Rhythm())
    inside = sum(one.burst is not None for one in found)
    assert inside == pytest.approx(30 * (first.ends - first.begins), rel=0.1)


def test_bursts_follow_each_other_without_overlap() -> None:
    found = list(islice(bursts(5, BurstPlan()), 200))
    assert [burst.number for burst in found] == list(range(200))
    assert all(before.ends < after.begins for before, after in pairwise(found))
    assert all(60 <= burst.ends - burst.begins <= 300 for burst in found)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        next(arrivals(1, START, 0.0, FLAT, NO_BURSTS))
