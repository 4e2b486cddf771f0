"""What lies on the land and no redraw changes: buildings, barriers, crossings, premises, all searchable."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import InvalidInputError

Geoms = NDArray[np.object_]
Ints = NDArray[np.int64]

_PIECE_EDGES = 16  # a river's frame holds half the county; that of 16 edges hardly more than they do


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Made once for a place with :meth:`build`, then shared by every scene on it.

    Attributes
    ----------
    buildings : (n,) array of shapely Polygon or Point
        Footprints, EPSG:4326; a point where only the address is known.
    building_names : tuple of str
        What to call each in a message: an address or a number.
    points : (n,) array of shapely Point
        Where the people of each building are counted.
    households, residents : (n,) int64
    pieces : (m,) array of shapely LineString
        The barriers in short pieces.
    piece_barrier : (m,) int64
        Barrier that each piece is of.
    barrier_kinds, barrier_names : tuple of str
    crossings : (c,) array of shapely Point
    premises : (p,) array of shapely Polygon
    premises_names : tuple of str
    """

    buildings: Geoms
    building_names: tuple[str, ...]
    points: Geoms
    households: Ints
    residents: Ints
    pieces: Geoms
    piece_barrier: Ints
    barrier_kinds: tuple[str, ...]
    barrier_names: tuple[str, ...]
    crossings: Geoms
    premises: Geoms
    premises_names: tuple[str, ...]
    building_tree: shapely.STRtree
    point_tree: shapely.STRtree
    piece_tree: shapely.STRtree
    crossing_tree: shapely.STRtree
    premises_tree: shapely.STRtree

    @classmethod
    def build(
        cls,
        *,
        buildings: Iterable[Any] | None = None,
        building_names: Sequence[str] = (),
        households: ArrayLike | None = None,
        residents: ArrayLike | None = None,
        barriers: Iterable[Any] | None = None,
        barrier_kinds: Sequence[str] = (),
        barrier_names: Sequence[str] = (),
        crossings: Iterable[Any] | None = None,
        premises: Iterable[Any] | None = None,
        premises_names: Sequence[str] = (),
    ) -> "Ground":
        """Cut barriers into pieces and build the trees; whatever is not given is empty, names are numbers.

        Raises
        ------
        InvalidInputError
            Arrays that belong together are not equally long.
        """
        footprints, lines = _array(buildings), _array(barriers)
        yards, n = _array(premises), len(footprints)
        names = tuple(building_names) or tuple(str(k + 1) for k in range(n))
        people = [
            np.zeros(n, np.int64) if x is None else np.asarray(x, np.int64) for x in (households, residents)
        ]
        kinds = tuple(barrier_kinds) or ("barrier",) * len(lines)
        barrier_names = tuple(barrier_names) or ("",) * len(lines)
        premises_names = tuple(premises_names) or tuple(str(k + 1) for k in range(len(yards)))
        sizes: tuple[tuple[int, int], ...] = (
            (n, len(names)),
            (n, len(people[0])),
            (n, len(people[1])),
            (len(lines), len(kinds)),
        )
        sizes += ((len(lines), len(barrier_names)), (len(yards), len(premises_names)))
        if any(one != other for one, other in sizes):
            raise InvalidInputError("What belongs to buildings, barriers or premises must be equally long.")
        pieces, owner = _pieces(lines)
        points = footprints if n == 0 else shapely.point_on_surface(footprints)
        crossing = _array(crossings)
        return cls(
            footprints,
            names,
            points,
            people[0],
            people[1],
            pieces,
            owner,
            kinds,
            barrier_names,
            crossing,
            yards,
            premises_names,
            building_tree=shapely.STRtree(footprints),
            point_tree=shapely.STRtree(points),
            piece_tree=shapely.STRtree(pieces),
            crossing_tree=shapely.STRtree(crossing),
            premises_tree=shapely.STRtree(yards),
        )

    def count_in(self, shapes: ArrayLike) -> tuple[Ints, Ints, Ints]:
        """Return the households, residents and buildings in each shape.

        A building counts once, where its point is; on a shared border, for the first of the shapes given.
        """
        geoms = np.asarray(shapes, dtype=object)
        which, building = self.point_tree.query(geoms, predicate="intersects")
        order = np.lexsort((which, building))
        which, building = which[order], building[order]
        once = np.append(True, building[1:] != building[:-1])[: len(building)]
        which, building = which[once], building[once]
        sums = [
            np.bincount(which, values[building], minlength=len(geoms)).astype(np.int64)
            for values in (self.households, self.residents, np.ones(len(self.buildings), np.int64))
        ]
        return sums[0], sums[1], sums[2]

    def barrier_words(self, barrier: int) -> tuple[str, str]:
        """Return kind and name of a barrier."""
        return self.barrier_kinds[barrier], self.barrier_names[barrier]


def _array(geoms: Iterable[Any] | None) -> Geoms:
    if geoms is None:
        return np.empty(0, dtype=object)
    values = list(geoms)
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _pieces(lines: Geoms) -> tuple[Geoms, Ints]:
    """Cut lines into runs of a few edges; consecutive runs share a vertex."""
    pieces: list[BaseGeometry] = []
    owner: list[int] = []
    parts, line = shapely.get_parts(lines, return_index=True)
    for part, number in zip(parts, line.tolist(), strict=True):
        xy = shapely.get_coordinates(part)
        for start in range(0, len(xy) - 1, _PIECE_EDGES):
            pieces.append(shapely.linestrings(xy[start : start + _PIECE_EDGES + 1]))
            owner.append(number)
    return _array(pieces), np.array(owner, dtype=np.int64)
