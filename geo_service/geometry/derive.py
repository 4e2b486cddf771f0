"""What follows from the leaves: outlines of the higher levels, and simpler shapes for small scales.

Nothing here draws a line of its own. An outline is made of edges of its leaves, so nesting cannot be wrong; a
simplified tiling is made of some of its own vertices, so it stays on the lattice, and closed.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import InvalidInputError

Geoms = NDArray[np.object_]
_HALVINGS = 8


def outlines(leaf_geoms: Geoms, group: ArrayLike, n_groups: int) -> Geoms:
    """Join the leaves of each parent into its outline.

    Parameters
    ----------
    leaf_geoms : (n,) array of shapely Polygon or MultiPolygon
        A tiling whose edges match (:class:`~geo_service.geometry.fabric.Fabric`).
    group : (n,) array_like of int
        Parent of each leaf, in [0, n_groups); -1 for a leaf without one.
    n_groups : int
        Count of parents.

    Returns
    -------
    (n_groups,) array of shapely Polygon or MultiPolygon
        Exact: every edge is an edge of a leaf. A parent without leaves gets an empty polygon.

    Raises
    ------
    InvalidInputError
        ``group`` does not fit the leaves, or names a parent that does not exist.
    """
    leaf_geoms = np.asarray(leaf_geoms, dtype=object)
    parent = np.asarray(group, dtype=np.int64)
    if parent.shape != leaf_geoms.shape:
        raise InvalidInputError(f"{len(leaf_geoms)} leaves but {parent.size} parents.")
    if parent.size and not (parent.min() >= -1 and parent.max() < n_groups):
        raise InvalidInputError(f"A leaf names a parent outside 0 to {n_groups - 1}.")
    order = np.argsort(parent, kind="stable")
    cuts = np.searchsorted(parent[order], np.arange(n_groups + 1))
    out = np.full(n_groups, shapely.Polygon(), dtype=object)
    for index, (low, high) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)):
        if high - low == 1:
            out[index] = leaf_geoms[order[low]]
        elif high > low:
            out[index] = shapely.coverage_union_all(leaf_geoms[order[low:high]])
    return out


def nested_outlines(leaf_geoms: Geoms, parents: Sequence[ArrayLike], counts: Sequence[int]) -> list[Geoms]:
    """Derive level after level, each from the one below.

    Parameters
    ----------
    leaf_geoms : (n,) array of shapely Polygon or MultiPolygon
    parents : sequence of arrays of int
        ``parents[0]`` gives each leaf's parent, ``parents[1]`` the parent of each of those, and so on
        upwards.
    counts : sequence of int
        How many cells each of these levels has.

    Returns
    -------
    list of arrays
        Shapes of each level above the leaves, from below.
    """
    levels: list[Geoms] = []
    below = leaf_geoms
    for group, count in zip(parents, counts, strict=True):
        below = outlines(below, group, count)
        levels.append(below)
    return levels


def simplify_tiling(geoms: Geoms, tolerance_deg: float) -> Geoms:
    """Thin out the vertices of a tiling together, so that neighbours still share their borders.

    Parameters
    ----------
    geoms : (n,) array of shapely Polygon or MultiPolygon
        A tiling whose edges match.
    tolerance_deg : float
        Corners whose triangle is smaller than the square of this (in degrees) may go. A pixel of a map
        tile of 256 pixels at zoom z is 360 / 2⁸⁺ᶻ degrees wide.

    Returns
    -------
    (n,) array
        Some of the vertices of the input, no others; as many cells as before. If a cell would vanish or
        become invalid, the tolerance is halved, and after eight times the tiling is returned as it is.
    """
    geoms = np.asarray(geoms, dtype=object)
    before = shapely.is_empty(geoms)
    parts = shapely.get_num_geometries(geoms)
    for _ in range(_HALVINGS):
        thin: Geoms = shapely.coverage_simplify(geoms, tolerance_deg)
        whole = shapely.is_valid(thin) & (shapely.is_empty(thin) == before)
        if (whole & (shapely.get_num_geometries(thin) == parts)).all():
            return thin
        tolerance_deg /= 2.0
    return geoms
