"""Where the land, the people and the incidents of a cell went from one edition to the next (沿革).

Every cell whose land changed is explained: what it kept, what went to which other cell, what became nobody's,
what it took in that was nobody's. Of one cell that gave anything up the shares add up to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.geometry.lattice import is_thin
from geo_service.geometry.measure import area_m2
from geo_service.services.tiling import Tiling

#: What is left of a difference of two equal sums.
_NOTHING = 1e-9
#: In place of a cell: land that belongs to none.
NOBODY = -1
COLUMNS = ("from_id", "to_id", "kind", "share_land", "share_households", "share_incidents", "land_m2")
_SHARES = {"land": "share_land", "n0": "share_households", "n1": "share_incidents"}


@dataclass(frozen=True)
class Overlay:
    """Two editions laid over each other, in pieces that lie in one leaf of each, or of one of them only.

    Attributes
    ----------
    old_leaf, new_leaf : (n,) int
        Leaves in the order of each tiling's index, -1 for nobody's land; only where a leaf has another shape
        or other ancestors.
    land_m2 : (n,) float64
        Area of the piece.
    counts : list of (n,) float64
        For each layer of points the weight that lies in the piece.
    """

    old_leaf: NDArray[np.int64]
    new_leaf: NDArray[np.int64]
    land_m2: NDArray[np.float64]
    counts: list[NDArray[np.float64]]


@dataclass(frozen=True)
class Weighted:
    """Points with a weight each: households, or incidents."""

    lonlat_deg: NDArray[np.float64]
    weight: NDArray[np.float64]


def trace(old: Tiling, new: Tiling, layers: Sequence[Weighted]) -> pd.DataFrame:
    """Tell which cells passed something on to other cells, and how much of what they had.

    Parameters
    ----------
    old, new : Tiling
    layers : sequence of Weighted
        Households first, then incidents.

    Returns
    -------
    pandas.DataFrame
        :data:`COLUMNS`: a row for each pair of cells of one level between which something passed, and one for
        what a cell that passed something on has kept; :data:`NOBODY` where land became nobody's or was so.
        Shares of what the old cell had in [0, 1], adding up to 1 for each; NaN where it had none, or was
        nobody. Kinds: ``split`` (to a cell that is new), ``merge`` (from a cell that is no more), ``recode``
        (all of a cell that is no more makes up a new one), ``transfer``, ``given_away``, ``adopted``,
        ``kept``.
    """
    overlay = lay_over(old, new, layers)
    before, after = set(old.cells["id"]), set(new.cells["id"])
    found = [_of_level(old, new, level, overlay, layers) for level in old.levels if level in new.levels]
    rows = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS))
    if len(rows):
        rows["kind"] = _kinds(rows, before, after)
    return rows.reindex(columns=list(COLUMNS))


def between_cells(flows: pd.DataFrame) -> pd.DataFrame:
    """Return of what :func:`trace` tells only what passed from one cell to another."""
    return flows[~flows["kind"].isin(["kept", "given_away", "adopted"])].reset_index(drop=True)


def _of_level(
    old: Tiling, new: Tiling, level: str, overlay: Overlay, layers: Sequence[Weighted]
) -> pd.DataFrame:
    """Return what passed between the cells of one level, in shares of what the giver had."""
    source, target = _ids_of(old, level, overlay.old_leaf), _ids_of(new, level, overlay.new_leaf)
    figures = {"land": overlay.land_m2, **{f"n{k}": count for k, count in enumerate(overlay.counts)}}
    moved = source != target
    pieces = pd.DataFrame({"from_id": source[moved], "to_id": target[moved]}).assign(
        **{name: values[moved] for name, values in figures.items()}
    )
    pieces = pieces.groupby(["from_id", "to_id"], as_index=False).sum()
    pieces = pieces[(pieces[list(figures)] > 0).any(axis=1)]
    givers = np.setdiff1d(pieces["from_id"], [NOBODY])
    whole = _wholes(old, level, givers, layers)
    gone = pieces[pieces["from_id"] != NOBODY].groupby("from_id")[list(figures)].sum().reindex(givers)
    stays = np.isin(givers, new.cells["id"].to_numpy())
    kept = (whole - gone).where(whole - gone > _NOTHING * whole, 0.0)[stays]
    kept = kept[(kept > 0).any(axis=1)]
    kept = kept.reset_index(names="from_id")
    kept["to_id"] = kept["from_id"]
    rows: pd.DataFrame = pd.concat([pieces, kept], ignore_index=True)
    # by their sum: so the shares of a cell that is no more add up to 1 although thin strips are left out
    had = rows.groupby("from_id")[list(figures)].transform("sum")
    for name, share in _SHARES.items():
        if name in figures:
            is_known = (had[name] > 0) & (rows["from_id"] != NOBODY)
            rows[share] = np.where(is_known, rows[name] / had[name].where(had[name] > 0, 1.0), np.nan)
        else:
            rows[share] = np.nan
    return rows.rename(columns={"land": "land_m2"})


def _kinds(rows: pd.DataFrame, before: set[int], after: set[int]) -> NDArray[np.object_]:
    """Name what happened in each row."""
    source, target = rows["from_id"], rows["to_id"]
    is_kept = source == target
    is_new, is_gone = ~target.isin(before), ~source.isin(after)
    is_whole = is_gone & (source.map(source.value_counts()) == 1)
    is_alone = target.map(target[~is_kept].value_counts()) == 1
    return np.select(
        [
            is_kept,
            target == NOBODY,
            source == NOBODY,
            is_new & is_whole & is_alone,
            is_new & ~is_whole,
            is_gone,
        ],
        ["kept", "given_away", "adopted", "recode", "split", "merge"],
        "transfer",
    )


def lay_over(old: Tiling, new: Tiling, layers: Sequence[Weighted]) -> Overlay:
    """Lay two editions over each other; only leaves whose shape or ancestors differ are looked at."""
    old_shapes, new_shapes = _shapes(old), _shapes(new)
    old_marks, new_marks = marks(old), marks(new)
    known = set(new_marks)
    odd = np.array([k for k, mark in enumerate(old_marks) if mark not in known], dtype=np.int64)
    known = set(old_marks)
    even = np.array([k for k, mark in enumerate(new_marks) if mark not in known], dtype=np.int64)
    a, b = shapely.STRtree(new_shapes[even]).query(old_shapes[odd], predicate="intersects")
    shared = shapely.intersection(old_shapes[odd[a]], new_shapes[even[b]])
    parts = [
        pd.DataFrame({"old": odd[a], "new": even[b], "land": _land_m2(shared)}),
        pd.DataFrame({"old": odd, "new": NOBODY, "land": _left_m2(old_shapes[odd], a, new_shapes[even[b]])}),
        pd.DataFrame({"old": NOBODY, "new": even, "land": _left_m2(new_shapes[even], b, old_shapes[odd[a]])}),
    ]
    pieces = pd.concat(parts, ignore_index=True)
    for k, layer in enumerate(layers):
        counted = _count(old, new, odd, layer).rename(columns={"weight": f"n{k}"})
        pieces = pieces.merge(counted, on=["old", "new"], how="outer")
    pieces = pieces.fillna(0.0)
    return Overlay(
        pieces["old"].to_numpy(dtype=np.int64),
        pieces["new"].to_numpy(dtype=np.int64),
        pieces["land"].to_numpy(dtype=np.float64),
        [pieces[f"n{k}"].to_numpy(dtype=np.float64) for k in range(len(layers))],
    )


def _count(old: Tiling, new: Tiling, odd: NDArray[np.int64], layer: Weighted) -> pd.DataFrame:
    """Return the weight of points by the leaf before and after, where that may differ."""
    before, on_edge = old.index.leaf_of(layer.lonlat_deg)
    at = np.flatnonzero(np.isin(before, odd) | (before < 0) | on_edge)
    after, _ = new.index.leaf_of(layer.lonlat_deg[at])
    counted = pd.DataFrame({"old": before[at], "new": after, "weight": layer.weight[at]}).astype(
        {"old": np.int64, "new": np.int64}
    )
    counted = counted[(counted["old"] >= 0) | (counted["new"] >= 0)]
    summed: pd.DataFrame = counted.groupby(["old", "new"], as_index=False).sum()
    return summed


def _land_m2(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return areas, 0 for what is no land: lines, points, strips thinner than two steps."""
    is_land = ~is_thin(shapes)
    out = np.zeros(len(shapes))
    out[is_land] = area_m2(shapes[is_land])
    return out


