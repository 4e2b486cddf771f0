"""The ground held in memory: the road graphs by mode, and the demand snapped to them."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import ConflictError
from geo_service.geometry import measure, sampling
from geo_service.model import Mode
from geo_service.roads.graph import RoadGraph, build_graph
from geo_service.roads.network import RoadNetwork
from geo_service.roads.snap import Snapper, Snaps
from geo_service.services.keeping import Keeper
from geo_service.services.tiling import Tiling
from geo_service.services.travel_servers import TravelServers
from geo_service.store import ground, roads
from geo_service.store.database import Connection, Database

#: Demand farther than this from any street is not reached by anybody, whatever the time.
MAX_ACCESS_M = 500.0

#: What others make of roads and demand and keep here: points and their doors, graphs at other speeds.
KEPT = 32

T = TypeVar("T")


@dataclass(frozen=True)
class Demand:
    """Where help is wanted, and how much: households, or area where a cell has none.

    Attributes
    ----------
    lonlat_deg : (n, 2) float64
        EPSG:4326.
    weight : (n,) float64
        Households; square metres in cells without any.
    leaf : (n,) int32
        Cell of the index, -1 for points in no cell.
    by_area : (cells,) bool
        Which cells are weighed by area.
    outside_households : float
        Households in no cell: nobody's, and in no cell's share.
    fingerprint : bytes
        Digest of the demand points it was made from.
    """

    lonlat_deg: NDArray[np.float64]
    weight: NDArray[np.float64]
    leaf: NDArray[np.int32]
    by_area: NDArray[np.bool_]
    outside_households: float
    fingerprint: bytes


@dataclass(frozen=True)
class Travel:
    """Everything that one travel pass needs, taken together so that it belongs together."""

    network_id: int
    network_mark: bytes
    graph: RoadGraph
    snapper: Snapper
    demand: Demand
    demand_snaps: Snaps


@dataclass
class _Roads:
    network_id: int
    fingerprint: bytes
    network: RoadNetwork
    graphs: dict[Mode, tuple[RoadGraph, Snapper]] = field(default_factory=dict)


class Ground:
    """Roads and demand of one database, loaded when first asked for, loaded again when they change.

    Attributes
    ----------
    servers : TravelServers
        Whose travel times the coverage of a moment goes by; everything else goes by the roads held here.
    """

    def __init__(self, database: Database, servers: TravelServers | None = None) -> None:
        self._database = database
        self.servers = servers or TravelServers()
        self._lock = threading.RLock()
        self._roads: _Roads | None = None
        self._demand: dict[Any, Demand] = {}
        self._snaps: dict[Mode, Snaps] = {}
        self._keeper = Keeper(KEPT)

    def roads(self, mode: Mode) -> tuple[int, bytes, RoadGraph, Snapper]:
        """Return id and fingerprint of the network in use, its graph for a mode and the snapper over it.

        Raises
        ------
        ConflictError
            No road network has been imported.
        """
        with self._lock, self._database.reading() as connection:
            return self._roads_in(connection, mode)

    def _roads_in(self, connection: Connection, mode: Mode) -> tuple[int, bytes, RoadGraph, Snapper]:
        in_use = roads.in_use(connection)
        if in_use is None:
            raise ConflictError("there are no roads yet: run geo-service import roads FILE.osm.pbf")
        network_id, _, fingerprint = in_use
        if self._roads is None or self._roads.network_id != network_id:
            self._roads = _Roads(network_id, fingerprint, roads.load(connection, network_id))
            self._snaps.clear()
        held = self._roads
        if mode not in held.graphs:
            graph = build_graph(held.network, mode)
            held.graphs[mode] = (graph, Snapper(graph))
        return held.network_id, held.fingerprint, *held.graphs[mode]

    def demand(self, tiling: Tiling) -> Demand:
        """Return the demand of a tiling."""
        with self._lock, self._database.reading() as connection:
            return self._demand_in(connection, tiling)

    def _demand_in(self, connection: Connection, tiling: Tiling) -> Demand:
        key = (tiling.mark, ground.demand_version(connection))
        if key not in self._demand:
            self._demand.clear()
            self._snaps.clear()
            self._demand[key] = _demand_of(tiling, ground.demand(connection))
        return self._demand[key]

    def land_and_people(self, tiling: Tiling) -> pd.DataFrame:
        """Return area_km2, households and residents of each leaf, in the order of the index."""
        with self._database.reading() as connection:
            key = ("land and people", tiling.mark, ground.demand_version(connection))
            return self.keep(key, lambda: _land_and_people(tiling, ground.demand(connection)))

    def travel(self, tiling: Tiling, mode: Mode) -> "Travel":
        """Return roads, demand and where the two meet, all of one moment.

        Both are read in one snapshot: what is imported meanwhile is in the next answer.

        Raises
        ------
        ConflictError
            No road network has been imported.
        """
        with self._lock:
            with self._database.reading() as connection:
                network_id, mark, graph, snapper = self._roads_in(connection, mode)
                demand = self._demand_in(connection, tiling)
            if mode not in self._snaps:  # cleared whenever roads or demand change
                self._snaps[mode] = snapper.snap(demand.lonlat_deg, MAX_ACCESS_M)
            return Travel(network_id, mark, graph, snapper, demand, self._snaps[mode])

    def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what was made under a key, or make it; the :data:`KEPT` used last stay.

        The key names everything that it is made from: a network, the demand, an edition. While it is made
        only those wait who ask for the same: roads and demand are there for everybody.
        """
        return self._keeper.get(key, make)


def _land_and_people(tiling: Tiling, points: pd.DataFrame) -> pd.DataFrame:
    leaf, _ = tiling.index.leaf_of(points[["lon", "lat"]].to_numpy(dtype=float))
    known = leaf >= 0
    n = len(tiling.leaves)
    counts = {
        name: np.bincount(leaf[known], weights=points[name].to_numpy(dtype=float)[known], minlength=n)
        for name in ("households", "residents")
    }
    shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
    return pd.DataFrame({"area_km2": measure.area_m2(shapes) / 1e6, **counts})


def _demand_of(tiling: Tiling, points: pd.DataFrame) -> Demand:
    lonlat_deg = points[["lon", "lat"]].to_numpy(dtype=float)
    leaf, _ = tiling.index.leaf_of(lonlat_deg)
    households = points["households"].to_numpy(dtype=float)
    n = len(tiling.leaves)
    by_area = np.bincount(leaf[leaf >= 0], weights=households[leaf >= 0], minlength=n) == 0
    shapes = tiling.cells["geom"].to_numpy()[tiling.leaves]
    bare = np.flatnonzero(by_area)
    spread_deg, owner = sampling.spread(shapes[bare])
    area_m2 = measure.area_m2(shapes[bare])
    each_m2 = (area_m2 / np.maximum(np.bincount(owner, minlength=len(bare)), 1))[owner]
    lived_in = (households > 0) & (leaf >= 0)
    return Demand(
        lonlat_deg=np.concatenate((lonlat_deg[lived_in], spread_deg)),
        weight=np.concatenate((households[lived_in], each_m2)),
        leaf=np.concatenate((leaf[lived_in], bare[owner].astype(np.int32))).astype(np.int32),
        by_area=by_area,
        outside_households=float(households[leaf < 0].sum()),
        fingerprint=ground.demand_fingerprint(points),
    )
