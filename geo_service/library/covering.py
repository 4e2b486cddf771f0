"""Coverage: what share of each cell somebody reaches in time, and by how many it is covered."""

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.measure import area_m2
from geo_service.geometry.sampling import spread
from geo_service.library.frames import (
    Floats,
    amounts,
    new_columns,
    points_deg,
    refuse_rows,
    require_column,
    require_frame,
)
from geo_service.library.streets import MAX_STREET_M, StreetGraph
from geo_service.library.tilings import Tiling
from geo_service.library.travelling import milliseconds
from geo_service.roads.demand import Doors, k_nearest_at, merged
from geo_service.roads.graph import UNREACHED
from geo_service.roads.kernels import NONE
from geo_service.roads.reach import cell_shares
from geo_service.roads.travel import MOST_K, k_nearest_labels

LOW_WORD = np.int64(0xFFFFFFFF)
Labels = NDArray[np.int64]


def coverage(
    cells: gpd.GeoDataFrame | Tiling,
    demand: gpd.GeoDataFrame | None,
    responders: gpd.GeoDataFrame,
    graph: StreetGraph | Mapping[str, StreetGraph],
    *,
    limit_s: float = 300.0,
    weight: str | None = "households",
    mode: str = "mode",
    depth: int = 3,
    code: str | None = None,
    max_street_m: float = MAX_STREET_M,
) -> gpd.GeoDataFrame:
    """Say what share of each cell's demand somebody reaches within a limit.

    Every place of demand is asked over the streets by itself; nothing is taken from outlines.

    Parameters
    ----------
    cells : GeoDataFrame or Tiling
        Polygons that do not overlap, in any CRS.
    demand : GeoDataFrame or None
        Homes, addresses, incidents: points, or footprints of which the middle counts. None: the land itself,
        by points spread over each cell.
    responders : GeoDataFrame
        Points where they are.
    graph : StreetGraph, or mapping of mode to StreetGraph
        Streets; with a mapping each responder travels in his own mode, named in the column ``mode``.
    limit_s : float
        Exactly at the limit counts as within.
    weight : str or None
        Column of what each place counts; None: one each.
    mode : str
        Column of the responders' modes, where ``graph`` is a mapping.
    depth : int
        Also count by how many a place is reached, up to so many, 1 to 64.
    code : str, optional
        Column of the cells' codes, as for :func:`locate`.
    max_street_m : float
        As for :func:`travel_time`.

    Returns
    -------
    GeoDataFrame
        The cells with ``demand`` (weight of what lies in each; m² without demand), ``covered`` (of it, within
        the limit), ``share`` (NaN where there is no demand), ``share_by_2``, ``share_by_3`` … (reached by at
        least so many), ``unreached`` (weight that nobody reaches ever), ``median_s`` (within which half of
        the weight is reached, NaN if that much is not), ``worst_s`` (the longest among what is reached).
        Demand in no cell is in no row; :func:`locate` says what that is.

    Raises
    ------
    InvalidInputError
        Frames, columns, weights or modes are not in order; each fault names row and column.

    Examples
    --------
    >>> reached = coverage(grids, homes, workers, street_graph("town.osm.pbf"))        # doctest: +SKIP
    >>> reached.covered.sum() / reached.demand.sum()                                   # doctest: +SKIP
    """
    tiling = Tiling.of(cells, code=code)
    if not 1 <= depth <= MOST_K:
        fault = Fault("depth", f"give 1 to {MOST_K}", value=depth)
        raise InvalidInputError("The depth is out of range.", [fault])
    limit_ms = milliseconds(limit_s)
    people = require_frame(responders, "responders")
    places_deg, row, weights = _places(tiling, demand, weight)
    label = _reach(places_deg, people, _groups(people, graph, mode), depth, max_street_m)

    def shares(k: int) -> Any:
        time_ms = np.where(label[:, k] == NONE, np.int64(UNREACHED), label[:, k] >> 32).astype(np.int32)
        return cell_shares(row, weights, time_ms, limit_ms, n_cells=len(tiling))

    first = shares(0)
    columns: dict[str, Any] = {
        "demand": first["weight"].to_numpy(),
        "covered": first["covered_weight"].to_numpy(),
        "share": first["share"].to_numpy(),
    }
    columns |= {f"share_by_{k + 1}": shares(k)["share"].to_numpy() for k in range(1, depth)}
    columns |= {
        "unreached": first["unreached_weight"].to_numpy(),
        "median_s": first["median_ms"].to_numpy() / 1000.0,
        "worst_s": first["worst_ms"].to_numpy() / 1000.0,
    }
    return new_columns(tiling.frame, columns, "cells")


def _places(
    tiling: Tiling, demand: gpd.GeoDataFrame | None, weight: str | None
) -> tuple[Floats, NDArray[np.int32], Floats]:
    """Return the places that count: lon and lat, position of their cell, weight."""
    if demand is None:
        places_deg, cell = spread(tiling.shapes)
        count = np.maximum(np.bincount(cell, minlength=len(tiling)), 1)
        return places_deg, cell.astype(np.int32), (area_m2(tiling.shapes) / count)[cell]
    frame = require_frame(demand, "demand")
    weights = np.ones(len(frame)) if weight is None else amounts(frame, weight, "demand", argument="weight")
    places_deg = points_deg(frame, "demand", middles=True)
    row = tiling.rows_of(places_deg).astype(np.int32)
    inside = row >= 0
    return places_deg[inside], row[inside], weights[inside]


def _groups(
    people: gpd.GeoDataFrame, graph: StreetGraph | Mapping[str, StreetGraph], column: str
) -> list[tuple[StreetGraph, NDArray[np.intp]]]:
    """Return the graph of each mode, and who travels in it."""
    if isinstance(graph, StreetGraph):
        return [(graph, np.arange(len(people)))]
    modes = require_column(people, column, "responders", argument="mode").astype(str)
    known = ", ".join(graph)
    refuse_rows(
        ~modes.isin(list(graph)).to_numpy(),
        f"responders.{column}",
        f"use one of {known}, or give a graph for this mode: {{'car': street_graph(…, 'car')}}",
        title="Some responders travel in a mode that has no graph.",
        values=modes,
    )
    return [(one, np.flatnonzero((modes == name).to_numpy())) for name, one in graph.items()]


def _reach(
    places_deg: Floats,
    people: gpd.GeoDataFrame,
    groups: list[tuple[StreetGraph, NDArray[np.intp]]],
    depth: int,
    max_street_m: float,
) -> Labels:
    """Return the ``depth`` smallest labels of each place, over all modes; owners are positions of people."""
    best = np.full((len(places_deg), depth), NONE, np.int64)
    for streets, who in groups:
        if len(who) == 0:
            continue
        start = streets.starts(people.iloc[who], "responders", max_street_m)
        doors = Doors.of(streets.graph, streets.snap(places_deg, max_street_m))
        label = k_nearest_at(doors, k_nearest_labels(streets.graph, start, depth), start)
        owner = np.where(label == NONE, 0, label & LOW_WORD)
        named = np.where(label == NONE, NONE, (label & ~LOW_WORD) | who[owner])
        best = merged(best, named)
    return best
