"""Staffing density 力量配备密度 of cells."""

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_service.geometry.measure import area_m2
from geo_service.library.frames import Floats, amounts, new_columns, points_deg, require_frame
from geo_service.library.tilings import Tiling
from geo_service.staffing.density import staffing_density as quotients


def staffing_density(
    cells: gpd.GeoDataFrame | Tiling,
    staff: str | gpd.GeoDataFrame,
    *,
    residents: str | gpd.GeoDataFrame | None = None,
    households: str | gpd.GeoDataFrame | None = None,
    incidents: str | gpd.GeoDataFrame | None = None,
    code: str | None = None,
    reasons: bool = False,
) -> gpd.GeoDataFrame:
    """Give staff per km², per 1,000 residents, per 100 households and per incident, cell by cell.

    Parameters
    ----------
    cells : GeoDataFrame or Tiling
        Polygons that do not overlap, in any CRS.
    staff : GeoDataFrame or str
        Points in any CRS, one a head; or a column of the cells.
    residents, households, incidents : str or GeoDataFrame, optional
        A column of the cells; or points, one each, counted where they lie. Columns ``residents`` and
        ``households`` of the cells are taken by themselves.
    code : str, optional
        Column of the cells' codes, as for :func:`locate`.
    reasons : bool
        Also say, in ``per_km2_reason`` and the like, why a figure is missing (``no residents``).

    Returns
    -------
    GeoDataFrame
        The cells with ``staff``, ``area_km2`` (on the ellipsoid), ``per_km2``, and of what is known
        ``per_1000_residents``, ``per_100_households``, ``per_incident``: NaN, never infinite, where there is
        nothing to divide by. Missing numbers of the cells stay missing.

    Raises
    ------
    InvalidInputError
        A number is negative, a column is missing, or a shape is no point.

    Examples
    --------
    >>> staffing_density(grids, workers, incidents=reports).per_1000_residents.describe()  # doctest: +SKIP
    """
    tiling = Tiling.of(cells, code=code)
    area_km2 = area_m2(tiling.shapes) / 1e6
    taken = {
        "residents": residents if residents is not None else _own(tiling, "residents"),
        "households": households if households is not None else _own(tiling, "households"),
        "incidents": incidents,
    }
    known = {name: _count(tiling, what, name) for name, what in taken.items() if what is not None}
    table = quotients(
        _count(tiling, staff, "staff"),
        area_km2,
        known.get("residents"),
        known.get("households"),
        known.get("incidents"),
    )
    columns: dict[str, pd.Series | Floats] = {"staff": table["staff"].to_numpy(), "area_km2": area_km2}
    basis = {
        "per_km2": True,
        "per_1000_residents": "residents" in known,
        "per_100_households": "households" in known,
        "per_incident": "incidents" in known,
    }
    if isinstance(incidents, gpd.GeoDataFrame):
        columns["incidents"] = known["incidents"]
    for name in [name for name, there in basis.items() if there]:
        columns[name] = table[name].to_numpy()
        if reasons:
            columns[f"{name}_reason"] = table[f"{name}_reason"].to_numpy()
    return new_columns(tiling.frame, columns, "cells")


def _own(tiling: Tiling, column: str) -> str | None:
    return column if column in tiling.frame.columns else None


def _count(tiling: Tiling, what: str | gpd.GeoDataFrame, role: str) -> Floats:
    """Return a figure of each cell: its column, or the points that lie in it."""
    if isinstance(what, str):
        return amounts(tiling.frame, what, "cells", argument=role, missing=np.nan)
    row = tiling.rows_of(points_deg(require_frame(what, role), role))
    return np.bincount(row[row >= 0], minlength=len(tiling)).astype(np.float64)
