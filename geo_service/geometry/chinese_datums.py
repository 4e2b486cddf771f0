"""GCJ-02 and BD-09, the two obfuscated datums of Chinese web maps, as vectorised formulas and their inverses.

The formulas are the ones in public circulation (GCJ-02: a sum of sines on the Krasovsky 1940 ellipsoid;
BD-09: a small rotation and stretch about the origin, laid on top of GCJ-02). Both are nearly the
identity, so the inverse is the fixed point of ``w = g - offset(w)``: each round shrinks the error at
least fifty-fold, and we go on until what is left is below 3·10⁻⁹ degree (0.3 mm).

Where GCJ-02 applies: inside the rectangle of :data:`CHINA_BOUNDS_DEG`, border included, in *WGS84*
coordinates; outside it GCJ-02 is the identity. The forward map jumps by some hundred metres at the rim
of that rectangle (at sea or abroad), where one GCJ-02 position may stand for two places; the inverse
then gives the one inside.

Speed. Every angle of the GCJ-02 sum is a whole multiple of one small angle per axis, so one sine and
one cosine are taken and the rest follows by doubling and adding angles, at a loss of a few last bits of
metres.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Angle = tuple[Array, Array]  # sine and cosine
Offset = Callable[[Array, Array], tuple[Array, Array]]

CHINA_BOUNDS_DEG = (
    72.004,
    0.8293,
    137.8347,
    55.8271,
)  # lon, lat of the south-west, then the north-east corner
_AXIS_M = 6378245.0  # Krasovsky 1940
_ECCENTRICITY2 = 0.00669342162296594323
_SIN_35, _COS_35 = math.sin(math.radians(35.0)), math.cos(math.radians(35.0))
_BD_FREQUENCY = math.pi * 3000.0 / 180.0
_BD_SHIFT_DEG = (0.0065, 0.006)
_ERROR_DEG = 3e-9
_GCJ_SHRINK, _BD_SHRINK = 140.0, 50.0  # by how much, at least, a round shrinks the error: 1 / |Jacobian|
_MAX_ROUNDS = 20
_REACH_DEG = 0.1  # no offset is larger
_RIM_DEG = 1e-8  # a point on the rim may come back this far outside it
_CHUNK = 16_384  # points at a time: temporaries stay in the cache


def wgs84_to_gcj02(lonlat_deg: Array) -> Array:
    """Return GCJ-02 degrees of an (n, 2) array of WGS84 degrees."""
    return _chunked(_gcj_forward, lonlat_deg)


def gcj02_to_wgs84(lonlat_deg: Array) -> Array:
    """Return WGS84 degrees of an (n, 2) array of GCJ-02 degrees, to less than a millimetre."""
    return _chunked(_gcj_inverse, lonlat_deg)


def gcj02_to_bd09(lonlat_deg: Array) -> Array:
    """Return BD-09 degrees of an (n, 2) array of GCJ-02 degrees. Applies everywhere."""
    return _chunked(_bd_forward, lonlat_deg)


def bd09_to_gcj02(lonlat_deg: Array) -> Array:
    """Return GCJ-02 degrees of an (n, 2) array of BD-09 degrees, to less than a millimetre."""
    return _chunked(_bd_inverse, lonlat_deg)


def _chunked(convert: Offset, points: Array) -> Array:
    out = np.empty_like(points)
    for start in range(0, len(points), _CHUNK):
        part = slice(start, start + _CHUNK)
        lon, lat = np.ascontiguousarray(points[part].T)
        out[part, 0], out[part, 1] = convert(lon, lat)
    return out


def _undo(
    offset: Offset, lon: Array, lat: Array, shrink: float, start_deg: tuple[float, float] = (0.0, 0.0)
) -> tuple[Array, Array]:
    """Solve ``w + offset(w) = (lon, lat)`` for w, taking ``start_deg`` for the offset at first."""
    x, y = lon - start_deg[0], lat - start_deg[1]
    for _ in range(_MAX_ROUNDS):
        east, north = offset(x, y)
        x_before, y_before = x, y
        x, y = lon - east, lat - north
        step = max(np.abs(x - x_before).max(initial=0.0), np.abs(y - y_before).max(initial=0.0))
        if step <= _ERROR_DEG * shrink:
            break
    return x, y


def _in_china(lon: Array, lat: Array, margin_deg: float = 0.0) -> NDArray[np.bool_]:
    west, south, east, north = CHINA_BOUNDS_DEG
    in_lon = (west - margin_deg <= lon) & (lon <= east + margin_deg)
    return np.asarray(in_lon & (south - margin_deg <= lat) & (lat <= north + margin_deg))


def _gcj_forward(lon: Array, lat: Array) -> tuple[Array, Array]:
    inside = _in_china(lon, lat)
    east, north = _gcj_offset(lon, lat)
    return np.where(inside, lon + east, lon), np.where(inside, lat + north, lat)


def _gcj_inverse(lon: Array, lat: Array) -> tuple[Array, Array]:
    near = _in_china(lon, lat, _REACH_DEG)
    x, y = _undo(_gcj_offset, lon[near], lat[near], _GCJ_SHRINK)
    inside = _in_china(x, y, _RIM_DEG)
    out = lon.copy(), lat.copy()
    out[0][near] = np.where(inside, x, lon[near])
    out[1][near] = np.where(inside, y, lat[near])
    return out


def _gcj_offset(lon: Array, lat: Array) -> tuple[Array, Array]:
    """Offset in degrees, to the east and north, by which GCJ-02 differs from WGS84."""
    x, y = lon - 105.0, lat - 35.0
    root, product = np.sqrt(np.abs(x)), 0.1 * x * y
    base_y = _sine_cosine(y * (math.pi / 180.0))
    waves_x, whole_x = _waves(_sine_cosine(x * (math.pi / 60.0)), (20.0, 40.0, 150.0, 300.0))
    waves_y, _ = _waves(_times_3(base_y), (20.0, 40.0, 160.0, 320.0))
    twice = _times_2(whole_x)
    common = 20.0 * (_times_3(twice)[0] + twice[0])
    north_m = (
        -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + product + 0.2 * root + (2.0 / 3.0) * (common + waves_y)
    )
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + product + 0.1 * root + (2.0 / 3.0) * (common + waves_x)
    sin_lat = base_y[0] * _COS_35 + base_y[1] * _SIN_35
    cos_lat = base_y[1] * _COS_35 - base_y[0] * _SIN_35
    squash = 1.0 - _ECCENTRICITY2 * sin_lat * sin_lat
    per_metre = (180.0 / math.pi / _AXIS_M) * np.sqrt(squash)
    return east_m * per_metre / cos_lat, north_m * per_metre * squash / (1.0 - _ECCENTRICITY2)


def _waves(base: Angle, amplitude_m: tuple[float, float, float, float]) -> tuple[Array, Angle]:
    """Sum the four waves of one axis, of wavelength 2, 6, 24 and 60 degrees; return also the shortest angle.

    ``base`` is π/60 of the coordinate in degrees; the waves are its 60-, 20-, 5- and 2-fold.
    """
    double = _times_2(base)
    fivefold = _plus(_times_2(double), base)
    twentyfold = _times_2(_times_2(fivefold))
    shortest = _times_3(twentyfold)
    a, b, c, d = amplitude_m
    return a * shortest[0] + b * twentyfold[0] + c * fivefold[0] + d * double[0], shortest


def _sine_cosine(angle: Array) -> Angle:
    return np.sin(angle), np.cos(angle)


def _plus(a: Angle, b: Angle) -> Angle:
    return a[0] * b[1] + a[1] * b[0], a[1] * b[1] - a[0] * b[0]


def _times_2(a: Angle) -> Angle:
    return 2.0 * a[0] * a[1], 1.0 - 2.0 * a[0] * a[0]


def _times_3(a: Angle) -> Angle:
    square = 4.0 * a[0] * a[0]
    return a[0] * (3.0 - square), a[1] * (1.0 - square)


def _bd_forward(lon: Array, lat: Array) -> tuple[Array, Array]:
    east, north = _bd_offset(lon, lat)
    return lon + east, lat + north


def _bd_inverse(lon: Array, lat: Array) -> tuple[Array, Array]:
    return _undo(_bd_offset, lon, lat, _BD_SHRINK, _BD_SHIFT_DEG)


def _bd_offset(x: Array, y: Array) -> tuple[Array, Array]:
    """Offset in degrees by which BD-09 differs from GCJ-02: stretch the radius, turn slightly, shift."""
    radius = np.sqrt(x * x + y * y)
    stretch = 2e-5 * np.sin(y * _BD_FREQUENCY) / np.where(radius > 0.0, radius, 1.0)
    turn = 3e-6 * np.cos(x * _BD_FREQUENCY)
    # |turn| ≤ 3e-6: its sine is turn - turn³/6 and its cosine 1 - turn²/2 to the last bit
    sine, cosine_less_1 = turn - turn * turn * turn / 6.0, -0.5 * turn * turn
    gain = 1.0 + stretch
    east = x * stretch + gain * (x * cosine_less_1 - y * sine) + _BD_SHIFT_DEG[0]
    north = y * stretch + gain * (y * cosine_less_1 + x * sine) + _BD_SHIFT_DEG[1]
    return east, north
