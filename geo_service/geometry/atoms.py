"""Atoms: land parted into one piece round each building, cut along streets and water.

Any border drawn along the borders of atoms leaves every building whole. The way to them:

1. the land is cut by the lines into *blocks*;
2. in each block every place goes to the building whose wall is nearest (an enclosed tessellation, Fleischmann
   et al. 2020): the Voronoi diagram of points along the walls, of which only the edges between two buildings
   are kept, and straightened a little where that touches no wall;
3. all of that is laid over each other by snap rounding onto the lattice, and each face goes to a building;
4. faces that their building cannot reach go to a neighbour, so that each atom hangs together.

The faces come from one drawing, so the atoms are a tiling whatever happened before. Where a line cuts through
a building, the line gives way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import QhullError, Voronoi, cKDTree

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry import lattice
from geo_service.geometry.derive import outlines
from geo_service.geometry.measure import metres_per_degree
from geo_service.geometry.pieces import Bools, Floats, Geoms, Int32, Pieces, components
from geo_service.geometry.segments import segments_of

NO_BUILDING = -1
#: Lines that no group may cross, of those in a set of lines by kind.
BARRIER_KINDS = frozenset({"river", "railway"})

_WALL_STEP_M = 2.5  # points along walls
_STRAIGHTEN_M = 1.0
_ON_LINE_M = 0.05  # snap rounding moves a line by less
_SHRINK_M = 0.3  # walls that touch are sampled a little inside, so that points do not coincide
_OVERLAP_M2 = 0.5  # buildings that overlap by more share an atom
_FAR = 20.0  # points so many times the block's width away close the diagram


@dataclass(frozen=True, slots=True)
class Atoms:
    """A tiling of some land by atoms.

    Attributes
    ----------
    geoms : (n,) array of shapely Polygon
        On the lattice; a :class:`~geo_service.geometry.fabric.Fabric`.
    building : (n,) int32
        A building in each atom, :data:`NO_BUILDING` in one without. Buildings that overlap share an atom.
    atom_of : (b,) int32
        Atom of each building given, -1 for one outside the land.
    pieces : Pieces
        The same atoms as pieces with weight 0; :meth:`weighed` gives them weight.
    """

    geoms: Geoms
    building: Int32
    atom_of: Int32
    pieces: Pieces

    def __len__(self) -> int:
        """Count of atoms."""
        return len(self.geoms)

    def weighed(self, weight: ArrayLike, current: ArrayLike | None = None) -> Pieces:
        """Return the pieces, each with the weight of its buildings.

        Parameters
        ----------
        weight : (b,) array_like of int
            Households of each building.
        current : (n,) array_like of int, optional
            Group of each atom today.
        """
        inside = self.atom_of >= 0
        total = np.zeros(len(self), dtype=np.int64)
        np.add.at(total, self.atom_of[inside], np.asarray(weight, dtype=np.int64)[inside])
        now = self.pieces.current if current is None else np.asarray(current, dtype=np.int32)
        return replace(self.pieces, weight=total, current=now)


def make_atoms(
    land: shapely.Geometry,
    footprints: ArrayLike,
    lines: Mapping[str, Sequence[Any]],
    *,
    barrier_kinds: frozenset[str] = BARRIER_KINDS,
    crossings: ArrayLike | None = None,
) -> Atoms:
    """Part land into atoms.

    Parameters
    ----------
    land : Polygon or MultiPolygon
        On the lattice.
    footprints : (b,) array_like of shapely Polygon or MultiPolygon
        Buildings. Those whose middle lies outside the land are left out.
    lines : mapping of str to sequences of shapely LineString or MultiLineString
        Streets, water, railways by kind; EPSG:4326. A line that ends inside a block does not cut it.
    barrier_kinds : frozenset of str
        Kinds that no group may cross.
    crossings : (c, 2) array_like of float, optional
        Places (lon, lat) where barriers are crossed; the borders there are open.

    Returns
    -------
    Atoms
        They cover the land exactly: its vertices all stay, and further ones are set where borders meet it,
        each within half a lattice step of it.

    Raises
    ------
    InvalidInputError
        The land is not a polygon on the lattice, or a footprint is not one.
    """
    buildings = np.asarray(footprints, dtype=object).ravel()
    _check(land, buildings)
    ground = _Ground(land, buildings, lines)
    faces, face_label = ground.faces()
    atom, kept = _reachable(faces, face_label)
    geoms = outlines(faces, atom, len(kept))
    building, atom_of = ground.whose(kept)
    barriers = [line for kind, some in lines.items() if kind in barrier_kinds for line in some]
    others = [line for kind, some in lines.items() if kind not in barrier_kinds for line in some]
    pieces = Pieces.from_tiling(
        geoms,
        np.zeros(len(geoms), dtype=np.int64),
        barriers=barriers,
        lines=others,
        crossings=crossings,
        within_m=_ON_LINE_M,
    )
    return Atoms(geoms, building, atom_of, pieces)


def _check(land: shapely.Geometry, buildings: Geoms) -> None:
    kinds = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
    if shapely.get_type_id(land) not in kinds or land.is_empty or not land.is_valid:
        raise InvalidInputError("The land is not a valid polygon.")
    if not lattice.is_on_lattice(land):
        raise InvalidInputError("The land is not on the lattice; snap it first.")
    bad = np.flatnonzero(
        ~np.isin(shapely.get_type_id(buildings), kinds)
        | shapely.is_empty(buildings)
        | ~shapely.is_valid(buildings)
    )
    if bad.size:
        message = "must be a valid Polygon or MultiPolygon"
        faults = [Fault("footprints", message, row=int(row) + 1) for row in bad[:20]]
        raise InvalidInputError("A building's footprint is not a polygon.", faults)


class _Ground:
    """Land, blocks and buildings, and the label of each place: a building, or a block without one."""

    def __init__(self, land: shapely.Geometry, buildings: Geoms, lines: Mapping[str, Sequence[Any]]) -> None:
        self.land = land
        self.scale = np.array(metres_per_degree(land.centroid.y))
        self.origin = np.array(land.centroid.coords[0])
        shapely.prepare(land)
        inside = shapely.contains(land, shapely.point_on_surface(buildings)) if len(buildings) else []
        self.known = np.flatnonzero(inside)
        self.footprints = lattice.snap(buildings[self.known])
        self.cluster = self._clusters()
        self.n_buildings = len(buildings)
        drawn = [line for some in lines.values() for line in some if line is not None and not line.is_empty]
        cuts = shapely.intersection(np.array(drawn, dtype=object), land)
        cuts = _lines_among(shapely.get_parts(cuts))
        self.blocks = self._faces(np.append(cuts, shapely.boundary(land)))
        self.block_of = self._blocks_of_clusters()

    def _faces(self, lines: Geoms) -> Geoms:
        """Return the faces of some lines, the land's border among them, that belong to the land."""
        noded = shapely.union_all(lines, grid_size=lattice.UNIT_DEG)
        faces: Geoms = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
        return np.delete(faces, self._foreign(faces))

    def _foreign(self, faces: Geoms) -> list[int]:
        """Return the faces that are holes of the land: no line cuts these, so each hole is one face.

        A point inside a face cannot tell: where snap rounding bent the border, a sliver may lie beyond it.
        """
        enclosed = shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.boundary(self.land))))
        holes = enclosed[~shapely.contains(self.land, shapely.point_on_surface(enclosed))]
        tree = shapely.STRtree(faces)
        out = []
        for hole in holes:
            near = tree.query(hole)
            out.append(int(near[np.argmax(shapely.area(shapely.intersection(faces[near], hole)))]))
        return out

    def _clusters(self) -> Int32:
        """Give each building of the land a number, those that overlap the same."""
        if len(self.footprints) == 0:
            return np.empty(0, dtype=np.int32)
        one, other = shapely.STRtree(self.footprints).query(self.footprints, predicate="intersects")
        one, other = one[one < other], other[one < other]
        overlap = shapely.area(shapely.intersection(self.footprints[one], self.footprints[other]))
        heavy = overlap * self.scale.prod() > _OVERLAP_M2
        return components(len(self.footprints), np.column_stack((one[heavy], other[heavy])))

    def _blocks_of_clusters(self) -> Int32:
        """Return the block in which each cluster has most of its land."""
        building, block = shapely.STRtree(self.blocks).query(self.footprints, predicate="intersects")
        area = shapely.area(shapely.intersection(self.footprints[building], self.blocks[block]))
        total = np.zeros((int(self.cluster.max(initial=-1)) + 1, len(self.blocks)), dtype=np.float32)
        np.add.at(total, (self.cluster[building], block), area * self.scale.prod())
        return total.argmax(axis=1).astype(np.int32) if len(total) else np.empty(0, dtype=np.int32)

    def faces(self) -> tuple[Geoms, NDArray[np.int64]]:
        """Return the faces of all lines together, and the label of each: a cluster, or past them a block."""
        wall_deg, wall_cluster = self._walls()
        # the blocks as they came out, not the lines as they went in: ridges end on what rounding made of them
        lines = np.append(shapely.boundary(self.blocks), self._ridges(wall_deg, wall_cluster))
        faces = self._faces(np.append(lines, self._walls_met(lines)))
        return faces, self._labels(shapely.point_on_surface(faces), wall_deg, wall_cluster)

    def _walls(self) -> tuple[Floats, Int32]:
        """Return points along all walls in degrees, and the cluster of each."""
        metres = shapely.transform(self.footprints, lambda deg: (deg - self.origin) * self.scale)
        shrunk = shapely.buffer(metres, -_SHRINK_M, join_style="mitre")
        shrunk = np.where(shapely.is_empty(shrunk), metres, shrunk)
        dense = shapely.segmentize(shapely.boundary(shrunk), _WALL_STEP_M)
        xy, building = shapely.get_coordinates(dense, return_index=True)
        return xy / self.scale + self.origin, self.cluster[building]

    def _ridges(self, wall_deg: Floats, wall_cluster: Int32) -> Geoms:
        """Return the borders between buildings, block by block, straightened, in degrees."""
        order = np.argsort(self.block_of[wall_cluster], kind="stable")
        block = self.block_of[wall_cluster][order]
        cuts = np.flatnonzero(np.diff(block)) + 1
        found = [np.empty(0, dtype=object)]
        for own in np.split(order, cuts) if len(order) else []:
            clusters = wall_cluster[own]
            if (clusters != clusters[0]).any():
                home = self.blocks[self.block_of[clusters[0]]]
                chains = _between((wall_deg[own] - self.origin) * self.scale, clusters)
                chains = shapely.transform(chains, lambda xy: xy / self.scale + self.origin)
                found.append(shapely.get_parts(shapely.intersection(chains, home)))
        return _lines_among(np.concatenate(found))

    def _walls_met(self, lines: Geoms) -> Geoms:
        """Return the walls, within the land, of buildings that some line cuts through."""
        if len(self.footprints) == 0 or len(lines) == 0:
            return np.empty(0, dtype=object)
        met = np.unique(shapely.STRtree(lines).query(self.footprints, predicate="intersects")[0])
        walls = shapely.intersection(shapely.boundary(self.footprints[met]), self.land)
        return _lines_among(shapely.get_parts(walls))

    def _labels(self, places: Geoms, wall_deg: Floats, wall_cluster: Int32) -> NDArray[np.int64]:
        """Return for each place the building it lies in, else the nearest of its block, else the block."""
        n_clusters = len(self.block_of)
        block = np.zeros(len(places), dtype=np.int64)
        found, home = shapely.STRtree(self.blocks).query(places, predicate="intersects")
        block[found] = home
        label = n_clusters + block
        wall_block = self.block_of[wall_cluster]
        xy = shapely.get_coordinates(places) * self.scale
        for own in np.unique(wall_block).tolist():
            mine, walls = np.flatnonzero(block == own), np.flatnonzero(wall_block == own)
            nearest = cKDTree(wall_deg[walls] * self.scale).query(xy[mine])[1]
            label[mine] = wall_cluster[walls[nearest]]
        inside, building = shapely.STRtree(self.footprints).query(places, predicate="within")
        label[inside] = self.cluster[building]
        return label

    def whose(self, kept: NDArray[np.int64]) -> tuple[Int32, Int32]:
        """Return a building of each atom, and the atom of each building, from the label of each atom."""
        n_clusters = len(self.block_of)
        first = np.full(n_clusters + 1, NO_BUILDING, dtype=np.int32)
        first[self.cluster[::-1]] = self.known[::-1]
        building = first[np.where(kept < n_clusters, kept, n_clusters)]
        atom = np.full(n_clusters + 1, -1, dtype=np.int32)
        lived = np.flatnonzero(kept < n_clusters)
        atom[kept[lived]] = lived
        atom_of = np.full(self.n_buildings, -1, dtype=np.int32)
        atom_of[self.known] = atom[self.cluster]
        return building, atom_of


