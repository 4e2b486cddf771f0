"""Tracks of people on duty, brought to the streets and counted by cell."""

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.library.frames import new_columns, points_deg, refuse_rows, require_column, require_frame
from geo_service.library.streets import StreetGraph
from geo_service.library.tilings import Tiling
from geo_service.roads.match import Matcher
from geo_service.staffing.patrol import street_bits, streets_by_cell, time_by_cell

GAP_S = 180.0
"""A longer silence is nobody's presence."""


def patrol(
    fixes: gpd.GeoDataFrame,
    cells: gpd.GeoDataFrame | Tiling,
    graph: StreetGraph,
    *,
    track: str = "track",
    at: str = "at",
    gap_s: float = GAP_S,
    code: str | None = None,
) -> gpd.GeoDataFrame:
    """Count which streets were patrolled, and for how long people were in each cell.

    Fixes are matched to the streets by a hidden Markov model; a street counts where somebody went along it,
    not where a fix happened to fall.

    Parameters
    ----------
    fixes : GeoDataFrame
        Points in any CRS, in any order, of people on duty.
    cells : GeoDataFrame or Tiling
        Polygons that do not overlap, in any CRS.
    graph : StreetGraph
        Of the mode in which they move.
    track : str
        Column that tells one track from another.
    at : str
        Column of moments.
    gap_s : float
        A fix speaks for the time until the next of its track, but never for longer than this.
    code : str, optional
        Column of the cells' codes, as for :func:`locate`.

    Returns
    -------
    GeoDataFrame
        The cells with ``street_m`` (streets of the mode), ``patrolled_m`` (each stretch once), ``walked_m``
        (each time), ``patrolled_share`` (NaN where there is no street), ``seconds``, ``person_times`` (人次:
        stays) and ``people``.

    Raises
    ------
    InvalidInputError
        A column is missing, a moment cannot be read, or a shape is no point.

    Examples
    --------
    >>> walked = patrol(fixes, grids, street_graph("town.osm.pbf", "walk"))            # doctest: +SKIP
    >>> walked.sort_values("patrolled_share")                                          # doctest: +SKIP
    """
    tiling = Tiling.of(cells, code=code)
    frame = require_frame(fixes, "fixes")
    names = require_column(frame, track, "fixes", argument="track")
    whose = pd.factorize(names)[0].astype(np.int64)
    at_s = _seconds(require_column(frame, at, "fixes", argument="at"), at)
    lonlat_deg = points_deg(frame, "fixes")
    found = Matcher(graph.snapper).match(lonlat_deg, at_s, track=whose)
    bits = street_bits(graph.graph)
    n = len(tiling)
    streets = streets_by_cell(
        bits, tiling.rows_of(bits.lonlat_deg).astype(np.int32), bits.passes(found.travelled), n
    )
    order = np.lexsort((at_s, whose))
    times = time_by_cell(
        whose[order], at_s[order], tiling.rows_of(lonlat_deg[order]).astype(np.int32), n, gap_s
    )
    columns = {name: streets[name].to_numpy() for name in ("street_m", "patrolled_m", "walked_m")}
    columns["patrolled_share"] = streets["share"].to_numpy()
    columns |= {name: times[name].to_numpy() for name in ("seconds", "person_times", "people")}
    return new_columns(tiling.frame, columns, "cells")


def _seconds(moments: pd.Series, column: str) -> NDArray[np.float64]:
    """Return moments as unix seconds; numbers are taken to be that already."""
    if pd.api.types.is_numeric_dtype(moments):
        values = moments.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        read = pd.to_datetime(moments, utc=True, errors="coerce", format="ISO8601")
        values = (read - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(dtype=np.float64)
    refuse_rows(
        ~np.isfinite(values),
        f"fixes.{column}",
        "give a moment: a timestamp, ISO 8601 text, or unix seconds",
        title="Some moments cannot be read.",
        values=moments,
    )
    return values
