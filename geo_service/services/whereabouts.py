"""Whether what is imported lies where the boundaries are, and if it does not, the likeliest reason."""

from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.crs import BD09, GCJ02, from_wgs84, to_wgs84
from geo_service.geometry.measure import distance_m
from geo_service.services.tiling import Tiling

Floats = NDArray[np.float64]

#: Where more than this share of the points lies in no cell, something may be wrong with all of them.
SUSPICIOUS_SHARE = 0.5

#: Streets that all lie farther than this from the cells are of another place.
FARTHEST_STREETS_M = 50_000.0

_READINGS: dict[str, Callable[[Floats], Floats]] = {
    "with lon and lat swapped": lambda lonlat_deg: lonlat_deg[:, ::-1].copy(),
    "if the coordinates of the file are GCJ02": lambda lonlat_deg: to_wgs84(lonlat_deg, GCJ02),
    "if the coordinates of the file are BD09": lambda lonlat_deg: to_wgs84(lonlat_deg, BD09),
    "if the coordinates of the file were not GCJ02": lambda lonlat_deg: from_wgs84(lonlat_deg, GCJ02),
    "if the coordinates of the file were not BD09": lambda lonlat_deg: from_wgs84(lonlat_deg, BD09),
}


def about_streets(nodes_lonlat_deg: Floats, tiling: Tiling) -> str | None:
    """Say that no street lies in any cell, and how far the two are apart; None if some do."""
    if not len(nodes_lonlat_deg) or _count_in_cells(nodes_lonlat_deg, tiling):
        return None
    apart = _how_far(nodes_lonlat_deg, tiling)
    return f"no street lies in any cell{apart}: is this an extract of another place?"


def refuse_far_streets(nodes_lonlat_deg: Floats, tiling: Tiling) -> None:
    """Refuse a road network of which no street lies near the cells.

    Near is within :data:`FARTHEST_STREETS_M` of the frame (west, south, east, north) of all cells.

    Raises
    ------
    InvalidInputError
        None does; the place of the fault is the street that is nearest.
    """
    west, south, east, north = _frame(tiling)
    on_frame = np.clip(nodes_lonlat_deg, [west, south], [east, north])
    apart_m = distance_m(nodes_lonlat_deg, on_frame)
    nearest = int(np.argmin(apart_m))
    if apart_m[nearest] <= FARTHEST_STREETS_M:
        return
    lon, lat = nodes_lonlat_deg[nearest]
    fault = Fault("anyway", "give an extract of this place, or say anyway", place=(float(lon), float(lat)))
    raise InvalidInputError(
        f"no street lies within {FARTHEST_STREETS_M / 1000:.0f} km of any cell: "
        f"the nearest is about {apart_m[nearest] / 1000:,.0f} km away",
        [fault],
    )


def about_incidents(lonlat_deg: Floats, tiling: Tiling) -> str | None:
    """Return what :func:`about_points` says of incidents."""
    return about_points(lonlat_deg, tiling, "incidents")


def about_points(lonlat_deg: Floats, tiling: Tiling, what: str = "points") -> str | None:
    """Say that most points lie in no cell, and what would bring them in; None if most do lie in one.

    Parameters
    ----------
    lonlat_deg : (n, 2) float64
        EPSG:4326 as read, NaN for those without a place.
    tiling : Tiling
        The edition in force.
    what : str
        What the points are, in the plural.
    """
    known = lonlat_deg[np.isfinite(lonlat_deg).all(axis=1)]
    outside = len(known) - _count_in_cells(known, tiling)
    if outside <= SUSPICIOUS_SHARE * len(known):
        return None
    said = f"{outside} of the {len(known)} {what} with coordinates lie in no cell"
    inside_if = {reading: _count_in_cells(read(known), tiling) for reading, read in _READINGS.items()}
    reading, inside = max(inside_if.items(), key=lambda guess: guess[1])
    if inside > SUSPICIOUS_SHARE * len(known):
        return f"{said}; {reading}, {inside} would"
    return f"{said}{_how_far(known, tiling)}"


def _count_in_cells(lonlat_deg: Floats, tiling: Tiling) -> int:
    cell, _ = tiling.index.leaf_of(lonlat_deg)
    return int(np.count_nonzero(cell >= 0))


def _frame(tiling: Tiling) -> Floats:
    """Return west, south, east and north of all cells."""
    return np.asarray(shapely.total_bounds(tiling.cells["geom"].to_numpy()[tiling.leaves]))


def _how_far(lonlat_deg: Floats, tiling: Tiling) -> str:
    """Say how far the frames of points and cells are apart, to the kilometre; nothing if they overlap."""
    cells = shapely.box(*_frame(tiling))
    points = shapely.box(*lonlat_deg.min(axis=0), *lonlat_deg.max(axis=0))
    ends = shapely.get_coordinates(shapely.shortest_line(points, cells))
    apart_m = float(distance_m(ends[:1], ends[1:])[0])
    return f", about {apart_m / 1000:,.0f} km away" if apart_m >= 1000 else ""
