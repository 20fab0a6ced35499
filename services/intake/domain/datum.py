"""Points of Chinese maps as WGS 84: what a telephone's map shows is shifted by some hundred metres.

GCJ-02 (国测局坐标, maps of WeChat, Amap and Tencent) is a shift of WGS 84 by a published approximation of the State
Bureau's transformation; BD-09 (Baidu) is a shift of GCJ-02. Sources: the formulas of `eviltransform` (googollee and
contributors, MIT) for GCJ-02, and of Baidu's open coordinate conversion for BD-09. Outside of China there is no shift.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

Datum: TypeAlias = Literal["wgs84", "gcj02", "bd09"]
"""What the degrees of a point are measured against."""
DEFAULT: Datum = "wgs84"

_SEMI_MAJOR_AXIS = 6_378_245.0
_ECCENTRICITY_SQUARED = 0.006_693_421_622_965_943_23
"""Krasovsky's ellipsoid of 1940, which the transformation uses."""
_BD_PI = math.pi * 3000.0 / 180.0
_SOUTH, _NORTH, _WEST, _EAST = 0.8293, 55.8271, 72.004, 137.8347
_CLOSE = 1e-9
"""Degrees at which the search of an inverse ends: a tenth of a millimetre."""
_STEPS = 20
_DIGITS = 7
"""Of a degree that was worked out: a centimetre."""


def to_wgs84(latitude: float, longitude: float, datum: Datum) -> tuple[float, float]:
    """A point as WGS 84 degrees, to less than a metre. What is WGS 84 already stays as it is."""
    if datum == "wgs84":
        return latitude, longitude
    if datum == "bd09":
        latitude, longitude = bd09_to_gcj02(latitude, longitude)
    latitude, longitude = gcj02_to_wgs84(latitude, longitude)
    return round(latitude, _DIGITS), round(longitude, _DIGITS)


def wgs84_to_gcj02(latitude: float, longitude: float) -> tuple[float, float]:
    """WGS 84 degrees as GCJ-02."""
    if not is_shifted(latitude, longitude):
        return latitude, longitude
    north, east = _shift(longitude - 105.0, latitude - 35.0)
    radians = math.radians(latitude)
    squared = 1.0 - _ECCENTRICITY_SQUARED * math.sin(radians) ** 2
    root = math.sqrt(squared)
    meridian = _SEMI_MAJOR_AXIS * (1.0 - _ECCENTRICITY_SQUARED) / (squared * root)
    parallel = _SEMI_MAJOR_AXIS / root * math.cos(radians)
    return latitude + math.degrees(north / meridian), longitude + math.degrees(east / parallel)


def gcj02_to_wgs84(latitude: float, longitude: float) -> tuple[float, float]:
    """GCJ-02 degrees as WGS 84: there is no formula, so the point is sought that is shifted to this one."""
    if not is_shifted(latitude, longitude):
        return latitude, longitude
    north, east = latitude, longitude
    for _ in range(_STEPS):
        found = wgs84_to_gcj02(north, east)
        off_north, off_east = found[0] - latitude, found[1] - longitude
        north, east = north - off_north, east - off_east
        if abs(off_north) < _CLOSE and abs(off_east) < _CLOSE:
            break
    return north, east


def gcj02_to_bd09(latitude: float, longitude: float) -> tuple[float, float]:
    """GCJ-02 degrees as BD-09."""
    if not is_shifted(latitude, longitude):
        return latitude, longitude
    radius = math.hypot(longitude, latitude) + 0.00002 * math.sin(latitude * _BD_PI)
    angle = math.atan2(latitude, longitude) + 0.000003 * math.cos(longitude * _BD_PI)
    return radius * math.sin(angle) + 0.006, radius * math.cos(angle) + 0.0065


def bd09_to_gcj02(latitude: float, longitude: float) -> tuple[float, float]:
    """BD-09 degrees as GCJ-02, by Baidu's inverse and then closer."""
    if not is_shifted(latitude, longitude):
        return latitude, longitude
    north, east = latitude - 0.006, longitude - 0.0065
    for _ in range(_STEPS):
        found = gcj02_to_bd09(north, east)
        off_north, off_east = found[0] - latitude, found[1] - longitude
        north, east = north - off_north, east - off_east
        if abs(off_north) < _CLOSE and abs(off_east) < _CLOSE:
            break
    return north, east


def is_shifted(latitude: float, longitude: float) -> bool:
    """Whether maps shift this point: inside of the rectangle around China that the formulas use."""
    return _SOUTH <= latitude <= _NORTH and _WEST <= longitude <= _EAST


def _shift(x: float, y: float) -> tuple[float, float]:
    """Metres north and east, of a point `x` degrees east of 105° E and `y` degrees north of 35° N."""
    root = math.sqrt(abs(x))
    waves = 20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves * 2.0 / 3.0
    north += (20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    north += (160.0 * math.sin(y / 12.0 * math.pi) + 320.0 * math.sin(y / 30.0 * math.pi)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves * 2.0 / 3.0
    east += (20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    east += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2.0 / 3.0
    return north, east
