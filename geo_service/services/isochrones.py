"""Isochrones: what can be reached from a place within limits of time."""

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, NotFoundError, Words
from geo_service.model import Mode
from geo_service.roads.graph import RoadGraph
from geo_service.roads.isochrone import isochrone
from geo_service.roads.snap import Snaps
from geo_service.services.ground import MAX_ACCESS_M, Ground

MOST_PLACES, MOST_LIMITS = 50, 10
LONGEST_MIN = 60.0
#: A raster of 15 m, coarser for long limits: their outline is drawn smaller.
FINE_M, COARSE_M, FINE_UP_TO_MIN = 15.0, 30.0, 10.0
#: Beyond this an outline says nothing of streets any more.
COARSEST_M = 250.0


def isochrones(
    held: Ground, places: Sequence[tuple[float, float]], mode: Mode, minutes: Sequence[float]
) -> gpd.GeoDataFrame:
    """Return what somebody at one of the places can reach, by limit, the shortest first.

    Parameters
    ----------
    places : sequence of (lon, lat)
        EPSG:4326, 1 to 50; what any of them reaches counts.
    minutes : sequence of float
        1 to 10 limits, above 0 and at most 60.

    Returns
    -------
    GeoDataFrame
        ``minutes``, ``mode`` and a valid MultiPolygon in EPSG:4326 that covers those of shorter limits.

    Raises
    ------
    InvalidInputError
        Too many or too few places or limits, or one out of range.
    NotFoundError
        No street is near any of the places.
    ConflictError
        No road network has been imported.
    """
    limits = sorted(set(minutes))
    faults = []
    if not 1 <= len(places) <= MOST_PLACES:
        words = Words(f"give 1 to {MOST_PLACES} places", f"请给出 1 至 {MOST_PLACES} 个地点")
        faults.append(Fault("place", words, value=len(places)))
    if not 1 <= len(limits) <= MOST_LIMITS or not all(0 < one <= LONGEST_MIN for one in limits):
        words = Words(
            f"give 1 to {MOST_LIMITS} limits above 0 and up to {LONGEST_MIN:g}",
            f"请给出 1 至 {MOST_LIMITS} 个时限，大于 0 且不超过 {LONGEST_MIN:g} 分钟",
        )
        faults.append(Fault("minutes", words))
    if faults:
        raise InvalidInputError(Words("the isochrone cannot be drawn like that", "无法绘制等时圈"), faults)
    _, _, graph, snapper = held.roads(mode)
    snaps = snapper.snap(np.array(places, float), MAX_ACCESS_M)
    if not snaps.snapped.any():
        words = Words(f"no street within {MAX_ACCESS_M:.0f} m", f"{MAX_ACCESS_M:.0f} 米内没有道路")
        raise NotFoundError(words, [Fault("place", words)])
    return gpd.GeoDataFrame(
        {"minutes": limits, "mode": mode.value}, geometry=_outlines(graph, snaps, limits), crs=4326
    )


def reached_from(
    held: Ground, lonlat_deg: NDArray[np.float64], mode: Mode, minutes: float
) -> shapely.MultiPolygon:
    """Return what somebody at any of however many places can reach: empty where no street is near.

    Parameters
    ----------
    lonlat_deg : (n, 2) float64
        EPSG:4326.

    Raises
    ------
    ConflictError
        No road network has been imported.
    """
    _, _, graph, snapper = held.roads(mode)
    snaps = snapper.snap(np.asarray(lonlat_deg, np.float64).reshape(-1, 2), MAX_ACCESS_M)
    return _outlines(graph, snaps, [minutes])[0]


def _outlines(graph: RoadGraph, snaps: Snaps, minutes: Sequence[float]) -> NDArray[np.object_]:
    """Return the outlines of ascending limits, coarser where they span too much for a fine raster."""
    limits_ms = [round(one * 60_000) for one in minutes]
    cell_m = FINE_M if minutes[-1] <= FINE_UP_TO_MIN else COARSE_M
    while True:
        try:
            return isochrone(graph, snaps, limits_ms, cell_m=cell_m)
        except InvalidInputError:
            if cell_m > COARSEST_M:
                raise
            cell_m *= 2