def _lines_among(geoms: Geoms) -> Geoms:
    """Keep the lines that are not empty: what touches at a point alone cuts nothing."""
    return np.asarray(geoms[(shapely.get_dimensions(geoms) == 1) & ~shapely.is_empty(geoms)])


def _between(wall_m: Floats, cluster: Int32) -> Geoms:
    """Return the lines halfway between clusters of points, straightened a little."""
    low, high = wall_m.min(axis=0), wall_m.max(axis=0)
    turn = np.linspace(0.0, 2.0 * np.pi, 8, endpoint=False)
    far = (low + high) / 2.0 + _FAR * (np.ptp(wall_m, axis=0).max() + 100.0) * np.column_stack(
        (np.cos(turn), np.sin(turn))
    )
    try:
        diagram = Voronoi(np.concatenate((wall_m, far)) - low)
    except QhullError:  # pragma: no cover - the far points span the plane
        return np.empty(0, dtype=object)
    owner = np.append(cluster, np.full(len(far), -1))
    sides = np.sort(owner[diagram.ridge_points], axis=1)
    ends = np.asarray(diagram.ridge_vertices)
    use = (sides[:, 0] != sides[:, 1]) & (sides[:, 0] >= 0) & (ends >= 0).all(axis=1)
    sides, ends = sides[use], ends[use]
    if len(ends) == 0:
        return np.empty(0, dtype=object)
    _, pair = np.unique(sides, axis=0, return_inverse=True)
    order = np.argsort(pair.ravel(), kind="stable")
    lines = shapely.linestrings(diagram.vertices[ends[order]] + low)
    merged = shapely.line_merge(shapely.multilinestrings(lines, indices=pair.ravel()[order]))
    chains = shapely.get_parts(merged)
    straight: Geoms = shapely.simplify(chains, _STRAIGHTEN_M, preserve_topology=False)
    return straight


