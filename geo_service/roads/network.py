"""The road network as data: what a PBF, the demo generator and the database all give and take.

Independent of any travel mode's speeds; :mod:`geo_service.roads.graph` turns it into a graph for one mode.
"""

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray


class Access(IntFlag):
    """Who may travel an edge, by direction (forward is from ``u`` to ``v``), as bits of one uint8."""

    WALK_FORWARD = 1
    WALK_BACK = 2
    EBIKE_FORWARD = 4
    EBIKE_BACK = 8
    CAR_FORWARD = 16
    CAR_BACK = 32


class Block(IntFlag):
    """Whom a node (gate, bollard, wall) stops, as bits of one uint8."""

    WALK = 1
    EBIKE = 2
    CAR = 4


@dataclass(frozen=True, slots=True)
class RoadNetwork:
    """Nodes where streets meet or end, and the undirected edges between them.

    Attributes
    ----------
    node_id : (n,) int64
        Stable ids (OSM's where there are some).
    node_lonlat_deg : (n, 2) float64
        EPSG:4326.
    node_block : (n,) uint8
        :class:`Block` bits.
    edge_id : (m,) int64
        Stable ids, unique.
    edge_u, edge_v : (m,) int32
        Index of the end nodes.
    edge_length_m : (m,) float64
        Length along the shape, not the crow's flight.
    edge_class : (m,) object
        Class of the street in OSM's words (``"residential"``); speeds are given by class.
    edge_access : (m,) uint8
        :class:`Access` bits.
    edge_maxspeed_kmh : (m,) float32
        Signed limit, 0 where there is none.
    edge_name : (m,) object
        Name, ``""`` where there is none.
    edge_shape : (m,) object
        shapely LineStrings from ``u`` to ``v``, EPSG:4326.
    """

    node_id: NDArray[np.int64]
    node_lonlat_deg: NDArray[np.float64]
    node_block: NDArray[np.uint8]
    edge_id: NDArray[np.int64]
    edge_u: NDArray[np.int32]
    edge_v: NDArray[np.int32]
    edge_length_m: NDArray[np.float64]
    edge_class: NDArray[np.object_]
    edge_access: NDArray[np.uint8]
    edge_maxspeed_kmh: NDArray[np.float32]
    edge_name: NDArray[np.object_]
    edge_shape: NDArray[np.object_]
