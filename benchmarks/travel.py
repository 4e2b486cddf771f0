"""Travel time on Porto's streets (a made-up town of the same size where the file is missing), one core."""

import importlib
import importlib.util
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from benchmarks.measure import Row, compare, time_of
from geo_service.model import Mode
from geo_service.roads.fleet import Fleet
from geo_service.roads.graph import UNREACHED, RoadGraph, build_graph
from geo_service.roads.network import RoadNetwork
from geo_service.roads.osm import read_pbf
from geo_service.roads.plain import metres_per_degree
from geo_service.roads.reach import cell_shares, demand_time_ms
from geo_service.roads.snap import Snapper, Snaps
from geo_service.roads.travel import nearest_k_all, travel_time

PORTO = Path(__file__).resolve().parents[2] / "shared" / "data" / "roads" / "porto.osm.pbf"
FIVE = 5
#: What pandana is to say where nobody comes: longer than any way.
FAR_S = 100_000.0


def run() -> list[Row]:
    graph = build_graph(_network(), Mode.CAR)
    rng = np.random.default_rng(20260302)
    edge_at = _edge_at_nodes(graph)
    rows = [
        _to_all(graph, edge_at, rng),
        _nearest_of_moving(graph, edge_at, rng),
        _nearest_tail(graph, rng),
        _five_for_all(graph, edge_at, rng),
        _snapping(graph, rng),
        _demand(graph, rng),
    ]
    where = "Porto" if PORTO.exists() else "a made-up town"
    print(f"  {where}: {graph.n_nodes:,} nodes, {graph.n_arcs:,} arcs", flush=True)
    return rows


def _to_all(graph: RoadGraph, edge_at: NDArray[np.int32], rng: np.random.Generator) -> Row:
    """500 responders, each at a node, as scipy can only start from nodes."""
    edges = rng.choice(edge_at, 500, replace=False)
    sources, nodes = _at_start(graph, edges), graph.edge_node[edges, 0]
    matrix = _matrix(graph.out_ptr, graph.out_arc)
    time_ms, owner = travel_time(graph, sources)
    theirs = dijkstra(matrix, indices=nodes, min_only=True)
    _must_agree(np.where(np.isinf(theirs), UNREACHED, theirs), time_ms)
    _must_agree(time_ms[nodes], np.zeros(500))
    _must_agree(owner[nodes], np.arange(500))
    timing = compare(
        lambda: travel_time(graph, sources),
        lambda: dijkstra(matrix, indices=nodes, min_only=True),
        rounds=15,
    )
    note = f"{graph.n_arcs:,} arcs; times identical; ours says also who is nearest"
    job = "time from 500 responders to every node"
    return Row.versus(job, "scipy dijkstra(min_only)", timing, at_least=2.5, note=note)


