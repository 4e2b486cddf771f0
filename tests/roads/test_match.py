"""Tracks find their streets: by the book on small towns, and on real traces with their truth."""

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.model import Mode
from geo_service.roads.graph import UNREACHED, RoadGraph, build_graph
from geo_service.roads.match import (
    MATCHED,
    NO_WAY,
    OFF_STREET,
    REPEATED,
    UNPLACED,
    Matched,
    Matcher,
    Matching,
)
from geo_service.roads.network import RoadNetwork
from geo_service.roads.plain import metres_per_degree
from geo_service.roads.route import find_route
from geo_service.roads.snap import Snapper, Snaps
from tests.roads.networks import BACK, EVERYBODY, FORWARD, graph_of, grid_town, make_network, place_time

BOOK = Matching(
    sigma_m=15, beta_m=20, radius_m=70, most_places=32, most_kmh=900, detour_m=120, still_m=0, beam=1e6
)


def matcher(graph: RoadGraph, how: Matching | None = None) -> Matcher:
    return Matcher(Snapper(graph), how)


def by_hand(
    graph: RoadGraph, points: np.ndarray, how: Matching
) -> tuple[list[dict[int, float]], set[tuple[int, ...]]]:
    """Probability of each edge of each fix, and the best chains, by trying every chain there is."""
    columns: list[list[Snaps]] = []
    for point in points:
        scale = np.array(metres_per_degree(float(point[1])))
        column = []
        for edge in np.flatnonzero(graph.edge_usable):
            flat = shapely.LineString(
                (shapely.get_coordinates(graph.network.edge_shape[edge]) - point) * scale
            )
            if flat.distance(shapely.Point(0, 0)) <= how.radius_m:
                at = flat.project(shapely.Point(0, 0), normalized=True)
                column.append((Snaps.on_edges(graph, edge, at), flat.distance(shapely.Point(0, 0))))
        columns.append(column)
    own = [[-0.5 * (d / how.sigma_m) ** 2 for _, d in column] for column in columns]
    moves, any_way = [], []
    for (before, after), (p, q) in zip(pairwise(columns), pairwise(points), strict=True):
        scale = np.array(metres_per_degree(float(p[1] + q[1]) / 2))
        crow = float(np.hypot(*((q - p) * scale)))
        table = np.full((len(before), len(after)), -how.detour_m / how.beta_m)
        reached = False
        for a, (start, _) in enumerate(before):
            for j, (goal, _) in enumerate(after):
                mm = place_time(graph, start, 0, goal, 0)
                if start.edge[0] == goal.edge[0]:
                    back = (
                        abs(start.fraction[0] - goal.fraction[0]) * graph.network.edge_length_m[start.edge[0]]
                    )
                    if back <= 2 * how.sigma_m:
                        mm = min(mm, round(back * 1000))
                if mm < UNREACHED and mm <= (crow + how.detour_m) * 1000:
                    reached = True
                    table[a, j] = max(table[a, j], -abs(mm / 1000 - crow) / how.beta_m)
        moves.append(table)
        any_way.append(reached)
    assume(all(columns) and all(any_way))
    scores = {
        chain: sum(own[i][j] for i, j in enumerate(chain))
        + sum(moves[i][a, j] for i, (a, j) in enumerate(pairwise(chain)))
        for chain in product(*(range(len(c)) for c in columns))
    }
    best = max(scores.values())
    total = sum(np.exp(s - best) for s in scores.values())
    shares: list[dict[int, float]] = [{} for _ in columns]
    for chain, s in scores.items():
        for i, j in enumerate(chain):
            edge = int(columns[i][j][0].edge[0])
            shares[i][edge] = shares[i].get(edge, 0.0) + float(np.exp(s - best) / total)
    chosen = {
        tuple(int(columns[i][j][0].edge[0]) for i, j in enumerate(c))
        for c, s in scores.items()
        if s > best - 1e-3
    }
    return shares, chosen


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_chain_is_the_best_of_all_chains(data: st.DataObject) -> None:
    town = grid_town(3)
    access = [
        data.draw(st.sampled_from([EVERYBODY, EVERYBODY, EVERYBODY, FORWARD, BACK])) for _ in town.edge_id
    ]
    graph = graph_of(
        make_network(
            [tuple(x) for x in town.node_lonlat_deg],
            list(zip(town.edge_u, town.edge_v, strict=True)),
            access=access,
        )
    )
    place = st.tuples(st.integers(-300, 2300), st.integers(-300, 2300))
    points = np.array(
        [
            (118.8 + x / 1e6, 28.9 + y / 1e6)
            for x, y in data.draw(st.lists(place, min_size=1, max_size=4, unique=True))
        ]
    )
    shares, chosen = by_hand(graph, points, BOOK)
    found = matcher(graph, BOOK).match(points, np.arange(len(points)) * 60.0)
    assert (found.why == MATCHED).all()
    assert tuple(found.edge.tolist()) in chosen
    for i, edge in enumerate(found.edge):
        assert found.confidence[i] == pytest.approx(shares[i][int(edge)], abs=1e-3)