def _left_m2(
    shapes: NDArray[np.object_], owner: NDArray[np.intp], covers: NDArray[np.object_]
) -> NDArray[np.float64]:
    """Return how much of each shape none of its covers covers; ``owner`` is the shape of each cover."""
    order = np.argsort(owner, kind="stable")
    covered = np.full(len(shapes), shapely.Polygon(), dtype=object)
    groups = np.split(order, np.flatnonzero(np.diff(owner[order])) + 1) if len(order) else []
    for group in groups:
        covered[owner[group[0]]] = shapely.union_all(covers[group])
    return _land_m2(shapely.difference(shapes, covered))


def _shapes(tiling: Tiling) -> NDArray[np.object_]:
    shapes: NDArray[np.object_] = tiling.cells["geom"].to_numpy(dtype=object)[tiling.leaves]
    return shapes


def marks(tiling: Tiling) -> list[tuple[bytes, ...]]:
    """Return for each leaf what makes it the same leaf: its shape, and itself and its ancestors by id."""
    shapes = _shapes(tiling)
    ids = np.append(tiling.cells["id"].to_numpy(), -1)[tiling.ancestry].astype(np.int64)
    shape_bytes = shapely.to_wkb(shapely.normalize(shapes))
    return [(wkb, path.tobytes()) for wkb, path in zip(shape_bytes, ids, strict=True)]


def _ids_of(tiling: Tiling, level: str, leaf: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each leaf given (-1: none) the id of its ancestor on a level; :data:`NOBODY` if none."""
    return np.append(_ids_of_leaves(tiling, level), NOBODY)[leaf]


def _ids_of_leaves(tiling: Tiling, level: str) -> NDArray[np.int64]:
    ids = np.append(tiling.cells["id"].to_numpy(), NOBODY)
    every: NDArray[np.int64] = ids[tiling.ancestry[:, tiling.levels.index(level)]].astype(np.int64)
    return every


def _wholes(
    tiling: Tiling, level: str, givers: NDArray[np.int64], layers: Sequence[Weighted]
) -> pd.DataFrame:
    """Return what some cells of a level had in all."""
    every = _ids_of_leaves(tiling, level)
    chosen = np.flatnonzero(np.isin(every, givers))
    whole = pd.DataFrame({"id": every[chosen], "land": area_m2(_shapes(tiling)[chosen])})
    for k, layer in enumerate(layers):
        leaf, _ = tiling.index.leaf_of(layer.lonlat_deg)
        inside = leaf >= 0
        sums = np.bincount(leaf[inside], layer.weight[inside], minlength=len(every))
        whole[f"n{k}"] = sums[chosen]
    return whole.groupby("id").sum().reindex(givers)