def _nearest_of_moving(graph: RoadGraph, edge_at: NDArray[np.int32], rng: np.random.Generator) -> Row:
    """10,000 responders at nodes; scipy is told a bound that holds for nine places out of ten."""
    edges = rng.choice(edge_at, 10_000)
    nodes = graph.edge_node[edges, 0]
    fleet = Fleet(graph, 10_000)
    fleet.move(np.arange(10_000), _at_start(graph, edges))
    place_edges = rng.choice(edge_at, 100)
    places = [_at_start(graph, [edge]) for edge in place_edges]
    goals = graph.edge_node[place_edges, 0]
    reverse = _matrix(graph.in_ptr, graph.in_arc)
    ours = [fleet.nearest(place, FIVE) for place in places]
    bound = float(np.percentile([time_ms[-1] for _, time_ms in ours], 90))

    def peer(goal: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        limit = bound
        while True:
            time_ms = dijkstra(reverse, indices=goal, limit=limit)[nodes]
            near = np.flatnonzero(np.isfinite(time_ms))
            if len(near) >= FIVE:
                who = near[np.lexsort((near, time_ms[near]))[:FIVE]]
                return who, time_ms[who]
            limit *= 2

    for answer, goal in zip(ours, goals, strict=True):
        for mine, theirs in zip(answer, peer(goal), strict=True):
            _must_agree(mine, theirs)
    timing = compare(
        lambda: [fleet.nearest(place, FIVE) for place in places],
        lambda: [peer(goal) for goal in goals],
        rounds=7,
    )
    job = "5 nearest of 10,000 responders to each of 100 places"
    return Row.versus(
        job, "scipy bounded search", timing, at_least=20, count=100, note="who and when are identical"
    )


def _nearest_tail(graph: RoadGraph, rng: np.random.Generator) -> Row:
    """One place at a time, on edges, while a hundred responders move between any two questions."""
    usable = np.flatnonzero(graph.edge_main)
    fleet = Fleet(graph, 10_000)
    fleet.move(np.arange(10_000), _anywhere(graph, usable, 10_000, rng))
    places = _anywhere(graph, usable, 2_000, rng)
    everybody = np.ones(10_000, np.bool_)
    seconds, moving = [], []
    for i in range(len(places)):
        who, to = rng.choice(10_000, 100, replace=False), _anywhere(graph, usable, 100, rng)
        place = places.take([i])
        start = time.thread_time()
        fleet.move(who, to)
        moved = time.thread_time()
        answer = fleet.nearest(place, FIVE)
        seconds.append(time.thread_time() - moved)
        moving.append(moved - start)
        if i % 100 == 0:
            for mine, theirs in zip(answer, fleet.nearest_plain(place, FIVE, 2**30, everybody), strict=True):
                _must_agree(mine, theirs)
    note = (
        f"p50 {np.percentile(seconds, 50) * 1e3:.3f} ms; moving 100 responders "
        f"{np.percentile(moving, 50) * 1e3:.2f} ms; on edges, one-way streets towards the place"
    )
    return Row.figure(
        "p99 of 5 nearest of 10,000 while they move",
        float(np.percentile(seconds, 99)) * 1e3,
        "ms",
        at_most=1.0,
        note=note,
    )


def _five_for_all(graph: RoadGraph, edge_at: NDArray[np.int32], rng: np.random.Generator) -> Row:
    edges = rng.choice(edge_at, 500, replace=False)
    sources = _at_start(graph, edges)
    time_ms, owner = travel_time(graph, sources)
    k_time_ms, k_owner = nearest_k_all(graph, sources, FIVE)
    _must_agree(time_ms, k_time_ms[:, 0])
    _must_agree(owner, k_owner[:, 0])
    job = "5 nearest of 500 for every node"
    if importlib.util.find_spec("pandana") is None:
        seconds = time_of(lambda: nearest_k_all(graph, sources, FIVE), rounds=5)
        return Row.figure(job, seconds * 1e3, "ms", note="pandana is not installed")
    peer = _pandana(graph, graph.edge_node[edges, 0])
    theirs = peer()
    seen = np.where(k_time_ms == UNREACHED, FAR_S * 1000, k_time_ms)
    alike = (np.abs(theirs * 1000 - seen) <= 0.5).all(axis=1).mean()
    if alike < 0.999:
        raise AssertionError(f"only {alike:.2%} of the nodes have pandana's times")
    timing = compare(lambda: nearest_k_all(graph, sources, FIVE), peer, rounds=5)
    note = f"times alike at {alike:.2%} of the nodes; ours says also who; its hierarchies are made beforehand"
    return Row.versus(job, "pandana nearest_pois", timing, at_least=5, note=note)


def _pandana(graph: RoadGraph, nodes: NDArray[np.int32]) -> Callable[[], NDArray[np.float64]]:
    """Return its search for the nearest from every node; seconds, on the streets turned round.

    It asks how far each node has to the places, ours how far the responders have to each node.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when it is loaded
    pandana = importlib.import_module("pandana")
    matrix = _matrix(graph.out_ptr, graph.out_arc).tocoo()
    # where nodes lie only decides which is meant, and some lie upon each other: give each a place of its own
    x, y = (pd.Series(part) for part in np.divmod(np.arange(graph.n_nodes), 1000.0))
    # it cuts weights off after the thousandth: a quarter of one more has it hold ours to the millisecond
    seconds = pd.DataFrame({"s": (matrix.data + 0.25) / 1000})
    network = pandana.Network(x, y, pd.Series(matrix.col), pd.Series(matrix.row), seconds, twoway=False)
    network.set_pois("responders", FAR_S, FIVE, x[nodes], y[nodes])
    return lambda: network.nearest_pois(FAR_S, "responders", num_pois=FIVE, imp_name="s").to_numpy()


def _snapping(graph: RoadGraph, rng: np.random.Generator) -> Row:
    snapper = Snapper(graph, prefer_main_m=0.0)
    nodes = graph.node_lonlat_deg[rng.integers(0, graph.n_nodes, 20_000)]
    points = nodes + rng.normal(0, 0.0004, nodes.shape)
    # shapely measures in its own plane: give it one in metres
    scale = np.array(metres_per_degree(float(nodes[:, 1].mean())))
    pieces = np.stack([snapper.pieces.a * scale, snapper.pieces.b * scale], axis=1)
    tree = shapely.STRtree(shapely.linestrings(pieces))
    places = shapely.points(points * scale)
    _, distance_m = tree.query_nearest(places, max_distance=500.0, return_distance=True, all_matches=False)
    snaps = snapper.snap(points, 500.0)
    if not np.allclose(snaps.distance_m[snaps.snapped], distance_m, rtol=0.005, atol=0.01):
        raise AssertionError("the distances to the street differ")
    timing = compare(
        lambda: snapper.snap(points, 500.0),
        lambda: tree.query_nearest(places, max_distance=500.0, all_matches=False),
    )
    return Row.versus(
        "snap points to streets",
        "shapely STRtree.query_nearest",
        timing,
        count=len(points),
        note="same distances",
    )


def _demand(graph: RoadGraph, rng: np.random.Generator) -> Row:
    usable = np.flatnonzero(graph.edge_main)
    n = 1_000_000
    demand = _anywhere(graph, usable, n, rng)
    cell = rng.integers(0, 3_611, n).astype(np.int32)
    weight = rng.integers(1, 30, n).astype(np.float64)
    sources = _anywhere(graph, usable, 500, rng)

    def shares() -> None:
        time_ms, owner = travel_time(graph, sources)
        at_ms, _ = demand_time_ms(graph, demand, time_ms, owner, sources)
        cell_shares(cell, weight, at_ms, 300_000)

    return Row.figure(
        "coverage of 3,611 cells with 1,000,000 demand points", time_of(shares, rounds=3) * 1e3, "ms",
        note="travel time, demand points, shares, weighted medians",
    )  # fmt: skip


def _network() -> RoadNetwork:
    if PORTO.exists():
        return read_pbf(PORTO, features=False).network
    side = 200
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    lonlat_deg = np.stack([118.8 + x.ravel() * 0.001, 28.9 + y.ravel() * 0.001], axis=1)
    node = np.arange(side * side)
    u = np.concatenate([node[node % side < side - 1], node[:-side]])
    v = np.concatenate([node[node % side < side - 1] + 1, node[:-side] + side])
    shapes = shapely.linestrings(np.stack([lonlat_deg[u], lonlat_deg[v]], axis=1))
    rng = np.random.default_rng(1)
    m = len(u)
    return RoadNetwork(
        node_id=node,
        node_lonlat_deg=lonlat_deg,
        node_block=np.zeros(len(node), np.uint8),
        edge_id=np.arange(m),
        edge_u=u.astype(np.int32),
        edge_v=v.astype(np.int32),
        edge_length_m=rng.uniform(80, 300, m),
        edge_class=rng.choice(np.array(["residential", "tertiary", "primary"], object), m),
        edge_access=np.full(m, 63, np.uint8),
        edge_maxspeed_kmh=np.zeros(m, np.float32),
        edge_name=np.full(m, "", object),
        edge_shape=shapes,
    )


def _edge_at_nodes(graph: RoadGraph) -> NDArray[np.int32]:
    """One edge for each node of the main component that edges start from: its place 0 is the node."""
    edges = np.flatnonzero(graph.edge_main)
    _, first = np.unique(graph.edge_node[edges, 0], return_index=True)
    return edges[first].astype(np.int32)


def _at_start(graph: RoadGraph, edges: NDArray[np.int32] | list[int]) -> Snaps:
    return Snaps.on_edges(graph, edges, 0.0)


def _anywhere(graph: RoadGraph, edges: NDArray[np.intp], n: int, rng: np.random.Generator) -> Snaps:
    return Snaps.on_edges(graph, rng.choice(edges, n), rng.random(n), rng.integers(0, 60_000, n))


def _matrix(ptr: NDArray[np.int32], arc: NDArray[np.int32]) -> csr_array:
    """Arcs as scipy wants them: of parallel ones the least, as it would add them up."""
    n = len(ptr) - 1
    tail = np.repeat(np.arange(n), np.diff(ptr))
    order = np.lexsort((arc[:, 1], arc[:, 0], tail))
    tail, head, weight = tail[order], arc[order, 0], arc[order, 1].astype(np.float64)
    keep = np.ones(len(tail), np.bool_)
    keep[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    return csr_array((weight[keep], (tail[keep], head[keep])), shape=(n, n))


def _must_agree(ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> None:
    if not np.array_equal(ours, theirs):
        raise AssertionError("ours and the peer's answers differ")
