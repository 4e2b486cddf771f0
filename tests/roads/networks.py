"""Small road networks made to order or at random, and travel time by the book."""

from collections.abc import Sequence

import numpy as np
import shapely
from hypothesis import strategies as st
from pyproj import Geod

from geo_service.model import Mode
from geo_service.roads.graph import RoadGraph, build_graph
from geo_service.roads.network import Block, RoadNetwork
from geo_service.roads.profiles import Profile, Speeds
from geo_service.roads.snap import Snaps

EVERYBODY = 63
FORWARD, BACK = 21, 42
GEOD = Geod(ellps="WGS84")
UNREACHED = 2**31 - 1

# 3.6 km/h is 1 m/s: a metre takes 1,000 ms
METRE_A_SECOND = Speeds({mode: Profile({"other": 3.6}) for mode in Mode}, 1.0)


def make_network(
    lonlat_deg: Sequence[tuple[float, float]],
    ends: Sequence[tuple[int, int]],
    *,
    length_m: Sequence[float] | None = None,
    access: Sequence[int] | None = None,
    block: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    maxspeed_kmh: Sequence[float] | None = None,
) -> RoadNetwork:
    places = np.array(lonlat_deg, float).reshape(-1, 2)
    m = len(ends)
    shapes = np.empty(m, object)
    for i, (u, v) in enumerate(ends):
        # a loop goes out a little and comes back
        via = [places[u] + (0.0003, 0.0), places[u] + (0.0003, 0.0003)] if u == v else []
        shapes[i] = shapely.LineString([places[u], *via, places[v]])
    length = [GEOD.geometry_length(s) for s in shapes] if length_m is None else length_m
    return RoadNetwork(
        node_id=np.arange(100, 100 + len(places), dtype=np.int64),
        node_lonlat_deg=places,
        node_block=np.array(block if block is not None else [0] * len(places), np.uint8),
        edge_id=np.arange(1000, 1000 + m, dtype=np.int64),
        edge_u=np.array([u for u, _ in ends], np.int32),
        edge_v=np.array([v for _, v in ends], np.int32),
        edge_length_m=np.array(length, np.float64),
        edge_class=np.array(classes if classes is not None else ["residential"] * m, object),
        edge_access=np.array(access if access is not None else [EVERYBODY] * m, np.uint8),
        edge_maxspeed_kmh=np.array(maxspeed_kmh if maxspeed_kmh is not None else [0] * m, np.float32),
        edge_name=np.array([""] * m, object),
        edge_shape=shapes,
    )


@st.composite
def networks(draw: st.DrawFn, *, most_nodes: int = 8, most_edges: int = 16) -> RoadNetwork:
    """Anything goes: loops, parallel edges, edges of no length, one-way, barriers, islands."""
    n = draw(st.integers(1, most_nodes))
    places = [
        (118.8 + draw(st.integers(0, 40)) / 1e4, 28.9 + draw(st.integers(0, 40)) / 1e4) for _ in range(n)
    ]
    node = st.integers(0, n - 1)
    ends = draw(st.lists(st.tuples(node, node), min_size=1, max_size=most_edges))
    length = st.one_of(st.just(0.0), st.integers(0, 6).map(float), st.floats(0, 300))
    return make_network(
        places,
        ends,
        length_m=[draw(length) for _ in ends],
        access=[draw(st.sampled_from([EVERYBODY, EVERYBODY, FORWARD, BACK, 0])) for _ in ends],
        block=[draw(st.sampled_from([0, 0, 0, 0, int(Block.CAR)])) for _ in range(n)],
    )


@st.composite
def places_on(draw: st.DrawFn, graph: RoadGraph, *, least: int = 0, most: int = 6) -> Snaps:
    """Places on edges, often at their ends, some with a walk to the street."""
    m = len(graph.edge_ms)
    fraction = st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(0, 1))
    count = draw(st.integers(least, most))
    return Snaps.on_edges(
        graph,
        np.array([draw(st.integers(0, m - 1)) for _ in range(count)], np.int32),
        np.array([draw(fraction) for _ in range(count)]),
        np.array([draw(st.sampled_from([0, 0, 1, 7_000, 1_000_000])) for _ in range(count)], np.int32),
    )