def drive(
    graph: RoadGraph, rng: np.random.Generator, *, noise_m: float, every_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fixes along a way between two far places, and where they truly were."""
    ends = np.flatnonzero(graph.edge_main)
    while True:
        edge = rng.choice(ends, 2)
        route = find_route(graph, Snaps.on_edges(graph, edge[:1], 0.5), Snaps.on_edges(graph, edge[1:], 0.5))
        if route is not None and route.length_m > 600:
            break
    line = shapely.LineString(route.lonlat_deg)
    truth = shapely.get_coordinates(
        line.interpolate(np.linspace(0, 1, int(route.length_m / every_m)), normalized=True)
    )
    scale = np.array(metres_per_degree(float(truth[0, 1])))
    return truth + rng.normal(0, noise_m, truth.shape) / scale, truth


def off_m(found: Matched, truth: np.ndarray) -> np.ndarray:
    return np.hypot(*((found.lonlat_deg - truth) * np.array(metres_per_degree(float(truth[0, 1])))).T)


def test_noisy_drives_find_their_streets_and_their_length() -> None:
    graph = graph_of(grid_town(9))
    rng = np.random.default_rng(11)
    mine = matcher(graph)
    near = []
    for _ in range(30):
        points, truth = drive(graph, rng, noise_m=8.0, every_m=40.0)
        found = mine.match(points, np.arange(len(points)) * 10.0)
        near.append(off_m(found, truth) <= 25)
        whole_m = float(np.hypot(*(np.diff(truth, axis=0) * np.array(metres_per_degree(28.9))).T).sum())
        assert found.travelled.length_m.sum() == pytest.approx(whole_m, rel=0.15)
        assert len(np.unique(found.chain)) == 1
    assert np.concatenate(near).mean() > 0.97


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(-1e6, 1e9))
def test_order_repetition_and_the_clock_change_nothing(seed: int, shift_s: float) -> None:
    graph = graph_of(grid_town(6))
    rng = np.random.default_rng(seed)
    points, _ = drive(graph, rng, noise_m=10.0, every_m=30.0)
    at_s = np.arange(len(points)) * 8.0
    mine = matcher(graph)
    first = mine.match(points, at_s)
    order = rng.permutation(np.tile(np.arange(len(points)), 2))
    again = mine.match(points[order], at_s[order] + round(shift_s))
    for i in range(len(points)):
        same = again.edge[order == i]
        assert sorted(same.tolist()) == sorted([-1, int(first.edge[i])])
        kept = (order == i) & (again.edge >= 0)
        assert again.fraction[kept][0] == first.fraction[i]
    assert (again.why == REPEATED).sum() == len(points)
    assert (first.travelled.edge == again.travelled.edge).all()
    assert np.allclose(first.travelled.start, again.travelled.start)
    assert np.allclose(first.travelled.from_s + round(shift_s), again.travelled.from_s, atol=1e-3)


def test_what_is_travelled_hangs_together() -> None:
    town = grid_town(7)
    access = [FORWARD if i % 3 == 0 else EVERYBODY for i in range(len(town.edge_id))]
    graph = graph_of(
        make_network(
            [tuple(x) for x in town.node_lonlat_deg],
            list(zip(town.edge_u, town.edge_v, strict=True)),
            access=access,
        )
    )
    rng = np.random.default_rng(5)
    tracks = [drive(graph, rng, noise_m=6.0, every_m=25.0)[0] for _ in range(12)]
    points = np.concatenate(tracks)
    who = np.repeat(np.arange(12), [len(t) for t in tracks])
    at_s = np.concatenate([np.arange(len(t)) * 9.0 for t in tracks])
    way = matcher(graph).match(points, at_s, track=who).travelled
    ends = shapely.line_interpolate_point(
        graph.network.edge_shape[way.edge], np.stack([way.start, way.stop]), normalized=True
    )
    start, stop = (shapely.get_coordinates(x) for x in ends)
    follows = (way.chain[1:] == way.chain[:-1]) & (way.track[1:] == way.track[:-1])
    assert follows.sum() > 100
    gap = np.abs(start[1:] - stop[:-1]).max(axis=1)[follows]
    # a slip back on a one-way street is no way, all else joins
    assert np.percentile(gap, 95) < 1e-12
    assert gap.max() < 30 / 97_000
    assert (way.to_s >= way.from_s).all()
    assert (way.from_s[1:][follows] >= way.to_s[:-1][follows] - 1e-6).all()
    one_way = np.array(access)[way.edge] == FORWARD
    assert (way.stop >= way.start)[one_way].all()


def test_fixes_that_have_no_place_say_why_and_break_nothing() -> None:
    graph = graph_of(grid_town(5))
    step = 0.0002
    points = np.array([(118.8 + i * step, 28.90001) for i in range(12)])
    points[3] = np.nan, 28.9
    points[5] = 118.8005, 28.9005  # in the middle of a block
    points[8] = 118.8039, 28.9039  # across the town, in a second
    at_s = np.arange(12) * 1.0 + 1.7e9
    found = matcher(graph, Matching(most_kmh=90, still_m=0, radius_m=40)).match(points, at_s)
    assert found.why.tolist() == [0, 0, 0, UNPLACED, 0, OFF_STREET, 0, 0, NO_WAY, 0, 0, 0]
    assert len(np.unique(found.chain[found.why == MATCHED])) == 1
    assert found.travelled.length_m.sum() == pytest.approx(11 * step * metres_per_degree(28.9)[0], rel=1e-3)


def test_silence_breaks_the_chain() -> None:
    graph = graph_of(grid_town(5))
    points = np.array([(118.8002, 28.9), (118.8008, 28.9), (118.8031, 28.9), (118.8037, 28.9)])
    found = matcher(graph, Matching(gap_s=60)).match(points, np.array([0.0, 30.0, 300.0, 330.0]))
    assert found.chain.tolist() == [0, 0, 1, 1]
    assert found.travelled.length_m.sum() == pytest.approx(0.0012 * metres_per_degree(28.9)[0], rel=1e-3)
    together = matcher(graph, Matching(gap_s=600)).match(points, np.array([0.0, 30.0, 300.0, 330.0]))
    assert together.chain.tolist() == [0, 0, 0, 0]


def test_standing_still_is_no_way() -> None:
    graph = graph_of(grid_town(5))
    rng = np.random.default_rng(2)
    points = np.array([118.8005, 28.9]) + rng.normal(0, 2.0, (400, 2)) / np.array(metres_per_degree(28.9))
    found = matcher(graph).match(points, np.arange(400) * 10.0)
    assert (found.why == MATCHED).all()
    wander_m = np.hypot(*(np.diff(points, axis=0) * np.array(metres_per_degree(28.9))).T).sum()
    assert found.travelled.length_m.sum() < wander_m / 20


def test_nothing_gives_nothing_and_nonsense_is_refused() -> None:
    graph = graph_of(grid_town(3))
    mine = matcher(graph)
    assert len(mine.match(np.empty((0, 2)), np.empty(0))) == 0
    lonely = build_graph(make_network([(118.8, 28.9)], []), Mode.WALK)
    assert matcher(lonely).match(np.array([[118.8, 28.9]]), np.zeros(1)).why.tolist() == [OFF_STREET]
    with pytest.raises(InvalidInputError, match="not in order"):
        mine.match(np.zeros((2, 2)), np.zeros(3))
    with pytest.raises(InvalidInputError, match="not in order"):
        mine.match(np.zeros((2, 2)), np.array([0.0, np.nan]))
    with pytest.raises(InvalidInputError, match="pairs of lon, lat"):
        mine.match(np.zeros((2, 3)), np.zeros(2))
    with pytest.raises(InvalidInputError, match="settings"):
        Matching(sigma_m=0, most_places=99)


@pytest.mark.shared
def test_real_traces_lie_where_the_truth_says(porto: RoadNetwork, shared_data: Path) -> None:
    fixes, truth = (_traces(shared_data / "gps_porto" / name) for name in ("fixes.txt", "matched.txt"))
    mine = matcher(build_graph(porto, Mode.CAR))
    found = mine.match(fixes[:, [2, 1]], fixes[:, 0], track=fixes[:, 3].astype(np.int64))
    assert (off_m(found, truth[:, [2, 1]]) <= 10).mean() >= 0.95


def _traces(path: Path) -> np.ndarray:
    """All fixes of a file of traces: time, lat, lon, number of the trace."""
    rows, trace = [], 0
    for line in path.read_text().splitlines():
        cells = line.split()
        if len(cells) == 1:
            trace += 1
        else:
            rows.append([*map(float, cells[:3]), trace])
    return np.array(rows)
