"""Have every kernel compiled before the first question comes: call once at start-up."""

import numpy as np
import shapely

from geo_service.model import Mode
from geo_service.roads import kernels_demand
from geo_service.roads.demand import Doors, k_nearest_at, nearest_at
from geo_service.roads.fleet import Fleet
from geo_service.roads.graph import RoadGraph, build_graph
from geo_service.roads.isochrone import isochrone
from geo_service.roads.kernels_timed import HOURS
from geo_service.roads.match import Matcher
from geo_service.roads.network import Access, RoadNetwork
from geo_service.roads.repair import LiveTimes
from geo_service.roads.snap import Snapper, Snaps
from geo_service.roads.timed import TimedGraph, k_nearest_timed, k_nearest_timed_at
from geo_service.roads.travel import k_nearest_labels, nearest_k_all, nearest_labels, travel_time


def warm_up() -> None:
    """Ask each kind of question of a network of one street.

    Takes seconds the first time on a machine, about one second from the cache on disk, and nothing when the
    kernels are in memory already.
    """
    graph = build_graph(_one_street(), Mode.WALK)
    snapper = Snapper(graph)
    here = snapper.snap(graph.network.node_lonlat_deg)
    travel_time(graph, here)
    nearest_k_all(graph, here, 2)
    fleet = Fleet(graph, 2)
    fleet.move([0, 1], here)
    fleet.nearest(here.take([0]), 1)
    _warm_coverage(graph, here)
    _warm_matching(snapper)


def _warm_coverage(graph: RoadGraph, here: Snaps) -> None:
    """Ask what coverage asks: labels of places, sums of cells, repairs, speeds by hour, outlines."""
    doors = Doors.of(graph, here)
    within = k_nearest_at(doors, k_nearest_labels(graph, here, 2), here)
    nearest = nearest_at(doors, nearest_labels(graph, here), here)
    ptr, point, weight = np.array([0, 2]), np.arange(2), np.ones(2)
    kernels_demand.sums_within(ptr, point, weight, within, 1000, np.empty((1, 2)))
    kernels_demand.medians_ms(np.arange(1), ptr, point, weight, nearest, np.empty(1))
    live = LiveTimes(graph, 2)
    live.move([0, 1], here)
    live.close([0])
    group, rate = np.zeros(1, np.int16), np.full((1, HOURS), 1000, np.int64)
    timed = TimedGraph(graph, group, rate)
    k_nearest_timed_at(timed, here, k_nearest_timed(timed, here, 0, 2), here, 0)
    isochrone(graph, here.take([0]), [1000])


def _warm_matching(snapper: Snapper) -> None:
    """Match a track of two fixes to the street, with a break before a third."""
    lonlat_deg = snapper.graph.network.node_lonlat_deg[[0, 1, 0]]
    Matcher(snapper).match(
        lonlat_deg, np.array([0.0, 60.0, 9000.0]), track=np.zeros(3, np.int64), accuracy_m=np.full(3, 5.0)
    )


def _one_street() -> RoadNetwork:
    """Two nodes and the street between them."""
    lonlat_deg = np.array([[118.8, 28.9], [118.801, 28.9]])
    shape = np.empty(1, object)
    shape[0] = shapely.LineString(lonlat_deg)
    return RoadNetwork(
        node_id=np.arange(2, dtype=np.int64),
        node_lonlat_deg=lonlat_deg,
        node_block=np.zeros(2, np.uint8),
        edge_id=np.zeros(1, np.int64),
        edge_u=np.zeros(1, np.int32),
        edge_v=np.ones(1, np.int32),
        edge_length_m=np.full(1, 97.6),
        edge_class=np.array(["footway"], object),
        edge_access=np.full(1, int(Access.WALK_FORWARD | Access.WALK_BACK), np.uint8),
        edge_maxspeed_kmh=np.zeros(1, np.float32),
        edge_name=np.array([""], object),
        edge_shape=shape,
    )
