"""From points to the street: the nearest place on an edge, how far it is, and how long the walk takes.

Distances are taken in the plane that touches the WGS 84 ellipsoid at the point asked about: within 10 km they
are right to better than 1 in 10,000.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.roads import kernels_snap, plain
from geo_service.roads.compiled import HAVE_NUMBA
from geo_service.roads.graph import LONGEST_MS, UNREACHED, RoadGraph

PREFER_MAIN_M = 50.0
"""How much farther a street of the main network may be and still be preferred to an isolated one."""

CELL_M = 80.0
MOST_CELLS = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Snaps:
    """Places on edges, one for each point asked about.

    Attributes
    ----------
    edge : (n,) int32
        Edge of the network, -1 where no street is near enough.
    fraction : (n,) float64
        Share of the edge's length between its ``u`` end and the place, 0 to 1.
    distance_m : (n,) float64
        From the point to the street; infinite where not snapped.
    access_ms : (n,) int32
        Time on foot between the point and the street.
    main : (n,) bool
        Whether the edge belongs to the main strongly connected component.
    lonlat_deg : (n, 2) float64
        The place itself, EPSG:4326; NaN where not snapped.
    """

    edge: NDArray[np.int32]
    fraction: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    access_ms: NDArray[np.int32]
    main: NDArray[np.bool_]
    lonlat_deg: NDArray[np.float64]

    def __len__(self) -> int:
        """Count of points asked about."""
        return len(self.edge)

    @property
    def snapped(self) -> NDArray[np.bool_]:
        """Which points have a street."""
        return self.edge >= 0

    def take(self, index: ArrayLike) -> Self:
        """Return the snaps at ``index`` (numbers or a mask)."""
        chosen = np.asarray(index)
        if chosen.dtype.kind != "b":
            chosen = chosen.astype(np.intp)
        return type(self)(*(getattr(self, f.name)[chosen] for f in fields(self)))

    @classmethod
    def on_edges(
        cls, graph: RoadGraph, edge: ArrayLike, fraction: ArrayLike, access_ms: ArrayLike = 0
    ) -> Self:
        """Make snaps of places that are known already: an edge's index and a fraction of its length.

        Raises
        ------
        InvalidInputError
            When an edge is not one of the graph's, or a fraction is not between 0 and 1.
        """
        edges = np.atleast_1d(np.asarray(edge, dtype=np.int32))
        places = np.broadcast_to(np.asarray(fraction, dtype=np.float64), edges.shape).copy()
        delay = np.broadcast_to(np.asarray(access_ms, dtype=np.int32), edges.shape).copy()
        bad = np.flatnonzero(
            (edges < 0)
            | (edges >= len(graph.edge_ms))
            | ~((places >= 0) & (places <= 1))
            | (delay < 0)
            | (delay > LONGEST_MS)
        )
        if len(bad):
            raise InvalidInputError(
                "Some places are not on an edge of the road network.",
                [
                    Fault("edge", "give an edge's index, a fraction from 0 to 1 and a delay", row=int(i) + 1)
                    for i in bad[:20]
                ],
            )
        shapes = graph.network.edge_shape[edges]
        at = shapely.line_interpolate_point(shapes, places, normalized=True)
        return cls(
            edges, places, np.zeros(len(edges)), delay, graph.edge_main[edges], shapely.get_coordinates(at)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The straight pieces that the usable edges are made of.

    ``a``, ``b`` (k, 2) are their ends in degrees, ``edge`` (k,) int32 the edge they belong to, ``start``
    and ``stop`` (k,) the fractions of the edge's length at their ends, ``main`` (k,) whether the edge
    belongs to the main component.
    """

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    edge: NDArray[np.int32]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    main: NDArray[np.bool_]


