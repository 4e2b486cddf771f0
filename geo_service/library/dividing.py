"""Cells drawn by program: pieces from buildings, and groups of pieces."""

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.atoms import make_atoms
from geo_service.geometry.partition import split
from geo_service.geometry.pieces import NO_GROUP, Pieces
from geo_service.library.frames import (
    Geoms,
    amounts,
    in_crs_of,
    new_columns,
    points_deg,
    require_column,
    require_frame,
    shapes_deg,
)
from geo_service.library.tilings import Tiling


def atoms(
    land: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    *,
    lines: gpd.GeoDataFrame | None = None,
    barriers: gpd.GeoDataFrame | None = None,
) -> gpd.GeoDataFrame:
    """Part land into one piece round each building, cut along streets and water.

    Any border drawn along the borders of these pieces leaves every building whole: :func:`partition` makes
    cells of them.

    Parameters
    ----------
    land : GeoDataFrame
        Polygons in any CRS; their union is parted.
    buildings : GeoDataFrame
        Footprints in any CRS; those whose middle lies outside the land are left out.
    lines, barriers : GeoDataFrame, optional
        Streets and water along which to cut; rivers and railways that no cell is to cross. Any CRS.

    Returns
    -------
    GeoDataFrame
        The pieces in the CRS of the land, with ``building``, the index label of a building in each (missing
        in one without), and the sum of each numeric column of the buildings.

    Raises
    ------
    InvalidInputError
        The land is no polygon, or a footprint is not one.
    """
    ground, houses = require_frame(land, "land"), require_frame(buildings, "buildings")
    outline = lattice.snap(shapely.union_all(shapes_deg(ground, "land")))
    drawn = {"line": _lines(lines, "lines"), "barrier": _lines(barriers, "barriers")}
    made = make_atoms(outline, shapes_deg(houses, "buildings"), drawn, barrier_kinds=frozenset({"barrier"}))
    shapes = in_crs_of(ground, made.geoms)
    labels = pd.Series(houses.index).array.take(made.building.astype(np.int64), allow_fill=True)
    columns: dict[str, Any] = {"building": labels}
    inside = made.atom_of >= 0
    for name in houses.select_dtypes("number").columns:
        values = houses[name].to_numpy(dtype=np.float64, na_value=0.0)
        total = np.bincount(made.atom_of[inside], values[inside], minlength=len(made))
        columns[name] = total.astype(houses[name].dtype) if houses[name].dtype.kind in "iu" else total
    return gpd.GeoDataFrame(columns, geometry=shapes.array, crs=ground.crs)


def partition(
    cells: gpd.GeoDataFrame | Tiling,
    *,
    count: int | None = None,
    band: tuple[int, int] | None = None,
    weight: str = "households",
    barriers: gpd.GeoDataFrame | None = None,
    lines: gpd.GeoDataFrame | None = None,
    crossings: gpd.GeoDataFrame | None = None,
    current: str | None = None,
    keep_lines: float = 0.0,
    along_lines: float = 0.15,
    strict: bool = True,
    seed: int = 0,
    effort: float = 1.0,
    column: str = "group",
    code: str | None = None,
) -> gpd.GeoDataFrame:
    """Put small cells together into larger ones of a given weight: in one piece, compact, cut along lines.

    Parameters
    ----------
    cells : GeoDataFrame or Tiling
        What is put together: micro-grids, blocks, or the pieces of :func:`atoms`. Any CRS.
    count : int, optional
        Groups wanted; without it the count whose mean weight is nearest to the middle of the band.
    band : (low, high), optional
        Least and greatest weight of a group; without it the narrowest about the mean in which the count can
        be.
    weight : str
        Column of whole numbers: households, residents, incidents.
    barriers : GeoDataFrame, optional
        Lines that no group crosses: rivers, railways. Any CRS.
    lines : GeoDataFrame, optional
        Streets along which to cut.
    crossings : GeoDataFrame, optional
        Points where barriers are crossed after all.
    current : str, optional
        Column of today's group, to which ``keep_lines`` holds on.
    keep_lines, along_lines : float
        0 to 1: keep today's borders; follow streets and water.
    strict : bool
        Refuse what cannot be in the band by its weight; otherwise come as near as can be.
    seed, effort : int, float
        The same seed gives the same answer; effort multiplies the steps of the search.
    column : str
        Name of the column for the answer.
    code : str, optional
        Column of the cells' codes, as for :func:`locate`.

    Returns
    -------
    GeoDataFrame
        The cells with ``group``, 0 to k - 1 from the north-west, row by row. Shapes of the groups:
        ``.dissolve("group", aggfunc={"households": "sum"}, method="coverage")``.

    Raises
    ------
    InvalidInputError
        What is asked for cannot be: it says which counts can, or which land stands in the way.

    Examples
    --------
    >>> drawn = partition(micro_grids, band=(300, 500), barriers=rivers)               # doctest: +SKIP
    >>> grids = drawn.dissolve("group", aggfunc={"households": "sum"})                 # doctest: +SKIP
    """
    tiling = Tiling.of(cells, code=code)
    frame = tiling.frame
    weights = amounts(frame, weight, "cells", argument="weight", missing=0.0)
    over = None if crossings is None else points_deg(require_frame(crossings, "crossings"), "crossings")
    pieces = Pieces.from_tiling(
        tiling.shapes,
        np.rint(weights).astype(np.int64),
        current=None
        if current is None
        else _groups(require_column(frame, current, "cells", argument="current")),
        barriers=_lines(barriers, "barriers"),
        lines=_lines(lines, "lines"),
        crossings=over,
    )
    best = split(
        pieces,
        count=count,
        band=band,
        seed=seed,
        alternatives=1,
        keep_lines=keep_lines,
        along_lines=along_lines,
        strict=strict,
        effort=effort,
    )[0]
    return new_columns(frame, {column: best.assignment.astype(np.int64)}, "cells")


def _lines(frame: gpd.GeoDataFrame | None, role: str) -> Sequence[Any]:
    """Return lines in degrees; of polygons their outlines."""
    if frame is None:
        return []
    known = require_frame(frame, role)
    there = (known.geometry.notna() & ~known.geometry.is_empty).to_numpy()
    geoms: Geoms = shapes_deg(known[there], role)
    points = np.flatnonzero(shapely.get_dimensions(geoms) == 0)
    if len(points):
        message = "give lines, or polygons of which the outline counts"
        raise InvalidInputError(
            f"The {role} are not lines.", [Fault(f"{role}.geometry", message, int(points[0]) + 1)]
        )
    areas = shapely.get_dimensions(geoms) == 2
    geoms[areas] = shapely.boundary(geoms[areas])
    return list(geoms)


def _groups(column: pd.Series) -> Any:
    """Give groups numbers, :data:`NO_GROUP` where there is none."""
    number, _ = pd.factorize(column, use_na_sentinel=True)
    return np.where(number < 0, NO_GROUP, number).astype(np.int32)
