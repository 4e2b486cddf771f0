"""A sketch of the way to where somebody is sent: the way, the streets and buildings beside it.

Small enough for a phone on a bad line, and drawn without tiles, which phones of the field may not read.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import ConflictError, NotFoundError, Words
from geo_service.services.dispatch_desk import DispatchDesk
from geo_service.store import dispatches, linework
from geo_service.store.linework import Box

#: So far round the way is drawn, and at least so far round the place.
MARGIN_M, LEAST_M = 80.0, 150.0
#: Of a longer way only the streets are drawn: houses would be too small to see.
HOUSES_WITHIN_M = 1200.0
#: Of a way beyond this only the last piece is drawn.
MOST_M = 6000.0
MOST_STREETS, MOST_BUILDINGS = 800, 500
_DEGREE_M = 111_195.0
#: A tenth of what a phone can show.
_SIMPLER_DEG = 1e-5


@dataclass(frozen=True, slots=True)
class Sketch:
    """Where to go, and how.

    Attributes
    ----------
    place : tuple of float
        lon, lat of the incident, EPSG:4326.
    way : dict or None
        GeoJSON feature as the desk shows it; None where no way is known.
    box : tuple of float
        West, south, east, north of what is drawn.
    streets : list of dict
        ``name`` ("" for none) and ``line``, lon lat pairs.
    buildings : list
        Rings, each lon lat pairs.
    """

    place: tuple[float, float]
    way: dict[str, Any] | None
    box: Box
    streets: list[dict[str, Any]]
    buildings: list[list[list[float]]]


def own_way(desk: DispatchDesk, responder_id: int) -> Sketch:
    """Return the sketch for the open dispatch of somebody.

    Raises
    ------
    NotFoundError
        He is sent nowhere.
    ConflictError
        The incident has no place yet.
    """
    with desk.database.reading() as connection:
        found = dispatches.page(connection, limit=1, is_open=True, responder_id=responder_id)
        if not found:
            raise NotFoundError(Words("you are sent nowhere", "您当前没有任务"))
        scene = dispatches.scene(connection, found[0].incident_id)
    if scene.lon is None or scene.lat is None:
        raise ConflictError(Words("the incident has no place yet", "事件尚未定位"))
    place = (scene.lon, scene.lat)
    way = _way(desk, found[0])
    line = np.array(way["geometry"]["coordinates"] if way else [place], dtype=np.float64)
    box = _box(line, place)
    with desk.database.reading() as connection:
        streets = linework.named_streets(connection, box, MOST_STREETS)
        near = _width_m(box) <= HOUSES_WITHIN_M
        houses = linework.footprints(connection, box, MOST_BUILDINGS) if near else []
    return Sketch(
        place,
        way,
        box,
        [{"name": name, "line": _pairs(shapely.get_coordinates(geom))} for geom, name in streets],
        [_pairs(shapely.get_coordinates(shapely.get_exterior_ring(part))) for part in _polygons(houses)],
    )


def _way(desk: DispatchDesk, one: dispatches.Dispatch) -> dict[str, Any] | None:
    try:
        return desk.route(one.incident_id, one.responder)
    except (NotFoundError, ConflictError):  # no roads, or it is not known where he is
        return None


def _box(line: NDArray[np.float64], place: tuple[float, float]) -> Box:
    """Return what is drawn: the way with a margin, or its end where it is very long."""
    wide = np.array([_DEGREE_M * np.cos(np.radians(place[1])), _DEGREE_M])
    apart_m = np.abs((line - place) * wide).max(axis=1)
    kept = line[apart_m <= MOST_M] if (apart_m <= MOST_M).any() else np.array([place])
    lower = np.minimum(kept.min(axis=0) - MARGIN_M / wide, place - LEAST_M / wide)
    upper = np.maximum(kept.max(axis=0) + MARGIN_M / wide, place + LEAST_M / wide)
    west, south, east, north = (round(float(one), 6) for one in (*lower, *upper))
    return west, south, east, north


def _width_m(box: Box) -> float:
    west, south, east, north = box
    return float(max((east - west) * np.cos(np.radians(south)), north - south) * _DEGREE_M)


def _polygons(geoms: list[Any]) -> list[Any]:
    parts = shapely.get_parts(shapely.simplify(np.array(geoms, dtype=object), _SIMPLER_DEG))
    return [one for one in parts if one.geom_type == "Polygon" and not one.is_empty]


def _pairs(line: NDArray[np.float64]) -> list[list[float]]:
    pairs: list[list[float]] = np.round(line, 6).tolist()
    return pairs
