"""From streets as they are drawn to a network: cut where they meet, end or are barred, and number the parts.

Whatever a file calls a vertex (OpenStreetMap's node, a point of the lattice under a line) is given a
reference; streets meet where they have one in common, and nowhere else: of two lines that merely cross, one
may be a bridge.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from geo_service.roads.network import RoadNetwork

WGS84 = Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs of consecutive vertices, one after the other; a street has one or more.

    Attributes
    ----------
    node_ref : (n,) int64
        Reference of each vertex; never the same twice in a row within a run.
    lonlat_deg : (n, 2) float64
        EPSG:4326; equal where the reference is.
    size : (r,) int64
        Vertices of each run, 2 or more.
    street : (r,) int64
        Index of the street that each run belongs to.
    first : (r,) int64
        Index within its street of the run's first vertex.
    """

    node_ref: NDArray[np.int64]
    lonlat_deg: NDArray[np.float64]
    size: NDArray[np.int64]
    street: NDArray[np.int64]
    first: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Streets:
    """What is known of each street; the attributes are those of :class:`~.network.RoadNetwork` edges.

    Attributes
    ----------
    number : (s,) int64
        Unique; ids of edges are made from it.
    kind, name : (s,) object
    access : (s,) uint8
    maxspeed_kmh : (s,) float32
    """

    number: NDArray[np.int64]
    kind: NDArray[np.object_]
    access: NDArray[np.uint8]
    maxspeed_kmh: NDArray[np.float32]
    name: NDArray[np.object_]


def network_of_runs(
    runs: Runs, streets: Streets, barrier: Mapping[int, int], *, edges_a_street: int
) -> RoadNetwork:
    """Cut the runs where streets meet, end or are barred, and number what is left.

    Parameters
    ----------
    runs : Runs
    streets : Streets
    barrier : mapping of int to int
        :class:`~geo_service.roads.network.Block` bits by reference of a vertex.
    edges_a_street : int
        Ids of edges are ``number * edges_a_street + index of the first vertex``: no street has more vertices.

    Returns
    -------
    RoadNetwork
        Edges in order of the runs.
    """
    last = np.cumsum(runs.size) - 1
    run = np.repeat(np.arange(len(runs.size)), runs.size)
    ids, at = np.unique(runs.node_ref, return_inverse=True)
    block = np.array([barrier.get(i, 0) for i in ids.tolist()], np.uint8)

    decision = (np.bincount(at)[at] > 1) | (block[at] != 0)
    decision[last] = True
    decision[last - runs.size + 1] = True
    cut = np.flatnonzero(decision)
    joined = run[cut[:-1]] == run[cut[1:]]
    start, stop = cut[:-1][joined], cut[1:][joined]
    used, ends = np.unique(np.concatenate([at[start], at[stop]]), return_inverse=True)
    position = np.empty((len(ids), 2))
    position[at] = runs.lonlat_deg

    street = runs.street[run[start]]
    offset = start - (last - runs.size + 1)[run[start]] + runs.first[run[start]]
    shape, length_m = _shapes(runs.lonlat_deg, start, stop)
    half = len(start)
    return RoadNetwork(
        node_id=ids[used],
        node_lonlat_deg=position[used],
        node_block=block[used],
        edge_id=streets.number[street] * edges_a_street + offset,
        edge_u=ends[:half].astype(np.int32),
        edge_v=ends[half:].astype(np.int32),
        edge_length_m=length_m,
        edge_class=streets.kind[street],
        edge_access=streets.access[street],
        edge_maxspeed_kmh=streets.maxspeed_kmh[street],
        edge_name=streets.name[street],
        edge_shape=shape,
    )


def _shapes(
    lonlat_deg: NDArray[np.float64], start: NDArray[np.intp], stop: NDArray[np.intp]
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Lines from start to stop (inclusive) of the list of vertices, and their length on the ellipsoid."""
    size = stop - start + 1
    owner = np.repeat(np.arange(len(size)), size)
    within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    coordinates = lonlat_deg[start[owner] + within]
    lines = shapely.linestrings(coordinates, indices=owner)
    a, b = coordinates[:-1], coordinates[1:]
    _, _, step_m = WGS84.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
    same = owner[:-1] == owner[1:]
    length_m = np.bincount(owner[:-1][same], weights=step_m[same], minlength=len(size))
    return np.asarray(lines, object), length_m.astype(np.float64)
