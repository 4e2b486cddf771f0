"""Areas, lengths and local metres: never in degrees, always on the ellipsoid or in a metric system."""

import math
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod

Array = NDArray[np.float64]

WGS84_GEOD = Geod(ellps="WGS84")
_CHINA_DEG = (73.5, 3.0, 135.0, 54.0)  # where the 3° Gauss–Krüger zones of CGCS2000 (EPSG 4534-4554) are used
_A_M = 6378137.0
_E2 = 0.0066943799901413165


def metric_epsg(lonlat_bounds_deg: tuple[float, float, float, float]) -> int:
    """Choose the metric system for a place by the centre of its bounds.

    Parameters
    ----------
    lonlat_bounds_deg : (west, south, east, north)
        EPSG:4326 degrees.

    Returns
    -------
    int
        EPSG code: the 3° Gauss–Krüger zone of CGCS2000 by central meridian (4534 for 75°E ... 4554 for 135°E)
        in China, the UTM zone on WGS84 elsewhere.
    """
    west, south, east, north = lonlat_bounds_deg
    lon, lat = (west + east) / 2.0, (south + north) / 2.0
    if _CHINA_DEG[0] <= lon <= _CHINA_DEG[2] and _CHINA_DEG[1] <= lat <= _CHINA_DEG[3]:
        return 4534 + min(max(math.floor(lon / 3.0 + 0.5), 25), 45) - 25
    zone = math.floor((lon + 180.0) / 6.0) % 60 + 1
    return (32700 if lat < 0 else 32600) + zone


def area_m2(geoms: ArrayLike) -> Array:
    """Return the ellipsoidal area (WGS84) of each geometry in square metres; 0 for lines, points, ``None``.

    Edges are straight in longitude and latitude, as a tiling's are, not geodesics: the strip between an
    edge and a parallel is integrated with the authalic function of latitude, three Gauss points to an edge.
    So the areas of a tiling's cells sum to the area of their union, which geodesic areas do not. For edges
    of a kilometre the two differ by a few parts in a million, see the tests.
    """
    flat = np.atleast_1d(np.asarray(geoms, dtype=object)).ravel()
    parts, owner = shapely.get_parts(flat, return_index=True)
    is_area = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    parts, owner = parts[is_area], owner[is_area]
    rings, part = shapely.get_rings(parts, return_index=True)
    if len(rings) == 0:
        return np.zeros(len(flat))
    hole = np.append(False, part[1:] == part[:-1])
    ring_area = np.abs(_ring_areas_m2(rings))
    return _sums(owner[part], np.where(hole, -ring_area, ring_area), len(flat))


def _sums(group: NDArray[np.intp], values: ArrayLike, count: int) -> Array:
    return np.bincount(group, np.asarray(values), minlength=count).astype(np.float64, copy=False)


def _ring_areas_m2(rings: NDArray[np.object_]) -> Array:
    """Signed area of each ring, clockwise positive: a²/2 ∮ q(φ) dλ (Snyder, Map Projections, 1987, 3-12)."""
    deg, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[:-1] == ring[1:]
    start, end, ring = np.radians(deg[:-1][same]), np.radians(deg[1:][same]), ring[:-1][same]
    middle, half = (start[:, 1] + end[:, 1]) / 2.0, (end[:, 1] - start[:, 1]) / 2.0
    base = _authalic(
        np.mean(middle)
    )  # a constant drops out of a closed ring; without it less is rounded away
    reach = math.sqrt(0.6) * half
    mean = (
        5.0 * (_authalic(middle - reach) - base)
        + 8.0 * (_authalic(middle) - base)
        + 5.0 * (_authalic(middle + reach) - base)
    ) / 18.0
    strip = (end[:, 0] - start[:, 0]) * mean * (_A_M * _A_M / 2.0)
    return _sums(ring, strip, len(rings))


def _authalic(lat_rad: Any) -> Any:
    sine = np.sin(lat_rad)
    e = math.sqrt(_E2)
    return (1.0 - _E2) * (sine / (1.0 - _E2 * sine * sine) + np.arctanh(e * sine) / e)


def length_m(geoms: ArrayLike) -> Array:
    """Return the geodesic length (WGS84) of each geometry in metres: of a line, or round a polygon."""
    flat = np.atleast_1d(np.asarray(geoms, dtype=object)).ravel()
    outlines = np.where(shapely.get_dimensions(flat) == 2, shapely.boundary(flat), flat)
    parts, owner = shapely.get_parts(outlines, return_index=True)
    deg, part = shapely.get_coordinates(parts, return_index=True)
    same = part[:-1] == part[1:]
    start, end = deg[:-1][same], deg[1:][same]
    _, _, step = WGS84_GEOD.inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])
    return _sums(owner[part[:-1][same]], step, len(flat))


def distance_m(from_lonlat_deg: ArrayLike, to_lonlat_deg: ArrayLike) -> Array:
    """Return the geodesic distance in metres between two (n, 2) arrays of EPSG:4326 degrees, pair by pair."""
    a, b = np.asarray(from_lonlat_deg, dtype=np.float64), np.asarray(to_lonlat_deg, dtype=np.float64)
    _, _, distance = WGS84_GEOD.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
    return np.asarray(distance, dtype=np.float64)


def metres_per_degree(lat_deg: float) -> tuple[float, float]:
    """Return the length of one degree of longitude and of one of latitude at a latitude, on the ellipsoid."""
    phi = math.radians(lat_deg)
    squash = 1.0 - _E2 * math.sin(phi) ** 2
    east_m = _A_M / math.sqrt(squash) * math.cos(phi)
    north_m = _A_M * (1.0 - _E2) / squash**1.5
    return math.radians(east_m), math.radians(north_m)


def local_xy_m(lonlat_deg: ArrayLike, origin: ArrayLike) -> Array:
    """Return east and north of an origin in metres: a linear map, so straight borders stay straight.

    Parameters
    ----------
    lonlat_deg : (n, 2) array_like
        EPSG:4326 degrees.
    origin : (lon, lat)
        Where the scale is true. At latitude 30 it is wrong by 1 part in 10,000 1.1 km to the north or south.

    Returns
    -------
    (n, 2) float64
    """
    lon, lat = np.asarray(origin, dtype=np.float64)
    scale: Array = (np.asarray(lonlat_deg, dtype=np.float64) - (lon, lat)) * metres_per_degree(float(lat))
    return scale
