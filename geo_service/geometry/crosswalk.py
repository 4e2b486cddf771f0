"""Crosswalk of two layers (多网合一): how far our cells and another agency's grids are the same land.

Ours are a tiling. Theirs may be anything valid: they may leave land out, reach beyond ours, and overlap; what
they overlap counts for each of them. Households are points, each in the first cell of a layer that holds it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry.measure import area_m2
from geo_service.geometry.width import width_m

Geoms = NDArray[np.object_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NONE = -1
SLIVER_M = 10.0
_LEAST_M2 = 1e-3  # less land than this is rounding


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Where a cell of ours and one of theirs have land in common; row by row, ours first, then theirs.

    Attributes
    ----------
    ours, theirs : (m,) int64
    area_m2, households : (m,) float64
    land_of_ours, land_of_theirs : (m,) float64
        Share of the land of either cell.
    households_of_ours, households_of_theirs : (m,) float64
        Share of the households of either cell; 0 where it has none.
    shape : (m,) array of shapely Polygon or MultiPolygon
        EPSG:4326.
    """

    ours: Ints
    theirs: Ints
    area_m2: Floats
    households: Floats
    land_of_ours: Floats
    land_of_theirs: Floats
    households_of_ours: Floats
    households_of_theirs: Floats
    shape: Geoms

    def __len__(self) -> int:
        """Count of pairs."""
        return len(self.ours)


@dataclass(frozen=True, slots=True)
class Piece:
    """A connected piece of an overlap."""

    ours: int
    theirs: int
    shape: BaseGeometry
    area_m2: float
    width_m: float


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """What two layers have in common.

    Attributes
    ----------
    overlaps : Overlaps
    best_of_ours, best_of_theirs : (n,), (k,) int64
        The cell of the other layer with which each has most households in common, most land where it has
        none; :data:`NONE` where nothing is.
    alone_of_ours, alone_of_theirs : (n,), (k,) float64
        Share of the land of each that lies in no cell of the other layer.
    slivers : tuple of Piece
        Pieces narrower than the limit: the same border, drawn twice. The largest first.
    conflicts : tuple of Piece
        Other pieces of their cells that lie outside the cell of ours they match best. The largest first.
    agreement_land, agreement_households : float
        Share of what lies in either layer that lies in two cells which are each other's best match.
    """

    overlaps: Overlaps
    best_of_ours: Ints
    best_of_theirs: Ints
    alone_of_ours: Floats
    alone_of_theirs: Floats
    slivers: tuple[Piece, ...]
    conflicts: tuple[Piece, ...]
    agreement_land: float
    agreement_households: float


def crosswalk(
    ours: ArrayLike,
    theirs: ArrayLike,
    lonlat_deg: ArrayLike,
    households: ArrayLike,
    *,
    sliver_m: float = SLIVER_M,
) -> Crosswalk:
    """Lay two layers over each other.

    Parameters
    ----------
    ours, theirs : (n,), (k,) array_like of shapely Polygon or MultiPolygon
        EPSG:4326, valid; ours do not overlap.
    lonlat_deg : (p, 2) array_like
        Where people live.
    households : (p,) array_like
    sliver_m : float
        A piece that is nowhere wider is a sliver.

    Raises
    ------
    InvalidInputError
        A layer is empty, or a shape is not a valid polygon.
    """
    mine, other = _checked(ours, "ours"), _checked(theirs, "theirs")
    pairs = _pairs(
        mine, other, np.asarray(lonlat_deg, dtype=np.float64).reshape(-1, 2), np.asarray(households)
    )
    best_of_ours = _best(pairs.ours, pairs.theirs, pairs, len(mine))
    best_of_theirs = _best(pairs.theirs, pairs.ours, pairs, len(other))
    slivers, conflicts = _pieces(pairs, best_of_theirs, sliver_m)
    mutual = (best_of_ours[pairs.ours] == pairs.theirs) & (best_of_theirs[pairs.theirs] == pairs.ours)
    whole = float(area_m2([shapely.union_all(np.concatenate((mine, other)))])[0])
    home = _either(mine, other, lonlat_deg, households)
    return Crosswalk(
        overlaps=pairs,
        best_of_ours=best_of_ours,
        best_of_theirs=best_of_theirs,
        alone_of_ours=_alone(mine, other),
        alone_of_theirs=_alone(other, mine),
        slivers=slivers,
        conflicts=conflicts,
        agreement_land=min(1.0, float(pairs.area_m2[mutual].sum()) / whole),
        agreement_households=float(pairs.households[mutual].sum()) / home if home > 0 else 0.0,
    )


def majority(pairs: Overlaps, n_ours: int) -> tuple[Ints, Floats]:
    """Give each of our cells to the one of theirs that holds most of it; the ground of a common grid.

    Returns
    -------
    theirs : (n,) int64
        :data:`NONE` where nothing is.
    share : (n,) float64
        Of its households that live there, of its land where it has none.
    """
    best = _best(pairs.ours, pairs.theirs, pairs, n_ours)
    share = np.zeros(n_ours)
    chosen = np.flatnonzero(best[pairs.ours] == pairs.theirs)
    lived_in = np.bincount(pairs.ours, pairs.households, minlength=n_ours) > 0
    of = np.where(lived_in[pairs.ours], pairs.households_of_ours, pairs.land_of_ours)
    share[pairs.ours[chosen]] = of[chosen]
    return best, share


