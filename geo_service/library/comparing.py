"""Two tilings laid over each other."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np

from geo_service.geometry.crosswalk import crosswalk
from geo_service.library.frames import (
    amounts,
    in_crs_of,
    labels_at,
    points_deg,
    require_frame,
)
from geo_service.library.tilings import Tiling


@dataclass(frozen=True, eq=False)
class Comparison:
    """What :func:`compare` gives.

    Attributes
    ----------
    pieces : GeoDataFrame
        Land that lies in one cell of each side, in the CRS of ``before``: ``before`` and ``after`` (codes),
        ``area_m2``, ``weight`` (demand in it), ``share_of_before`` and ``share_of_after`` (of the demand of
        either cell; 0 where it has none), ``moved``: the two are not each other's best match, so that who
        lives there comes to another cell.
    moved_weight, moved_share : float
        Demand that comes to another cell, and its share of all that lies in either.
    """

    pieces: gpd.GeoDataFrame
    moved_weight: float
    moved_share: float


def compare(
    before: gpd.GeoDataFrame | Tiling,
    after: gpd.GeoDataFrame | Tiling,
    demand: gpd.GeoDataFrame | None = None,
    *,
    weight: str | None = "households",
    code: str | None = None,
) -> Comparison:
    """Say what land, and how many of those who live there, go from which cell to which.

    Codes do not matter: a cell goes on in the one with which it has most demand in common, if that one has
    most in common with it.

    Parameters
    ----------
    before, after : GeoDataFrame or Tiling
        Polygons that do not overlap, each in any CRS.
    demand : GeoDataFrame, optional
        Homes: points, or footprints of which the middle counts. Without it land alone is compared.
    weight : str or None
        Column of what each counts; None: one each.
    code : str, optional
        Column of the codes on both sides, as for :func:`locate`.

    Raises
    ------
    InvalidInputError
        Either is no tiling, or a weight is not in order.

    Examples
    --------
    >>> compare(grids, redrawn, homes).pieces.query("moved").plot("weight")            # doctest: +SKIP
    """
    old, new = Tiling.of(before, code=code), Tiling.of(after, code=code)
    places_deg, weights = np.empty((0, 2)), np.empty(0)
    if demand is not None:
        frame = require_frame(demand, "demand")
        weights = (
            np.ones(len(frame)) if weight is None else amounts(frame, weight, "demand", argument="weight")
        )
        places_deg = points_deg(frame, "demand", middles=True)
        known = np.isfinite(places_deg).all(axis=1)
        places_deg, weights = places_deg[known], weights[known]
    found = crosswalk(old.shapes, new.shapes, places_deg, weights)
    pairs = found.overlaps
    mutual = (found.best_of_ours[pairs.ours] == pairs.theirs) & (
        found.best_of_theirs[pairs.theirs] == pairs.ours
    )
    frame = gpd.GeoDataFrame(
        {
            "before": labels_at(old.code, pairs.ours),
            "after": labels_at(new.code, pairs.theirs),
            "area_m2": pairs.area_m2,
            "weight": pairs.households,
            "share_of_before": pairs.households_of_ours,
            "share_of_after": pairs.households_of_theirs,
            "moved": ~mutual,
        },
        geometry=in_crs_of(old.frame, pairs.shape).array,
        crs=old.frame.crs,
    )
    moved = float(pairs.households[~mutual].sum())
    total = float(pairs.households.sum())
    return Comparison(frame, moved, moved / total if total else 0.0)
