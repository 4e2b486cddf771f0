"""The small map of the street's page: a cell and what lies round it, as paths for a screen."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.geometry.anchors import anchor_on
from geo_service.services.surroundings import Surroundings
from geo_service.store.surroundings import RAIL, WATER

WIDTH, HEIGHT = 720, 620
ASPECT = WIDTH / HEIGHT
_TOLERANCE = 0.5
_MAJOR = frozenset({"motorway", "trunk", "primary", "secondary", "tertiary"})
_MINOR = frozenset({"unclassified", "residential", "living_street", "pedestrian", "service"})
_MOST_NAMES = 14
_LETTER = 17.0


def street_map(around: Surroundings, place: tuple[float, float] | None) -> dict[str, Any]:
    """Return the map: ``width``, ``height``, ``paths`` by kind (SVG path data), ``names``, ``place``.

    Everything is in units of the drawing, from its upper left: no coordinates of the earth go out.
    """
    west, south, east, north = around.window
    scale = np.array([WIDTH / (east - west), -HEIGHT / (north - south)])
    frame = shapely.box(-20, -20, WIDTH + 20, HEIGHT + 20)

    def drawn(shapes: Iterable[Any]) -> NDArray[np.object_]:
        given = np.array(list(shapes), dtype=object)
        moved = shapely.transform(given, lambda xy: (xy - (west, north)) * scale)
        return np.asarray(shapely.intersection(shapely.simplify(moved, _TOLERANCE), frame), dtype=object)

    streets = drawn(one["shape"] for one in around.streets)
    kinds = [str(one["kind"]).removesuffix("_link") for one in around.streets]
    land = drawn(one["shape"] for one in around.land)
    land_kinds = [str(one["kind"]) for one in around.land]
    outline = drawn([around.outline])[0]
    beside = drawn(shape for _, shape in around.neighbours)
    paths = {
        "green": _path(s for k, s in zip(land_kinds, land, strict=True) if k not in {*WATER, *RAIL}),
        "water": _path(s for k, s in zip(land_kinds, land, strict=True) if k in WATER and _is_area(s)),
        "stream": _path(s for k, s in zip(land_kinds, land, strict=True) if k in WATER and not _is_area(s)),
        "rail": _path(s for k, s in zip(land_kinds, land, strict=True) if k in RAIL),
        "buildings": _path(drawn(around.buildings)),
        "paths": _path(s for k, s in zip(kinds, streets, strict=True) if k not in _MAJOR | _MINOR),
        "minor": _path(s for k, s in zip(kinds, streets, strict=True) if k in _MINOR),
        "major": _path(s for k, s in zip(kinds, streets, strict=True) if k in _MAJOR),
        "beside": _path(shapely.boundary(beside)),
        "cell": _path([outline]),
    }
    names = _street_names(
        [(str(one["name"]), k in _MAJOR, s) for one, k, s in zip(around.streets, kinds, streets, strict=True)]
    )
    names += _cell_names(around, beside)
    at = drawn([shapely.Point(place)])[0] if place is not None else None
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "paths": paths,
        "names": names,
        "place": None if at is None or shapely.is_empty(at) else [round(at.x), round(at.y)],
    }


def _is_area(shape: Any) -> bool:
    return bool(shapely.get_dimensions(shape) == 2)


def _path(shapes: Iterable[Any]) -> str:
    """Return the path data of shapes: rings are closed, lines are not."""
    parts = []
    for shape in shapes:
        for part in shapely.get_parts(shape):
            if shapely.get_dimensions(part) == 2:
                parts += [f"{_line(ring)}z" for ring in shapely.get_rings(part)]
            elif shapely.get_dimensions(part) == 1:
                parts.append(_line(part))
    return "".join(parts)


def _line(line: Any) -> str:
    at = np.round(shapely.get_coordinates(line), 1).tolist()
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in at)


def _street_names(streets: list[tuple[str, bool, Any]]) -> list[dict[str, Any]]:
    """Return names along streets, the main ones first, where there is room for them."""
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    for name, _, shape in sorted(streets, key=lambda one: (not one[1], -shapely.length(one[2]))):
        if not name or name in seen or len(found) >= _MOST_NAMES:
            continue
        at = anchor_on(shape)
        near = any(abs(one["x"] - at.x) < 60 and abs(one["y"] - at.y) < 40 for one in found) if at else True
        if at is None or near or at.room < _LETTER * len(name) or not _is_inside(at.x, at.y):
            continue
        seen.add(name)
        turn = round(at.angle_deg, 1)
        found.append({"kind": "street", "text": name, "x": round(at.x), "y": round(at.y), "turn": turn})
    return found


def _cell_names(around: Surroundings, beside: NDArray[np.object_]) -> list[dict[str, Any]]:
    found = []
    seen = shapely.intersection(beside, shapely.box(0, 0, WIDTH, HEIGHT))
    for (name, _), shape in zip(around.neighbours, seen, strict=True):
        if shapely.area(shape) < 8000:
            continue
        largest = max(shapely.get_parts(shape), key=shapely.area)
        middle = shapely.get_point(shapely.maximum_inscribed_circle(largest, tolerance=4.0), 0)
        x = min(max(middle.x, _LETTER * len(name) / 2 + 4), WIDTH - _LETTER * len(name) / 2 - 4)
        found.append({"kind": "beside", "text": name, "x": round(x), "y": round(middle.y), "turn": 0})
    return found


def _is_inside(x: float, y: float) -> bool:
    return 30 < x < WIDTH - 30 and 30 < y < HEIGHT - 30
