"""Have every kernel compiled before the first question comes: call once at start-up."""

import numpy as np
import shapely

from geo_service.model import Mode
from geo_service.roads.fleet import Fleet
from geo_service.roads.graph import build_graph
from geo_service.roads.network import Access, RoadNetwork
from geo_service.roads.snap import Snapper
from geo_service.roads.travel import nearest_k_all, travel_time


def warm_up() -> None:
    """Ask each kind of question of a network of one street.

    Takes seconds the first time on a machine, about one second from the cache on disk, and nothing when the
    kernels are in memory already.
    """
    graph = build_graph(_one_street(), Mode.WALK)
    here = Snapper(graph).snap(graph.network.node_lonlat_deg)
    travel_time(graph, here)
    nearest_k_all(graph, here, 2)
    fleet = Fleet(graph, 2)
    fleet.move([0, 1], here)
    fleet.nearest(here.take([0]), 1)


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