def _reachable(faces: Geoms, label: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Join faces into atoms that hang together; what its label's largest part does not reach goes next door.

    Returns
    -------
    atom : (f,) int64
        Atom of each face.
    kept : (n,) int64
        Label of each atom, ascending; an island that touches nothing is an atom with its label again.
    """
    segments = segments_of(faces)
    inner = (segments.left >= 0) & (segments.right >= 0)
    left, right = segments.left[inner], segments.right[inner]
    step = np.column_stack((segments.bx - segments.ax, segments.by - segments.ay))[inner]
    length = np.hypot(*step.astype(np.float64).T)
    same = label[left] == label[right]
    part = components(len(faces), np.column_stack((left[same], right[same])))
    area = np.bincount(part, shapely.area(faces))
    part_label = np.zeros(len(area), dtype=np.int64)
    part_label[part] = label
    order = np.lexsort((-area, part_label))
    main = np.zeros(len(area), dtype=bool)
    main[order[np.append(True, np.diff(part_label[order]) != 0)]] = True
    goal = _adopted(main, part[left], part[right], length)
    kept_parts = np.flatnonzero(goal == np.arange(len(goal)))
    kept_parts = kept_parts[np.lexsort((kept_parts, part_label[kept_parts]))]
    number = np.full(len(goal), -1, dtype=np.int64)
    number[kept_parts] = np.arange(len(kept_parts))
    return number[goal[part]], part_label[kept_parts]


def _adopted(main: Bools, left: Int32, right: Int32, length: Floats) -> NDArray[np.int64]:
    """Return the main part that each part joins, across its longest borders, round by round."""
    goal = np.where(main, np.arange(len(main)), -1)
    one, other = np.concatenate((left, right)), np.concatenate((right, left))
    border = np.tile(length, 2)
    while True:
        use = (goal[one] < 0) & (goal[other] >= 0)
        if not use.any():
            break
        pairs, pair = np.unique(np.column_stack((one[use], goal[other[use]])), axis=0, return_inverse=True)
        total = np.bincount(pair.ravel(), border[use])
        best = np.lexsort((pairs[:, 1], -total, pairs[:, 0]))
        first = best[np.append(True, np.diff(pairs[best, 0]) != 0)]
        goal[pairs[first, 0]] = pairs[first, 1]
    return np.where(goal < 0, np.arange(len(main)), goal)