def _checked(shapes: ArrayLike, name: str) -> Geoms:
    given = np.asarray(shapes, dtype=object).ravel()
    if len(given) == 0:
        raise InvalidInputError("there are no cells to compare", [Fault(name, "the layer is empty")])
    bad = np.flatnonzero((shapely.get_dimensions(given) != 2) | ~shapely.is_valid(given))
    if bad.size:
        faults = [Fault(name, "must be a valid polygon", row=int(row) + 1) for row in bad[:20]]
        raise InvalidInputError("a cell is not a valid polygon", faults)
    return given


def _pairs(mine: Geoms, other: Geoms, lonlat_deg: Floats, households: NDArray[Any]) -> Overlaps:
    theirs, ours = shapely.STRtree(mine).query(other, predicate="intersects")
    order = np.lexsort((theirs, ours))
    ours, theirs = ours[order].astype(np.int64), theirs[order].astype(np.int64)
    shape = _land(shapely.intersection(mine[ours], other[theirs]))
    area = area_m2(shape)
    held = area > _LEAST_M2
    ours, theirs, shape, area = ours[held], theirs[held], shape[held], area[held]
    home, place = _cell_of(mine, lonlat_deg), _cell_of(other, lonlat_deg)
    both = (home >= 0) & (place >= 0)
    key = home[both] * len(other) + place[both]
    counted = np.zeros(len(ours))
    at = np.searchsorted(ours * len(other) + theirs, key)
    known = at < len(ours)
    known[known] = (ours * len(other) + theirs)[at[known]] == key[known]
    np.add.at(counted, at[known], households[both][known])
    own = np.bincount(home[home >= 0], households[home >= 0], minlength=len(mine))
    foreign = np.bincount(place[place >= 0], households[place >= 0], minlength=len(other))
    return Overlaps(
        ours=ours,
        theirs=theirs,
        area_m2=area,
        households=counted,
        land_of_ours=area / area_m2(mine)[ours],
        land_of_theirs=area / area_m2(other)[theirs],
        households_of_ours=_share(counted, own[ours]),
        households_of_theirs=_share(counted, foreign[theirs]),
        shape=shape,
    )


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _land(shapes: Geoms) -> Geoms:
    """Keep the areas of overlaps, which may come with lines and points where cells only touch."""
    out: Geoms = shapes.copy()
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    for k in mixed:
        parts = shapely.get_parts(shapes[k])
        out[k] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return out


def _cell_of(cells: Geoms, lonlat_deg: Floats) -> Ints:
    """Return the first cell that holds each point, its border with it; :data:`NONE` for none."""
    point, cell = shapely.STRtree(cells).query(shapely.points(lonlat_deg), predicate="intersects")
    out = np.full(len(lonlat_deg), len(cells), dtype=np.int64)
    np.minimum.at(out, point, cell)
    return np.where(out == len(cells), NONE, out)


def _either(mine: Geoms, other: Geoms, lonlat_deg: ArrayLike, households: ArrayLike) -> float:
    deg = np.asarray(lonlat_deg, dtype=np.float64).reshape(-1, 2)
    held = (_cell_of(mine, deg) >= 0) | (_cell_of(other, deg) >= 0)
    return float(np.asarray(households, dtype=np.float64)[held].sum())


def _best(one: Ints, beyond: Ints, pairs: Overlaps, count: int) -> Ints:
    """Return for each cell the one beyond with most households in common, most land where there are none."""
    out = np.full(count, NONE, dtype=np.int64)
    order = np.lexsort((beyond, -pairs.area_m2, -pairs.households, one))
    first = order[np.append(True, np.diff(one[order]) != 0)] if len(order) else order
    out[one[first]] = beyond[first]
    return out


def _alone(cells: Geoms, others: Geoms) -> Floats:
    left = shapely.difference(cells, shapely.union_all(others))
    return np.asarray(np.clip(area_m2(left) / area_m2(cells), 0.0, 1.0))


def _pieces(
    pairs: Overlaps, best_of_theirs: Ints, sliver_m: float
) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return the slivers and the conflicts among the overlaps that are not with the best match."""
    slivers: list[Piece] = []
    conflicts: list[Piece] = []
    for k in np.flatnonzero(best_of_theirs[pairs.theirs] != pairs.ours).tolist():
        for part in shapely.get_parts(pairs.shape[k]):
            land = float(area_m2([part])[0])
            if land <= _LEAST_M2:
                continue
            piece = Piece(int(pairs.ours[k]), int(pairs.theirs[k]), part, land, width_m(part))
            (slivers if piece.width_m < sliver_m else conflicts).append(piece)

    def largest_first(found: list[Piece]) -> tuple[Piece, ...]:
        return tuple(sorted(found, key=lambda piece: (-piece.area_m2, piece.ours, piece.theirs)))

    return largest_first(slivers), largest_first(conflicts)
