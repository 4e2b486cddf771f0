"""Two tilings side by side: what land went from which cell to which, and which cells differ in what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.geometry.lattice import UNIT_DEG
from geo_service.geometry.measure import area_m2
from geo_service.planning.register import CellKey, CellRecord

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Geoms = NDArray[np.object_]

#: Thinner than this it is no land: a border that was parted for a new corner bends by less than one step.
_THIN_DEG = 2 * UNIT_DEG


@dataclass(frozen=True)
class Side:
    """One of two tilings.

    Attributes
    ----------
    levels : tuple of str
        From the top down.
    records : mapping of (level, code) to CellRecord
    leaves : list of (level, code)
        The cells that hold land.
    shapes : (n,) array of shapely Polygon or MultiPolygon
        Their land, EPSG:4326, on the lattice.
    land_m2 : (n,) float64
    codes : mapping of str to list of str
        By level the codes of its cells in ascending order.
    rows : mapping of str to (n,) int64
        By level where the ancestor of each leaf stands in ``codes``, -1 if it has none there.
    """

    levels: tuple[str, ...]
    records: Mapping[CellKey, CellRecord]
    leaves: list[CellKey]
    shapes: Geoms
    land_m2: Floats
    codes: Mapping[str, list[str]]
    rows: Mapping[str, Ints]
    _outlines: dict[CellKey, shapely.Geometry] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(
        cls,
        levels: Sequence[str],
        records: Iterable[CellRecord],
        leaves: Sequence[CellKey],
        shapes: Geoms,
        like: "Side | None" = None,
    ) -> "Side":
        """Index a tiling by level; areas of the very same shapes are taken from another side."""
        by_key = {record.key: record for record in records}
        codes: dict[str, list[str]] = {level: [] for level in levels}
        for level, code in by_key:
            codes[level].append(code)
        place: dict[CellKey, int] = {}
        for level, listed in codes.items():
            listed.sort()
            place.update(((level, code), row) for row, code in enumerate(listed))
        rows = {level: np.full(len(leaves), -1, dtype=np.int64) for level in levels}
        for number, leaf in enumerate(leaves):
            key: CellKey | None = leaf
            while key is not None and key in by_key:
                rows[key[0]][number] = place[key]
                key = by_key[key].parent
        land_m2 = area_m2(shapes) if like is None else _areas(shapes, like)
        return cls(tuple(levels), by_key, list(leaves), shapes, land_m2, codes, rows)

    def sum_up(self, level: str, leaf: Ints, weight: Floats | None = None) -> Floats:
        """Return the sum over each cell of a level of points that lie in leaves (-1: in none)."""
        rows = np.append(self.rows[level], -1)[leaf]
        inside = rows >= 0
        weights = None if weight is None else weight[inside]
        summed = np.bincount(rows[inside], weights, minlength=len(self.codes[level]))
        return summed.astype(np.float64)

    def outline(self, key: CellKey) -> shapely.Geometry:
        """Return the land of a cell of any level; an empty polygon if it holds none."""
        if key not in self._outlines:
            row = self.codes[key[0]].index(key[1])
            shapes = self.shapes[self.rows[key[0]] == row]
            self._outlines[key] = shapely.coverage_union_all(shapes) if len(shapes) else shapely.Polygon()
        return self._outlines[key]

    def path(self, key: CellKey) -> list[CellKey]:
        """Return a cell and its ancestors, the top first."""
        out = [key]
        while (record := self.records.get(out[-1])) is not None and record.parent is not None:
            out.append(record.parent)
        return out[::-1]


def _areas(shapes: Geoms, like: Side) -> Floats:
    known = {id(shape): area for shape, area in zip(like.shapes, like.land_m2.tolist(), strict=True)}
    out = np.array([known.get(id(shape), -1.0) for shape in shapes])
    new = out < 0
    out[new] = area_m2(shapes[new])
    return out


@dataclass(frozen=True)
class Pieces:
    """Two tilings laid over each other, in pieces that lie in one leaf of each.

    Attributes
    ----------
    old, new : (n,) int64
        Leaf of the piece on either side, -1 for nobody's land.
    land_m2 : (n,) float64
    same : mapping of int to int
        Leaves of the one side that are leaves of the other: same code, same land.
    redrawn_old, redrawn_new : (k,) int64
        All other leaves of either side.
    """

    old: Ints
    new: Ints
    land_m2: Floats
    same: Mapping[int, int]
    redrawn_old: Ints
    redrawn_new: Ints


def lay_over(before: Side, after: Side) -> Pieces:
    """Lay two tilings over each other; only leaves that differ are looked at closely."""
    same = _same_leaves(before, after)
    kept_old, kept_new = (np.fromiter(ends, dtype=np.int64) for ends in (same.keys(), same.values()))
    odd = np.setdiff1d(np.arange(len(before.leaves)), kept_old)
    even = np.setdiff1d(np.arange(len(after.leaves)), kept_new)
    a, b = shapely.STRtree(after.shapes[even]).query(before.shapes[odd], predicate="intersects")
    shared = shapely.intersection(before.shapes[odd[a]], after.shapes[even[b]])
    is_land = _is_land(shapely.area(shared), shared)
    a, b, shared = a[is_land], b[is_land], shared[is_land]
    lost, lost_m2 = _rest(before.shapes[odd], a, shared)
    won, won_m2 = _rest(after.shapes[even], b, shared)
    return Pieces(
        np.concatenate((kept_old, odd[a], odd[lost], np.full(len(won), -1))),
        np.concatenate((kept_new, even[b], np.full(len(lost), -1), even[won])),
        np.concatenate((before.land_m2[kept_old], area_m2(shared), lost_m2, won_m2)),
        same,
        odd,
        even,
    )


def _same_leaves(before: Side, after: Side) -> dict[int, int]:
    """Return which leaves have the same code and the same land, the ones by the others."""
    at = {key: number for number, key in enumerate(after.leaves)}
    both = [(number, at[key]) for number, key in enumerate(before.leaves) if key in at]
    same, doubtful = {}, []
    for old, new in both:
        if before.shapes[old] is after.shapes[new]:
            same[old] = new
        else:
            doubtful.append((old, new))
    if doubtful:
        old_at, new_at = np.array(doubtful).T
        one, other = shapely.normalize(before.shapes[old_at]), shapely.normalize(after.shapes[new_at])
        equal = shapely.equals_exact(one, other, 0.0)
        same.update({old: new for (old, new), is_equal in zip(doubtful, equal, strict=True) if is_equal})
    return same


def _is_land(area_deg2: Floats, shapes: Geoms) -> NDArray[np.bool_]:
    wide: NDArray[np.bool_] = 2 * area_deg2 >= _THIN_DEG * shapely.length(shapes)
    return wide & (area_deg2 > 0)


def _rest(whole: Geoms, owner: Ints, parts: Geoms) -> tuple[Ints, Floats]:
    """Return which shapes are not used up by their parts, and how much of them is left."""
    used = np.bincount(owner, shapely.area(parts), minlength=len(whole))
    left = shapely.area(whole) - used
    at = np.flatnonzero(_is_land(left, whole))
    used_m2 = np.bincount(owner, area_m2(parts), minlength=len(whole))
    return at, area_m2(whole[at]) - used_m2[at]


def follow_points(
    lonlat_deg: Floats, old_leaf: Ints, pieces: Pieces, after: Side, *, n_old: int
) -> NDArray[np.int64]:
    """Return in which leaf of the second tiling points lie, known where they lie in the first.

    Only points in redrawn leaves, or in none, are looked at; on a border the smaller leaf wins.
    """
    table = np.full(n_old + 1, -1, dtype=np.int64)  # the last place is for points in no leaf
    for old, new in pieces.same.items():
        table[old] = new
    out = table[old_leaf]
    free = np.flatnonzero(out < 0)
    tree = shapely.STRtree(after.shapes[pieces.redrawn_new])
    point, found = tree.query(shapely.points(lonlat_deg[free]), predicate="intersects")
    leaf = pieces.redrawn_new[found]
    order = np.argsort(-leaf, kind="stable")  # the smallest is written last
    out[free[point[order]]] = leaf[order]
    return out


@dataclass(frozen=True)
class LevelDifference:
    """How the cells of one level differ; codes in ascending order.

    Attributes
    ----------
    level : str
    new, retired, reshaped, reparented, described : list of str
        Reshaped: land came or went. Described: another name, kind or attribute. A cell that is new or retired
        is in no other list.
    flow_from, flow_to : (n,) int64
        What land went from one cell to another: rows in the codes of either side, -1 for nobody.
    flow_m2 : (n,) float64
    """

    level: str
    new: list[str]
    retired: list[str]
    reshaped: list[str]
    reparented: list[str]
    described: list[str]
    flow_from: Ints
    flow_to: Ints
    flow_m2: Floats

    @property
    def touched(self) -> list[str]:
        """Every cell that differs."""
        lists = (self.new, self.retired, self.reshaped, self.reparented, self.described)
        return sorted({code for listed in lists for code in listed})

    def status(self, code: str) -> str:
        """Say in a word what happens to a cell: the weightiest of what does."""
        for word in ("new", "retired", "reshaped", "reparented", "described"):
            if code in getattr(self, word):
                return word
        return "same"


def difference(before: Side, after: Side, pieces: Pieces, level: str) -> LevelDifference:
    """Return how the cells of a level differ."""
    old_codes, new_codes = set(before.codes.get(level, [])), set(after.codes.get(level, []))
    both = sorted(old_codes & new_codes)
    source, target, land_m2 = flows(before, after, pieces, level)
    ends = {before.codes[level][row] for row in source[source >= 0].tolist()}
    ends |= {after.codes[level][row] for row in target[target >= 0].tolist()}
    records = [(code, before.records[level, code], after.records[level, code]) for code in both]
    return LevelDifference(
        level,
        sorted(new_codes - old_codes),
        sorted(old_codes - new_codes),
        [code for code in both if code in ends],
        [code for code, old, new in records if old.parent != new.parent],
        [code for code, old, new in records if _words(old) != _words(new)],
        source,
        target,
        land_m2,
    )


def _words(record: CellRecord) -> tuple[object, ...]:
    return record.name, record.kind, dict(record.without_counts().attributes)  # counts are figures


def flows(before: Side, after: Side, pieces: Pieces, level: str) -> tuple[Ints, Ints, Floats]:
    """Return from which cell of a level to which other one how much land went: rows on both sides, m²."""
    source, target = (
        np.append(before.rows[level], -1)[pieces.old],
        np.append(after.rows[level], -1)[pieces.new],
    )
    moved = is_moved(before, after, level, source, target)
    pairs, group = np.unique(np.stack((source[moved], target[moved])), axis=1, return_inverse=True)
    land_m2 = np.bincount(group.reshape(-1), pieces.land_m2[moved], minlength=pairs.shape[1])
    return pairs[0], pairs[1], land_m2.astype(np.float64)


def is_moved(before: Side, after: Side, level: str, source: Ints, target: Ints) -> NDArray[np.bool_]:
    """Say which things went to a cell of another code, given the rows of their cells on either side."""
    place = {code: row for row, code in enumerate(after.codes[level])}
    same = np.array([place.get(code, -2) for code in before.codes[level]] + [-1], dtype=np.int64)
    moved: NDArray[np.bool_] = same[source] != target
    return moved
