"""GeoJSON coordinates to shapely, checked position by position before any library sees them."""

import math
from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.formats.faults import FaultList
from geo_service.formats.limits import Limits
from geo_service.formats.placeguess import out_of_range, why_out_of_range

POLYGONS = frozenset({"Polygon", "MultiPolygon"})
POINTS = frozenset({"Point"})
#: Among the kinds that are wanted: a feature may have no geometry at all.
NOWHERE = "nowhere"
GEOMETRIES = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"}
)

_Positions = NDArray[np.float64]


class GeometryReader:
    """Turns geometry objects into shapely geometries; every fault goes to the list, with its JSON path.

    Parameters
    ----------
    faults : FaultList
        Where faults go.
    limits : Limits
        Caps on vertices, rings and parts.
    kinds : set of str
        Geometry types that are wanted, of Point, Polygon and MultiPolygon.
    lonlat : bool
        Coordinates must be degrees; False when the caller has named a projected CRS.
    """

    def __init__(self, faults: FaultList, limits: Limits, kinds: frozenset[str], *, lonlat: bool) -> None:
        self._faults = faults
        self._limits = limits
        self._kinds = kinds
        self.lonlat = lonlat
        self.heights_dropped = 0
        self.declared_crs: str | None = None

    def read(self, obj: Any, path: str, row: int) -> BaseGeometry | None:
        """Return the geometry of one feature, or None after noting what is wrong with it."""
        if obj is None and NOWHERE in self._kinds:
            return None
        if obj is None:
            self._faults.add("no-geometry", path, f"is null: a feature needs a {self._wanted()}", row=row)
            return None
        if not isinstance(obj, dict):
            self._faults.add("type", path, "must be a geometry object", row=row, value=obj)
            return None
        kind = obj.get("type")
        if not isinstance(kind, str) or kind not in self._kinds - {NOWHERE}:
            self._refuse_kind(obj, kind, path, row)
            return None
        return self._read_coordinates(kind, obj.get("coordinates"), f"{path}.coordinates", row)

    def _read_coordinates(self, kind: str, coordinates: Any, path: str, row: int) -> BaseGeometry | None:
        if not isinstance(coordinates, list):
            self._faults.add(
                "type", path, "must be a list of numbers or of lists", row=row, value=coordinates
            )
            return None
        if not coordinates:
            self._faults.add("empty", path, f"the {kind} is empty", row=row)
            return None
        if kind == "Point":
            return self._point(coordinates, path, row)
        parts = [coordinates] if kind == "Polygon" else coordinates
        return self._polygons(parts, path, row, multi=kind == "MultiPolygon")

    def _wanted(self) -> str:
        return " or ".join(sorted(self._kinds - {NOWHERE}, reverse=True))

    def _refuse_kind(self, obj: dict[str, Any], kind: Any, path: str, row: int) -> None:
        members = obj.get("geometries")
        if kind == "GeometryCollection" and isinstance(members, list):
            nested = any(isinstance(m, dict) and m.get("type") == "GeometryCollection" for m in members)
            what = "a GeometryCollection within a GeometryCollection" if nested else "a GeometryCollection"
            self._faults.add(
                "collection", path, f"{what} is not taken: give each feature one {self._wanted()}", row=row
            )
        elif isinstance(kind, str) and kind in GEOMETRIES:
            self._faults.add("kind", f"{path}.type", f"must be {self._wanted()}", row=row, value=kind)
        else:
            self._faults.add("type", f"{path}.type", "is no GeoJSON geometry type", row=row, value=kind)

    def _point(self, coordinates: list[Any], path: str, row: int) -> BaseGeometry | None:
        xy = self._positions([coordinates], path, row, single=True)
        return None if xy is None else shapely.points(xy[0])

    def _polygons(self, parts: list[Any], path: str, row: int, *, multi: bool) -> BaseGeometry | None:
        if len(parts) > self._limits.parts:
            self._faults.add(
                "parts", path, f"more than {self._limits.parts} parts", row=row, value=len(parts)
            )
            return None
        vertices = sum(len(ring) for ring in _rings(parts))
        if vertices > self._limits.vertices:
            self._too_many_vertices(path, row, vertices)
            return None
        polygons = [
            self._polygon(part, f"{path}[{i}]" if multi else path, row) for i, part in enumerate(parts)
        ]
        if any(polygon is None for polygon in polygons):
            return None
        geometry: BaseGeometry = shapely.multipolygons(polygons) if multi else polygons[0]
        return geometry

    def _too_many_vertices(self, path: str, row: int, vertices: int) -> None:
        message = (
            f"{vertices:,} vertices; the limit is {self._limits.vertices:,}: simplify it or raise the limit"
        )
        self._faults.add("vertices", path, message, row=row)

    def _polygon(self, rings: Any, path: str, row: int) -> BaseGeometry | None:
        if not isinstance(rings, list):
            self._faults.add("type", path, "must be a list of rings", row=row, value=rings)
            return None
        if not rings:
            self._faults.add("empty", path, "a polygon without a ring is empty", row=row)
            return None
        if len(rings) > self._limits.rings:
            self._faults.add(
                "rings", path, f"more than {self._limits.rings} rings", row=row, value=len(rings)
            )
            return None
        lines = [self._ring(ring, f"{path}[{i}]", row) for i, ring in enumerate(rings)]
        if any(line is None for line in lines):
            return None
        polygon: BaseGeometry = shapely.polygons(lines[0], lines[1:] or None)
        return polygon

    def _ring(self, ring: Any, path: str, row: int) -> BaseGeometry | None:
        if not isinstance(ring, list):
            self._faults.add("type", path, "must be a list of positions", row=row, value=ring)
            return None
        if not ring:
            self._faults.add("empty", path, "the ring is empty", row=row)
            return None
        xy = self._positions(ring, path, row)
        if xy is None:
            return None
        place = (float(xy[0, 0]), float(xy[0, 1])) if self.lonlat else None
        if (xy[0] != xy[-1]).any():
            message = "the ring is not closed: its last position must repeat its first"
            self._faults.add("unclosed", path, message, row=row, place=place)
        if len(xy) < 4:
            message = f"a ring needs four positions or more, this one has {len(xy)}"
            self._faults.add("short-ring", path, message, row=row, place=place)
        if len(xy) < 4 or (xy[0] != xy[-1]).any():
            return None
        line: BaseGeometry = shapely.linearrings(xy)
        return line

    def _positions(
        self, positions: list[Any], path: str, row: int, *, single: bool = False
    ) -> _Positions | None:
        """Return (n, 2) floats, or None after noting every position that is not one.

        ``single`` says that ``path`` is the position itself and not a list of them.
        """
        xy = self._fast(positions)
        index = np.arange(len(positions))
        if xy is None:
            xy, index = self._one_by_one(positions, path, row, single=single)
        complete = len(xy) == len(positions)
        bad = out_of_range(xy) if self.lonlat else np.zeros(len(xy), bool)
        if bad.any():
            first = int(np.argmax(bad))
            count = "" if single else f"{int(bad.sum())} of {len(positions)} positions are "
            at = path if single else f"{path}[{index[first]}]"
            message = f"{count}out of range: {why_out_of_range(xy[bad], self.declared_crs)}"
            self._faults.add("range", at, message, row=row, value=_pair(xy[first]))
        return xy if complete and not bad.any() else None

    def _fast(self, positions: list[Any]) -> _Positions | None:
        """Return positions that are plainly right, without a Python loop; None if a closer look is needed."""
        if set(map(type, positions)) != {list}:
            return None
        widths = set(map(len, positions))
        if len(widths) != 1 or not widths <= {2, 3, 4}:
            return None
        width = widths.pop()
        flat = list(chain.from_iterable(positions))
        if not set(map(type, flat)) <= {float, int}:
            return None
        try:
            numbers = np.array(flat, dtype=np.float64).reshape(-1, width)
        except OverflowError:
            return None
        if not np.isfinite(numbers).all():
            return None
        self.heights_dropped += width > 2
        return numbers[:, :2]

    def _one_by_one(
        self, positions: list[Any], path: str, row: int, *, single: bool
    ) -> tuple[_Positions, NDArray[np.int64]]:
        """Return the positions that are right and where they stand, after noting those that are not."""
        good: list[tuple[float, float]] = []
        index: list[int] = []
        for i, position in enumerate(positions):
            pair = self._position(position, path if single else f"{path}[{i}]", row)
            if pair is not None:
                good.append(pair)
                index.append(i)
        return np.array(good, dtype=np.float64).reshape(-1, 2), np.array(index, dtype=np.int64)

    def _position(self, position: Any, path: str, row: int) -> tuple[float, float] | None:
        if not isinstance(position, list):
            self._faults.add("type", path, "must be a position [lon, lat]", row=row, value=position)
            return None
        if position and isinstance(position[0], list):
            message = "must be a position [lon, lat]: the lists are nested one level too deep"
            self._faults.add("type", path, message, row=row)
            return None
        if not 2 <= len(position) <= 4:
            self._faults.add(
                "position", path, "a position has two numbers, lon and lat", row=row, value=position
            )
            return None
        if len(position) > 2:
            self.heights_dropped += 1
        numbers = [self._number(value, f"{path}[{i}]", row) for i, value in enumerate(position)]
        known = [number for number in numbers if number is not None]
        return (known[0], known[1]) if len(known) == len(numbers) else None

    def _number(self, value: Any, path: str, row: int) -> float | None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            nested = " (lists are nested too deeply)" if isinstance(value, list) else ""
            self._faults.add("type", path, f"must be a number{nested}", row=row, value=value)
            return None
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            message = "must be a finite number, not NaN or infinity (1e999 is infinity)"
            self._faults.add("not-finite", path, message, row=row, value=number)
            return None
        return number


def _rings(parts: list[Any]) -> Iterable[list[Any]]:
    """Yield what can be counted of the rings, whatever stands in the wrong place."""
    for part in parts:
        if isinstance(part, list):
            yield from (ring for ring in part if isinstance(ring, list))


def _pair(xy: NDArray[np.float64]) -> str:
    return f"{xy[0]:.7g}, {xy[1]:.7g}"
