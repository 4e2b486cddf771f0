"""Guesses at why coordinates cannot be degrees: swapped axes, metres of some projection, a wrong label."""

import numpy as np
from numpy.typing import NDArray

_GK3_EPSG_OF_ZONE_0 = 4488  # CGCS2000 / 3-degree Gauss-Kruger zone 25 is EPSG:4513
_NORTHERNMOST_TOWN_DEG = 80.0
_SOUTHERNMOST_TOWN_DEG = -60.0


def out_of_range(xy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which of (n, 2) positions are no longitude and latitude in degrees."""
    bad: NDArray[np.bool_] = (np.abs(xy[:, 0]) > 180.0) | (np.abs(xy[:, 1]) > 90.0)
    return bad


def why_out_of_range(xy: NDArray[np.float64], declared: str | None = None) -> str:
    """Return the likeliest reason and the remedy for positions that are not degrees.

    Parameters
    ----------
    xy : (n, 2) float64
        The offending positions of one geometry or column, finite.
    declared : str or None
        What the file calls its CRS, if it names one that was not used.
    """
    if declared is not None:
        return f"the file names {declared[:60]!r} as its CRS: give it as --crs if that is right"
    x, y = np.abs(xy[:, 0]), np.abs(xy[:, 1])
    if np.all(x <= 90.0) and np.all(y <= 180.0):
        return "lon and lat look swapped"
    if np.all(x <= 360.0) and np.all(y <= 90.0) and np.all(xy[:, 0] >= 0.0):
        return "longitudes run from 0 to 360: bring them into -180 to 180"
    if np.median(np.maximum(x, y)) > 1000.0:
        return f"looks like projected metres: give --crs, {_which_projection(xy)}"
    return "must be lon in -180 to 180 and lat in -90 to 90"


def _which_projection(xy: NDArray[np.float64]) -> str:
    x, y = float(np.median(xy[:, 0])), float(np.median(xy[:, 1]))
    if 25e6 <= x < 46e6:
        return f"perhaps EPSG:{_GK3_EPSG_OF_ZONE_0 + int(x // 1e6)} (CGCS2000, 3-degree zone {int(x // 1e6)})"
    if 25e6 <= y < 46e6 or (1.5e6 < x < 6.2e6 and 0 < y < 1e6):
        return "and mind that northing seems to stand before easting: swap them"
    if 8e6 < x < 1.51e7 and 4e5 < y < 7.4e6:
        return "perhaps EPSG:3857 (web Mercator)"
    if 0 < x < 1e6 and 1.5e6 < y < 6.2e6:
        return "for a Chinese county its 3-degree zone, EPSG:4534 (75°E) to EPSG:4554 (135°E)"
    return "for example --crs EPSG:4549"


def where_no_town_lies(centres_deg: NDArray[np.float64]) -> bool:
    """Tell whether all of a file lies in polar latitudes, as Chicago does with lon and lat swapped."""
    lat = centres_deg[:, 1]
    return bool(len(lat) and (np.all(lat > _NORTHERNMOST_TOWN_DEG) or np.all(lat < _SOUTHERNMOST_TOWN_DEG)))


def swapped_outliers(centres_deg: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which centres lie far from the rest, but near it with lon and lat swapped.

    Parameters
    ----------
    centres_deg : (n, 2) float64
        One position a feature, NaN where there is none.
    """
    known = centres_deg[np.isfinite(centres_deg).all(axis=1)]
    if len(known) < 3:
        return np.zeros(len(centres_deg), bool)
    middle = np.median(known, axis=0)
    far = np.abs(centres_deg - middle).max(axis=1) > 10.0
    near_when_swapped = np.abs(centres_deg[:, ::-1] - middle).max(axis=1) < 5.0
    swapped: NDArray[np.bool_] = far & near_when_swapped
    return swapped
