"""Areas over the cells as the page takes them: blind spots, isochrones, gaps, exclaves, with their words."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.maps.figures import Label

FORMAT = "geo-service-areas/1"
#: Decimals of a degree: a tenth of a metre, below what any zoom shows.
_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an area's tooltip: what, how much, in which unit."""

    title: Label
    value: float | str | Label | None
    unit: Label | None = None
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Area:
    """An area with its name and what is said of it.

    Attributes
    ----------
    shape : shapely Polygon or MultiPolygon
        EPSG:4326.
    name : Label
    lines : sequence of Line
    weight : float
        Which names are written where there is room for few: the heaviest.
    """

    shape: BaseGeometry
    name: Label
    lines: Sequence[Line] = ()
    weight: float = 0.0


def areas_json(areas: Sequence[Area]) -> bytes:
    """Encode areas.

    Returns
    -------
    bytes
        UTF-8 JSON ``{"format", "areas": [{"rings": [[[[lon, lat], ...], ...], ...], "name": {zh, en},
        "weight", "at": [lon, lat], "lines": [{"title", "value", "unit", "percent"}]}]}``: rings as in a
        GeoJSON MultiPolygon; ``at`` lies inside.
    """
    return orjson.dumps({"format": FORMAT, "areas": [_area(one) for one in areas if not one.shape.is_empty]})


def _area(area: Area) -> dict[str, object]:
    inside = area.shape.representative_point()
    return {
        "rings": [_rings(part) for part in shapely.get_parts(area.shape) if part.geom_type == "Polygon"],
        "name": area.name.as_dict(),
        "weight": round(float(area.weight), 3),
        "at": [round(inside.x, _DECIMALS), round(inside.y, _DECIMALS)],
        "lines": [
            {
                "title": line.title.as_dict(),
                "value": line.value.as_dict() if isinstance(line.value, Label) else line.value,
                "unit": line.unit.as_dict() if line.unit else None,
                "percent": line.percent,
            }
            for line in area.lines
        ],
    }


def _rings(polygon: shapely.Polygon) -> list[list[list[float]]]:
    rings = [polygon.exterior, *polygon.interiors]
    return [shapely.get_coordinates(ring).round(_DECIMALS).tolist() for ring in rings]
