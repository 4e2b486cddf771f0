"""Blind spots: where people live whom nobody reaches within the limit, as polygons."""

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from geo_service.roads.contour import Raster
from geo_service.roads.kernels import NONE
from geo_service.services.coverage_places import PEOPLE, Places
from geo_service.services.coverage_question import Measure
from geo_service.services.coverage_readings import LOW_WORD, Setting, travelled
from geo_service.services.ground import Ground
from geo_service.services.tiling import Tiling

#: How far about a blind house the polygon goes, unless a covered house is nearer.
REACH_M = 90.0
CELL_M = 30.0
#: Specks smaller than the ground of a lone house are not lost: a raster cell is the least.
SMALLEST_CELLS = 1.0


def blind_spots(
    held: Ground,
    setting: Setting,
    *,
    least_households: float = 0.0,
    inside: NDArray[np.bool_] | None = None,
) -> gpd.GeoDataFrame:
    """Return the blind spots, those with most households first; with ``inside`` those of some leaves.

    Returns
    -------
    GeoDataFrame
        EPSG:4326 polygons, valid, apart from one another: ``households``, ``residents``, ``places`` inside
        that are not reached in time, ``nearest_s`` and ``median_s``, how long the soonest takes to the
        first and to half of these places (NaN: nobody comes at all), ``nearest_code``, who that is,
        ``cell_code`` and ``cell_name``, the leaf with most of the households. Only what lies nearer to a
        place not reached than to one that is reached, at most 90 m from it.
    """
    places = setting.places[PEOPLE]
    nearest = travelled(held, setting)[PEOPLE].nearest
    is_blind = nearest > (np.int64(setting.question.limit_s * 1000) << 32 | LOW_WORD)
    asked = is_blind if inside is None else is_blind & inside[places.leaf]
    point = np.flatnonzero(asked)
    if not len(point):
        return _empty()
    polygons = shapely.get_parts(_outline(places.lonlat_deg, asked, ~is_blind))
    at = shapely.points(places.lonlat_deg[point])
    inside, which = shapely.STRtree(at).query(polygons, predicate="covers")
    rows = [
        _spot(setting, polygons[i], point[which[inside == i]], nearest) for i in np.unique(inside).tolist()
    ]
    rows = [row for row in rows if row["households"] >= least_households]
    if not rows:
        return _empty()
    frame = gpd.GeoDataFrame(rows, geometry="geometry", crs=4326)
    order = frame.sort_values(["households", "cell_code"], ascending=[False, True], kind="stable")
    return order.reset_index(drop=True)


def _outline(
    lonlat_deg: NDArray[np.float64], is_blind: NDArray[np.bool_], is_covered: NDArray[np.bool_]
) -> shapely.MultiPolygon:
    """Trace what is nearer to a blind place than to a covered one, and near enough to it."""
    raster = Raster.around(lonlat_deg[is_blind], CELL_M, REACH_M)
    low = np.array(raster.origin_deg)
    high = raster.lonlat_deg(np.array([[raster.shape[1] - 1, raster.shape[0] - 1]]) * CELL_M)[0]
    here = ((lonlat_deg >= low) & (lonlat_deg <= high)).all(axis=1)
    to_blind = _distance_m(raster, lonlat_deg[here & is_blind])
    to_covered = _distance_m(raster, lonlat_deg[here & is_covered])
    field = np.maximum(to_blind - REACH_M, (to_blind - to_covered) / 2)
    return raster.polygons(field, smallest_cells=SMALLEST_CELLS)


def _distance_m(raster: Raster, lonlat_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of every raster point to the nearest of some places, taken to raster points."""
    free = np.ones(raster.shape, np.bool_)
    free.ravel()[raster.index(lonlat_deg)] = False
    if free.all():
        return np.full(raster.shape, 1e9)
    distance: NDArray[np.float64] = distance_transform_edt(free) * raster.cell_m
    return distance


def _spot(
    setting: Setting, polygon: shapely.Polygon, point: NDArray[np.int64], nearest: NDArray[np.int64]
) -> dict[str, Any]:
    """Tell of one polygon and the blind places in it."""
    places, tiling = setting.places[PEOPLE], setting.tiling
    households = places.weights[Measure.HOUSEHOLDS][point]
    label = np.sort(nearest[point])
    reached = label[label != NONE]
    row = _main_leaf(places, point, households)
    return {
        "households": float(households.sum()),
        "residents": float(places.weights[Measure.RESIDENTS][point].sum()),
        "places": len(point),
        "nearest_s": float(reached[0] >> 32) / 1000 if len(reached) else np.nan,
        "median_s": _median_s(label),
        "nearest_code": setting.people.codes[int(reached[0] & LOW_WORD)] if len(reached) else None,
        "cell_code": str(tiling.leaf_codes[row]),
        "cell_name": _name(tiling, row),
        "geometry": polygon,
    }


def _median_s(label: NDArray[np.int64]) -> float:
    middle = label[(len(label) - 1) // 2]
    return float(middle >> 32) / 1000 if middle != NONE else np.nan


def _main_leaf(places: Places, point: NDArray[np.int64], households: NDArray[np.float64]) -> int:
    leaf, at = np.unique(places.leaf[point], return_inverse=True)
    return int(leaf[np.bincount(at, weights=households).argmax()])


def _name(tiling: Tiling, row: int) -> str:
    return " ".join(one["name"] for one in tiling.named_path(row)[-2:])


def _empty() -> gpd.GeoDataFrame:
    columns = "households residents places nearest_s median_s nearest_code cell_code cell_name geometry"
    return gpd.GeoDataFrame({name: [] for name in columns.split()}, geometry="geometry", crs=4326)