class Snapper:
    """Finds the nearest place on an edge of one graph. Immutable after building; threads may share it.

    Parameters
    ----------
    graph : RoadGraph
        Edges usable by its mode are what points are snapped to.
    prefer_main_m : float
        A point goes to a street outside the main component only if no street of the main component is at
        most this much farther: an isolated driveway must not swallow a point, an island's street may.
    """

    def __init__(self, graph: RoadGraph, *, prefer_main_m: float = PREFER_MAIN_M) -> None:
        self.graph = graph
        self.prefer_main_m = float(prefer_main_m)
        self.pieces = _pieces(graph)
        self._grid = _Grid.over(self.pieces)

    def snap(self, lonlat_deg: NDArray[np.float64], max_distance_m: float = 500.0) -> Snaps:
        """Snap points to their streets.

        Parameters
        ----------
        lonlat_deg : (n, 2) float64
            EPSG:4326. A point without coordinates (NaN) is not snapped.
        max_distance_m : float
            Farther streets do not count: such a point has edge -1, it is never moved silently.

        Returns
        -------
        Snaps
            Of streets equally near the one with the smallest edge index.

        Raises
        ------
        InvalidInputError
            When the array has another shape or the distance is not a positive number.
        """
        points = np.ascontiguousarray(lonlat_deg, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InvalidInputError(
                "Points must be pairs of lon, lat.", [Fault("lonlat_deg", "give an (n, 2) array")]
            )
        if not 0 < max_distance_m < 1e6:
            raise InvalidInputError(
                "The greatest distance to a street must be a positive number.",
                [Fault("max_distance_m", "give metres above 0 and below 1,000,000", value=max_distance_m)],
            )
        if len(self.pieces.edge) == 0:
            piece, along, distance_m = _nowhere(len(points))
        elif HAVE_NUMBA:
            grid, pieces = self._grid, self.pieces
            piece, along, distance_m = kernels_snap.nearest_pieces(
                points,
                pieces.a,
                pieces.b,
                pieces.main,
                grid.origin_deg,
                grid.step_deg,
                grid.shape,
                grid.ptr,
                grid.item,
                float(max_distance_m),
                self.prefer_main_m,
            )
        else:  # pragma: no cover - the same function is tested directly
            piece, along, distance_m = plain.nearest_pieces(
                points,
                self.pieces.a,
                self.pieces.b,
                self.pieces.main,
                max_distance_m=max_distance_m,
                prefer_main_m=self.prefer_main_m,
            )
        return self._snaps(piece, along, distance_m)

    def _snaps(
        self, piece: NDArray[np.int32], along: NDArray[np.float64], distance_m: NDArray[np.float64]
    ) -> Snaps:
        """Turn nearest pieces and the share along them into places on edges."""
        found, pieces = piece >= 0, self.pieces
        n = len(piece)
        edge, fraction = np.full(n, -1, np.int32), np.zeros(n)
        main, lonlat_deg = np.zeros(n, np.bool_), np.full((n, 2), np.nan)
        access_ms = np.full(n, UNREACHED, np.int32)
        hit, share = piece[found], along[found]
        edge[found], main[found] = pieces.edge[hit], pieces.main[hit]
        start, stop = pieces.start[hit], pieces.stop[hit]
        fraction[found] = np.where(share >= 1.0, stop, start + share * (stop - start))
        a, b = pieces.a[hit], pieces.b[hit]
        lonlat_deg[found] = np.where(share[:, None] >= 1.0, b, a + share[:, None] * (b - a))
        walk_ms = np.floor(distance_m[found] / self.graph.access_mps * 1000.0 + 0.5)
        access_ms[found] = np.minimum(walk_ms, LONGEST_MS).astype(np.int32)
        return Snaps(edge, fraction, distance_m, access_ms, main, lonlat_deg)


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """A raster over the network whose cells list the pieces that touch them."""

    origin_deg: NDArray[np.float64]
    step_deg: NDArray[np.float64]
    shape: NDArray[np.int64]
    ptr: NDArray[np.int64]
    item: NDArray[np.int32]

    @classmethod
    def over(cls, pieces: Pieces) -> "_Grid":
        """Lay a raster of about :data:`CELL_M` (coarser if it would be too large) and list the pieces."""
        if len(pieces.edge) == 0 or not HAVE_NUMBA:
            empty = np.zeros(2)
            return cls(empty, empty, np.zeros(2, np.int64), np.zeros(1, np.int64), np.empty(0, np.int32))
        low = np.minimum(pieces.a, pieces.b).min(axis=0)
        high = np.maximum(pieces.a, pieces.b).max(axis=0)
        scale = np.array(plain.metres_per_degree(float(low[1] + high[1]) / 2))
        cell_m = CELL_M
        span_m = (high - low) * scale
        while np.prod(np.floor(span_m / cell_m) + 1) > MOST_CELLS:
            cell_m *= 2
        step = cell_m / scale
        shape = (np.floor((high - low) / step) + 1).astype(np.int64)
        ptr, item = kernels_snap.fill_grid(pieces.a, pieces.b, low, step, shape)
        return cls(low, step, shape, ptr, item)


def _pieces(graph: RoadGraph) -> Pieces:
    """Cut the shapes of all usable edges into straight pieces with their fractions."""
    edges = np.flatnonzero(graph.edge_usable)
    coordinates, owner = shapely.get_coordinates(graph.network.edge_shape[edges], return_index=True)
    if len(coordinates) == 0:
        none, nothing = np.empty((0, 2)), np.empty(0)
        return Pieces(none, none, np.empty(0, np.int32), nothing, nothing, np.empty(0, np.bool_))
    first = np.flatnonzero(owner[:-1] == owner[1:])
    a, b = coordinates[first], coordinates[first + 1]
    east, north = plain.metres_per_degree((a[:, 1] + b[:, 1]) / 2)
    length = np.hypot((b[:, 0] - a[:, 0]) * east, (b[:, 1] - a[:, 1]) * north)
    which = owner[first]
    total = np.bincount(which, weights=length, minlength=len(edges))[which]
    run = np.cumsum(length)
    starts_edge = np.concatenate([[True], which[1:] != which[:-1]])
    ends_edge = np.concatenate([which[1:] != which[:-1], [True]])
    before_edge = (run - length)[starts_edge][np.cumsum(starts_edge) - 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        stop = np.where(total > 0, (run - before_edge) / total, 1.0)
    stop = np.where(ends_edge, 1.0, np.clip(stop, 0.0, 1.0))
    start = np.where(starts_edge, 0.0, np.concatenate([[0.0], stop[:-1]]))
    edge = edges[which].astype(np.int32)
    return Pieces(np.ascontiguousarray(a), np.ascontiguousarray(b), edge, start, stop, graph.edge_main[edge])


def _nowhere(n: int) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Answer where there is no street at all."""
    return np.full(n, -1, np.int32), np.zeros(n), np.full(n, np.inf)
