"""Where help is wanted, by measure: households and residents in buildings, land, incidents of a year."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geo_service.geometry import measure, sampling
from geo_service.model import Mode
from geo_service.roads.demand import Doors
from geo_service.roads.graph import RoadGraph
from geo_service.roads.snap import Snapper, Snaps
from geo_service.services.coverage_question import Measure
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.tiling import Tiling
from geo_service.store import coverage_people, ground, heat
from geo_service.store.database import Database

YEAR = timedelta(days=365)
PEOPLE, LAND, INCIDENTS = "people", "land", "incidents"
#: On which points each measure is taken.
POINTS_OF = {
    Measure.HOUSEHOLDS: PEOPLE,
    Measure.RESIDENTS: PEOPLE,
    Measure.AREA: LAND,
    Measure.INCIDENTS: INCIDENTS,
}


@dataclass(frozen=True, eq=False)
class Places:
    """Points of one kind in one tiling, those of a leaf together, so that sums come out the same always.

    Attributes
    ----------
    lonlat_deg : (m, 2) float64
        EPSG:4326.
    leaf : (m,) int64
        Leaf of the index; all lie in one.
    ptr : (leaves + 1,) int64
        Where the points of each leaf begin.
    weights : dict of Measure to (m,) float64
        What each counts: households, residents, square metres, incidents.
    mark : bytes
        Digest of all that.
    """

    lonlat_deg: NDArray[np.float64]
    leaf: NDArray[np.int64]
    ptr: NDArray[np.int64]
    weights: dict[Measure, NDArray[np.float64]]
    mark: bytes

    @classmethod
    def of(
        cls,
        lonlat_deg: NDArray[np.float64],
        leaf: NDArray[np.int64],
        weights: dict[Measure, NDArray[np.float64]],
        n_leaves: int,
    ) -> "Places":
        """Put points in order of leaf; those in none are left out."""
        order = np.argsort(leaf, kind="stable")
        order = order[leaf[order] >= 0]
        lonlat_deg, leaf = lonlat_deg[order], leaf[order].astype(np.int64)
        weights = {name: values[order] for name, values in weights.items()}
        ptr = np.searchsorted(leaf, np.arange(n_leaves + 1)).astype(np.int64)
        digest = hashlib.sha256(np.ascontiguousarray(lonlat_deg).tobytes() + leaf.tobytes())
        for name in sorted(weights):
            digest.update(name.encode() + np.ascontiguousarray(weights[name]).tobytes())
        return cls(lonlat_deg, leaf, ptr, weights, digest.digest())

    def __len__(self) -> int:
        """Count of points."""
        return len(self.leaf)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Return the numbers of the points: they are in order of leaf already."""
        return np.arange(len(self), dtype=np.int64)

    @cached_property
    def totals(self) -> dict[Measure, NDArray[np.float64]]:
        """Return the weight of each leaf by measure."""
        n = len(self.ptr) - 1
        return {
            name: np.bincount(self.leaf, weights=values, minlength=n).astype(np.float64)
            for name, values in self.weights.items()
        }


def places_of(database: Database, held: Ground, tiling: Tiling, kind: str, at: datetime) -> Places:
    """Return the points of a kind in a tiling, kept until what they are made from changes."""
    if kind == LAND:
        return held.keep(("land", tiling.mark), lambda: _land(tiling))
    if kind == PEOPLE:
        with database.reading() as connection:
            version = ground.demand_version(connection)
        return held.keep(("people", tiling.mark, version), lambda: _people(database, tiling))
    until = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with database.reading() as connection:
        mark = heat.version(connection, until - YEAR, until)
    return held.keep(("incidents", tiling.mark, until, *mark), lambda: _incidents(database, tiling, until))


def _people(database: Database, tiling: Tiling) -> Places:
    with database.reading() as connection:
        points = ground.demand(connection)
    lonlat_deg = points[["lon", "lat"]].to_numpy(dtype=float)
    leaf, _ = tiling.index.leaf_of(lonlat_deg)
    weights = {
        Measure.HOUSEHOLDS: points["households"].to_numpy(dtype=float),
        Measure.RESIDENTS: points["residents"].to_numpy(dtype=float),
    }
    lived_in = (weights[Measure.HOUSEHOLDS] > 0) | (weights[Measure.RESIDENTS] > 0)
    return Places.of(lonlat_deg, np.where(lived_in, leaf, -1).astype(np.int64), weights, len(tiling.leaves))


def _incidents(database: Database, tiling: Tiling, until: datetime) -> Places:
    with database.reading() as connection:
        rows = coverage_people.incident_points(connection, until - YEAR, until)
    lonlat_deg = np.array([tuple(row) for row in rows], float).reshape(-1, 2)
    leaf, _ = tiling.index.leaf_of(lonlat_deg)
    weights = {Measure.INCIDENTS: np.ones(len(lonlat_deg))}
    return Places.of(lonlat_deg, leaf.astype(np.int64), weights, len(tiling.leaves))


def doors_of(held: Ground, places: Places, graph: RoadGraph, snapper: Snapper, network_id: int) -> Doors:
    """Return by which nodes the points are reached in a mode, kept until either changes.

    ``graph`` is the one as built; see :func:`doors_now` for one with streets closed.
    """
    key = ("doors", network_id, graph.mode, places.mark)
    return held.keep(key, lambda: Doors.of(graph, snapper.snap(places.lonlat_deg, MAX_ACCESS_M)))


def doors_now(doors: Doors, graph: RoadGraph) -> Doors:
    """Return the doors on a graph with other times; from a closed street one walks to an open one."""
    snaps = doors.snaps
    shut = np.flatnonzero((snaps.edge >= 0) & ~graph.edge_usable[np.maximum(snaps.edge, 0)])
    if len(shut):
        again = Snapper(graph, prefer_main_m=0.0).snap(snaps.lonlat_deg[shut], MAX_ACCESS_M)
        parts = {}
        for name in ("edge", "fraction", "distance_m", "access_ms", "main", "lonlat_deg"):
            values = getattr(snaps, name).copy()
            values[shut] = getattr(again, name)
            parts[name] = values
        # the walk along the closed street comes on top of the walk to it
        far = parts["access_ms"][shut].astype(np.int64) + snaps.access_ms[shut]
        parts["access_ms"][shut] = np.minimum(far, np.iinfo(np.int32).max).astype(np.int32)
        snaps = Snaps(**parts)
    return Doors.of(graph, snaps)


def all_modes(modes: NDArray[np.object_]) -> list[Mode]:
    """Return the modes that somebody travels in, in a fixed order."""
    return [mode for mode in Mode if (modes == mode).any()]


def _land(tiling: Tiling) -> Places:
    """Spread points over every leaf, each standing for its part of the land."""
    shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
    lonlat_deg, leaf = sampling.spread(shapes)
    count = np.maximum(np.bincount(leaf, minlength=len(shapes)), 1)
    each_m2 = (measure.area_m2(shapes) / count)[leaf]
    return Places.of(lonlat_deg, leaf, {Measure.AREA: each_m2}, len(shapes))
