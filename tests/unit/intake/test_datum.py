"""Points of Chinese maps as WGS 84."""

from __future__ import annotations

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.datum import Datum, gcj02_to_bd09, is_shifted, to_wgs84, wgs84_to_gcj02

# Within the rectangle of the formulas, and as far from its border as a shift goes.
LATITUDES, LONGITUDES = st.floats(0.85, 55.8), st.floats(72.03, 137.8)


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    north, east = other[0] - one[0], (other[1] - one[1]) * math.cos(math.radians(one[0]))
    return math.hypot(north, east) * 111_320


@given(LATITUDES, LONGITUDES)
def test_a_point_comes_back_from_each_datum(latitude: float, longitude: float) -> None:
    point = (latitude, longitude)
    gcj02 = wgs84_to_gcj02(*point)
    bd09 = gcj02_to_bd09(*gcj02)
    assert 10 < metres(point, gcj02) < 1_500
    assert metres(point, to_wgs84(*gcj02, "gcj02")) < 1
    assert metres(point, to_wgs84(*bd09, "bd09")) < 1


def test_known_points() -> None:
    assert metres(to_wgs84(29.047335, 121.121930, "gcj02"), (29.0500, 121.1175)) < 1
    # Tiananmen, as the maps of Amap and Baidu give it.
    assert metres(to_wgs84(39.908739, 116.397326, "gcj02"), (39.907333, 116.391083)) < 2
    assert metres(to_wgs84(39.915085, 116.403699, "bd09"), (39.907333, 116.391083)) < 3


@given(st.floats(-90, 90), st.floats(-180, 180), st.sampled_from(get_args(Datum)))
def test_any_point_stays_one_and_outside_of_china_where_it_is(latitude: float, longitude: float, datum: Datum) -> None:
    found = to_wgs84(latitude, longitude, datum)
    assert -90 <= found[0] <= 90
    assert -180 <= found[1] <= 180
    if datum == "wgs84":
        assert found == (latitude, longitude)
    elif not is_shifted(latitude, longitude):
        assert metres((latitude, longitude), found) < 0.1


@pytest.mark.parametrize(
    "place", [(0.8293, 72.004), (55.8271, 137.8347), (0.83, 100.0), (55.827, 100.0), (30.0, 72.0041)]
)
@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_the_search_ends_at_the_border(place: tuple[float, float], datum: Datum) -> None:
    assert metres(place, to_wgs84(*place, datum)) < 3_000
