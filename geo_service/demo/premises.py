"""Premises of the demo county: campuses, offices and factories with the ground round their buildings.

A unit answers for its own ground. Each ground lies within one micro-grid, so that the cells stay as they are.
"""

import geopandas as gpd
import numpy as np
import shapely

from geo_service.demo.frame import UNIT_DEG, geometry_to_degrees, to_metres

#: So far beyond its buildings a ground goes, and so wide a yard between two of them it takes in.
_ROUND_M, _YARD_M = 9.0, 16.0
#: A ground keeps so far away from the border of its micro-grid.
_BORDER_M = 1.0
_LEAST_M2 = 700.0
_FACTORIES = ("澜江纺织厂", "云峰机械厂", "永兴建材厂", "新源食品厂", "衢澜包装厂", "龙山木业")
_OFFICES = ("便民服务中心", "文化活动中心", "卫生服务站", "供电所", "农技站", "林业站")


def make_premises(
    cells: gpd.GeoDataFrame, demand: gpd.GeoDataFrame, schools: list[tuple[str, shapely.Point, str]]
) -> gpd.GeoDataFrame:
    """Return premises: code, name, kind (campus, office, factory), responsible_unit, geometry.

    ``schools`` are names and places; whichever ground holds one is its campus.
    """
    big = demand[np.isin(demand["use"], ("public", "factory"))].sort_values("id")
    shape_of = dict(zip(cells["code"], cells.geometry, strict=True))
    name_of = dict(zip(cells["code"], cells["name"], strict=True))
    rows: list[tuple[str, str, str, shapely.Geometry]] = []
    for (code, use), own in big.groupby(["cell_code", "use"], sort=True):
        for ground in _grounds(own.geometry.to_numpy(), shape_of[code]):
            school = next((name for name, point, _ in schools if ground.contains(point)), None)
            place = name_of[code[:15]].split("第")[0]
            rows.append((*_named(str(use), school, place, len(rows)), ground))
    return gpd.GeoDataFrame(
        {
            "code": [f"P{number:04d}" for number in range(1, len(rows) + 1)],
            "name": [row[0] for row in rows],
            "kind": [row[1] for row in rows],
            "responsible_unit": [row[2] for row in rows],
        },
        geometry=[row[3] for row in rows],
        crs="EPSG:4326",
    )


def _grounds(footprints: np.ndarray, cell: shapely.Geometry) -> list[shapely.Geometry]:
    """Return the yards round buildings as far as they lie in the cell, in degrees on the lattice."""
    near = shapely.buffer(shapely.transform(footprints, to_metres), _ROUND_M + _YARD_M, join_style="mitre")
    yards = shapely.buffer(shapely.union_all(near), -_YARD_M, join_style="mitre")
    inside = shapely.intersection(yards, shapely.buffer(shapely.transform(cell, to_metres), -_BORDER_M))
    parts = shapely.get_parts(inside)
    parts = parts[(shapely.get_type_id(parts) == 3) & (shapely.area(parts) > _LEAST_M2)]
    grounds = geometry_to_degrees(shapely.remove_repeated_points(parts, 0.5))
    return [ground for ground in grounds if shapely.area(ground) > UNIT_DEG**2 and shapely.is_valid(ground)]


def _named(use: str, school: str | None, place: str, number: int) -> tuple[str, str, str]:
    """Return name, kind and the unit that answers."""
    if school is not None:
        return school, "campus", f"{school}总务处"
    if use == "factory":
        name = _FACTORIES[number % len(_FACTORIES)]
        return name, "factory", f"{name}安全科"
    name = f"{place}{_OFFICES[number % len(_OFFICES)]}"
    return name, "office", f"{name}办公室"
