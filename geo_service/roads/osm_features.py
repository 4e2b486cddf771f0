"""What a base map draws beside the streets: water, railways, parks, woods, buildings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray

KEYS = ("waterway", "natural", "water", "landuse", "leisure", "railway", "building")

WATERWAYS = {"river", "stream", "canal", "drain", "ditch"}
RAILWAYS = {"rail", "light_rail", "tram", "narrow_gauge", "monorail"}
WATER_LANDUSE = {"reservoir", "basin"}
PARKS = {"park", "garden", "playground", "pitch", "golf_course"}
GREENS = {"grass", "recreation_ground", "village_green", "cemetery"}


@dataclass(frozen=True, slots=True)
class MapFeatures:
    """Base-map features as parallel arrays.

    Attributes
    ----------
    kind : (n,) object
        ``waterway``, ``railway`` (lines); ``water``, ``wood``, ``park``, ``building`` (polygons).
    name : (n,) object
        Name, ``""`` where there is none.
    geometry : (n,) object
        shapely LineStrings, Polygons and MultiPolygons, EPSG:4326, valid and not empty.
    """

    kind: NDArray[np.object_]
    name: NDArray[np.object_]
    geometry: NDArray[np.object_]

    def __len__(self) -> int:
        """Count of features."""
        return len(self.kind)

    def of(self, kind: str) -> NDArray[np.object_]:
        """Return the geometries of one kind."""
        chosen: NDArray[np.object_] = self.geometry[self.kind == kind]
        return chosen


def none() -> tuple[MapFeatures, int]:
    """No features, none broken."""
    empty = np.empty(0, object)
    return MapFeatures(empty, empty, empty), 0


def line_kind(tags: Mapping[str, str]) -> str | None:
    """Return what an open way is on the map; tunnels are not drawn."""
    if tags.get("tunnel") in {"yes", "culvert"}:
        return None
    if tags.get("waterway") in WATERWAYS:
        return "waterway"
    return "railway" if tags.get("railway") in RAILWAYS else None


def area_kind(tags: Mapping[str, str]) -> str | None:
    """Return what an area is on the map."""
    if tags.get("building", "no") != "no":
        return "building"
    if (
        tags.get("natural") == "water"
        or tags.get("waterway") in {"riverbank", "dock"}
        or tags.get("landuse") in WATER_LANDUSE
    ):
        return "water"
    if tags.get("natural") == "wood" or tags.get("landuse") == "forest":
        return "wood"
    return "park" if tags.get("leisure") in PARKS or tags.get("landuse") in GREENS else None


def read_features(path: str | Path) -> tuple[MapFeatures, int]:
    """Read the features of an OpenStreetMap file.

    Two passes (relations first), so that lakes and buildings with islands and yards are whole.

    Returns
    -------
    features : MapFeatures
        Lines are cut at nodes that the file does not hold; an area that lacks nodes is left out.
    broken : int
        Features that were left out.
    """
    processor: Any = osmium.FileProcessor(str(path)).with_areas(osmium.filter.KeyFilter(*KEYS))
    processor = processor.with_filter(osmium.filter.KeyFilter(*KEYS))
    factory = osmium.geom.WKBFactory()
    kinds: list[str] = []
    names: list[str] = []
    shapes: list[str] = []
    lines: list[shapely.LineString | None] = []
    broken = 0
    for item in processor:
        if item.is_way():
            kind = line_kind(dict(item.tags))
            parts = _line_parts(item.nodes) if kind else []
            for part in parts:
                kinds.append(str(kind))
                names.append(item.tags.get("name", ""))
                shapes.append("")
                lines.append(part)
            broken += bool(kind) and not parts
        elif item.is_area():
            kind = area_kind(dict(item.tags))
            if kind is None:
                continue
            try:
                shapes.append(factory.create_multipolygon(item))
            except (RuntimeError, osmium.InvalidLocationError):
                broken += 1
                continue
            kinds.append(kind)
            names.append(item.tags.get("name", ""))
            lines.append(None)
    return _features(kinds, names, shapes, lines, broken)


def _line_parts(nodes: Any) -> list[shapely.LineString]:
    """Lines of at least two nodes that follow each other and are in the file."""
    parts: list[list[tuple[float, float]]] = [[]]
    for node in nodes:
        if node.location.valid():
            parts[-1].append((node.location.lon, node.location.lat))
        elif parts[-1]:
            parts.append([])
    return [shapely.LineString(part) for part in parts if len(set(part)) > 1]


def _features(
    kinds: list[str],
    names: list[str],
    shapes: list[str],
    lines: list[shapely.LineString | None],
    broken: int,
) -> tuple[MapFeatures, int]:
    """Put lines and areas together; leave out what is invalid or empty."""
    geometry = np.empty(len(kinds), object)
    areas = np.array([line is None for line in lines], bool)
    geometry[~areas] = [line for line in lines if line is not None]
    polygons = shapely.from_wkb(np.array([s for s in shapes if s], object), on_invalid="ignore")
    single = shapely.get_num_geometries(polygons) == 1
    geometry[areas] = np.where(single, shapely.get_geometry(polygons, 0), polygons)
    fine = shapely.is_valid(geometry) & ~shapely.is_empty(geometry)
    kind, name = np.array(kinds, object), np.array(names, object)
    features = MapFeatures(kind[fine], name[fine], geometry[fine])
    return features, broken + int((~fine).sum())