def graph_of(network: RoadNetwork, mode: Mode = Mode.CAR) -> RoadGraph:
    return build_graph(network, mode, speeds=METRE_A_SECOND)


def part(ms: int, share: float) -> int:
    return int(np.floor(ms * share + 0.5))


def end_times(graph: RoadGraph, edge: int, fraction: float, start_ms: int) -> np.ndarray:
    """Time from a place to each end (edge, side) of every edge, by relaxing until nothing changes.

    Knows nothing of the graph but the times along its edges: goes along edges and, where no barrier stops
    it, from one edge to the next at a node.
    """
    network, ms = graph.network, graph.edge_ms
    m = len(ms)
    time = np.full((m, 2), UNREACHED, np.int64)
    forward, back = ms[edge]
    if forward < 0 and back < 0:
        return time
    if back >= 0 or fraction == 0.0:
        time[edge, 0] = start_ms + part(max(0, back), fraction)
    if forward >= 0 or fraction == 1.0:
        time[edge, 1] = start_ms + part(max(0, forward), 1.0 - fraction)
    ends = np.stack([network.edge_u, network.edge_v], axis=1)
    usable = (ms >= 0).any(axis=1)
    while True:
        before = time.copy()
        for e in range(m):
            for side in (0, 1):
                if ms[e, side] >= 0 and time[e, side] < UNREACHED:
                    time[e, 1 - side] = min(time[e, 1 - side], time[e, side] + ms[e, side])
        for v in range(len(network.node_id)):
            at = (ends == v) & usable[:, None]
            if at.any() and not network.node_block[v] & Block.CAR:
                time[at] = time[at].min()
        if (time == before).all():
            return time


def node_times(graph: RoadGraph, edge: int, fraction: float, start_ms: int) -> np.ndarray:
    """Time from a place to each node of the network."""
    time = end_times(graph, edge, fraction, start_ms)
    out = np.full(len(graph.network.node_id), UNREACHED, np.int64)
    np.minimum.at(out, graph.network.edge_u, time[:, 0])
    np.minimum.at(out, graph.network.edge_v, time[:, 1])
    return out


def place_time(graph: RoadGraph, start: Snaps, i: int, goal: Snaps, j: int) -> int:
    """Time from one place on the street to another, both walks included."""
    e, f = int(goal.edge[j]), float(goal.fraction[j])
    forward, back = (int(x) for x in graph.edge_ms[e])
    if forward < 0 and back < 0:
        return UNREACHED
    time = end_times(graph, int(start.edge[i]), float(start.fraction[i]), int(start.access_ms[i]))
    options = [UNREACHED]
    if time[e, 0] < UNREACHED and (forward >= 0 or f == 0.0):
        options.append(int(time[e, 0]) + part(max(0, forward), f))
    if time[e, 1] < UNREACHED and (back >= 0 or f == 1.0):
        options.append(int(time[e, 1]) + part(max(0, back), 1.0 - f))
    if int(start.edge[i]) == e:
        s, walk = float(start.fraction[i]), int(start.access_ms[i])
        if s == f:
            options.append(walk)
        if s < f and forward >= 0:
            options.append(walk + part(forward, f - s))
        if s > f and back >= 0:
            options.append(walk + part(back, s - f))
    best = min(options)
    return best + int(goal.access_ms[j]) if best < UNREACHED else UNREACHED


def grid_town(side: int, step_deg: float = 0.001) -> RoadNetwork:
    """A town of side × side crossings with two-way streets."""
    places = [(118.8 + x * step_deg, 28.9 + y * step_deg) for y in range(side) for x in range(side)]
    ends = [(i, i + 1) for i in range(side * side) if (i + 1) % side]
    ends += [(i, i + side) for i in range(side * (side - 1))]
    return make_network(places, ends)
