"""Where the land, the people and the incidents of a cell went from one edition to the next (沿革)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.geometry.lattice import UNIT_DEG
from geo_service.services.tiling import Tiling

#: Thinner than this it is no land: a border that was parted for a new corner bends by less than one step.
_THIN_DEG = 2 * UNIT_DEG


@dataclass(frozen=True)
class Overlay:
    """Two editions laid over each other, in pieces that lie in one leaf of each.

    Attributes
    ----------
    old_leaf, new_leaf : (n,) int
        Leaves in the order of each tiling's index; only pairs in which a cell of some level differs.
    land : (n,) float64
        Area of the piece in square degrees: for shares within a cell.
    counts : list of (n,) float64
        For each layer of points the weight that lies in the piece.
    """

    old_leaf: NDArray[np.int64]
    new_leaf: NDArray[np.int64]
    land: NDArray[np.float64]
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
        from_id, to_id, kind, share_land, share_households, share_incidents: a row for each pair of different
        cells of one level; shares of what the old cell had in [0, 1], NaN where it had none. Kinds: split
        (to a cell that is new), merge (from a cell that is no more), transfer.
    """
    overlay = lay_over(old, new, layers)
    rows = []
    before = set(old.cells["id"])
    after = set(new.cells["id"])
    for level in old.levels:
        if level not in new.levels:
            continue
        source, whole = _ids_and_wholes(old, level, overlay, layers)
        target, _ = _ids_of(new, level, overlay.new_leaf)
        moved = (source >= 0) & (target >= 0) & (source != target)
        if not moved.any():
            continue
        pieces = pd.DataFrame(
            {
                "from_id": source[moved],
                "to_id": target[moved],
                "land": overlay.land[moved],
                **{f"n{k}": count[moved] for k, count in enumerate(overlay.counts)},
            }
        )
        rows.append(_shares(pieces.groupby(["from_id", "to_id"], as_index=False).sum(), whole))
    columns = ["from_id", "to_id", "kind", "share_land", "share_households", "share_incidents"]
    if not rows:
        return pd.DataFrame(columns=columns)
    found: pd.DataFrame = pd.concat(rows, ignore_index=True)
    found = found[found["share_land"] > 0].reset_index(drop=True)
    is_new, is_gone = ~found["to_id"].isin(before), ~found["from_id"].isin(after)
    found["kind"] = np.select([is_gone & ~is_new, is_new], ["merge", "split"], "transfer")
    return found[columns]


def lay_over(old: Tiling, new: Tiling, layers: Sequence[Weighted]) -> Overlay:
    """Lay two editions over each other; only leaves whose shape or ancestors differ are looked at."""
    old_shapes, new_shapes = _shapes(old), _shapes(new)
    old_marks, new_marks = _marks(old, old_shapes), _marks(new, new_shapes)
    known = set(new_marks)
    odd = np.array([k for k, mark in enumerate(old_marks) if mark not in known], dtype=np.int64)
    known = set(old_marks)
    even = np.array([k for k, mark in enumerate(new_marks) if mark not in known], dtype=np.int64)
    if not len(odd) or not len(even):
        empty = np.empty(0, dtype=np.int64)
        return Overlay(empty, empty, np.empty(0), [np.empty(0) for _ in layers])
    a, b = shapely.STRtree(new_shapes[even]).query(old_shapes[odd], predicate="intersects")
    shared = shapely.intersection(old_shapes[odd[a]], new_shapes[even[b]])
    land = shapely.area(shared)
    land[2 * land < _THIN_DEG * shapely.length(shared)] = 0.0
    pieces = pd.DataFrame({"old": odd[a], "new": even[b], "land": land})
    for k, layer in enumerate(layers):
        before, _ = old.index.leaf_of(layer.lonlat_deg)
        at = np.flatnonzero(np.isin(before, odd))
        after, _ = new.index.leaf_of(layer.lonlat_deg[at])
        counted = pd.DataFrame({"old": before[at], "new": after, f"n{k}": layer.weight[at]})
        counted = counted.groupby(["old", "new"], as_index=False).sum()
        pieces = pieces.merge(counted, on=["old", "new"], how="left")
    pieces = pieces.fillna(0.0)
    return Overlay(
        pieces["old"].to_numpy(dtype=np.int64),
        pieces["new"].to_numpy(dtype=np.int64),
        pieces["land"].to_numpy(dtype=np.float64),
        [pieces[f"n{k}"].to_numpy(dtype=np.float64) for k in range(len(layers))],
    )


def _shapes(tiling: Tiling) -> NDArray[np.object_]:
    shapes: NDArray[np.object_] = tiling.cells["geom"].to_numpy(dtype=object)[tiling.leaves]
    return shapes


def _marks(tiling: Tiling, shapes: NDArray[np.object_]) -> list[tuple[bytes, ...]]:
    """Return for each leaf what makes it the same leaf: its shape, and itself and its ancestors by id."""
    ids = np.append(tiling.cells["id"].to_numpy(), -1)[tiling.ancestry].astype(np.int64)
    shape_bytes = shapely.to_wkb(shapely.normalize(shapes))
    return [(wkb, path.tobytes()) for wkb, path in zip(shape_bytes, ids, strict=True)]


def _ids_of(
    tiling: Tiling, level: str, leaf: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each leaf given, and for every leaf, the id of its ancestor on a level; -1 if none."""
    ids = np.append(tiling.cells["id"].to_numpy(), -1)
    every = ids[tiling.ancestry[:, tiling.levels.index(level)]].astype(np.int64)
    return every[leaf], every


def _ids_and_wholes(
    tiling: Tiling, level: str, overlay: Overlay, layers: Sequence[Weighted]
) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Return the ancestor of each piece, and what those ancestors had in all."""
    source, every = _ids_of(tiling, level, overlay.old_leaf)
    whole = pd.DataFrame({"id": every, "land": shapely.area(_shapes(tiling))})
    for k, layer in enumerate(layers):
        leaf, _ = tiling.index.leaf_of(layer.lonlat_deg)
        inside = leaf >= 0
        whole[f"n{k}"] = np.bincount(leaf[inside], layer.weight[inside], minlength=len(every))
    return source, whole.groupby("id").sum()


def _shares(pieces: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    own = whole.reindex(pieces["from_id"])
    out = pieces[["from_id", "to_id"]].copy()
    names = {"land": "share_land", "n0": "share_households", "n1": "share_incidents"}
    for column, name in names.items():
        if column not in pieces:
            out[name] = np.nan
            continue
        had = own[column].to_numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            out[name] = np.where(had > 0, np.minimum(pieces[column].to_numpy() / had, 1.0), np.nan)
    return out
