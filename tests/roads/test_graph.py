"""From a network to the graph of one mode."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import InvalidInputError
from geo_service.model import Mode
from geo_service.roads.graph import UNREACHED, build_graph, hilbert_order
from geo_service.roads.network import Access, Block
from geo_service.roads.snap import Snaps
from geo_service.roads.travel import travel_time
from tests.roads.networks import BACK, FORWARD, METRE_A_SECOND, graph_of, grid_town, make_network, networks

TWO = [(118.8, 28.9), (118.801, 28.9)]
LINE = [(118.8, 28.9), (118.801, 28.9), (118.802, 28.9), (118.803, 28.9)]


@given(networks())
def test_arcs_forward_and_reverse_are_the_same_arcs(network) -> None:
    graph = graph_of(network)
    tail = np.repeat(np.arange(graph.n_nodes), np.diff(graph.out_ptr))
    head = np.repeat(np.arange(graph.n_nodes), np.diff(graph.in_ptr))
    assert np.array_equal(graph.in_arc[:, 0], tail[graph.in_slot])
    assert np.array_equal(head, graph.out_arc[graph.in_slot, 0])
    assert np.array_equal(graph.in_arc[:, 1], graph.out_arc[graph.in_slot, 1])
    side = graph.arc_back.astype(int)
    assert np.array_equal(graph.edge_node[graph.arc_edge, side], tail)
    assert np.array_equal(graph.edge_node[graph.arc_edge, 1 - side], graph.out_arc[:, 0])
    assert np.array_equal(graph.edge_ms[graph.arc_edge, side], graph.out_arc[:, 1])
    assert graph.n_arcs == (graph.edge_ms >= 0).sum() == graph.report.arcs
    assert (graph.out_arc[:, 1] >= 1).all()
    assert np.array_equal(graph.node_network[graph.edge_node[:, 0]], network.edge_u)
    assert np.array_equal(graph.node_network[graph.edge_node[:, 1]], network.edge_v)
    assert np.array_equal(graph.node_network[graph.network_node], np.arange(len(network.node_id)))
    assert graph.queue_ring > int(graph.out_arc[:, 1].max(initial=0)) >> graph.queue_shift


def test_times_are_rounded_and_at_least_a_millisecond() -> None:
    graph = graph_of(make_network(TWO, [(0, 1)] * 4, length_m=[0.0, 0.0004, 1.2344, 1.2345]))
    assert graph.edge_ms[:, 0].tolist() == [1, 1, 1234, 1235]


def test_an_endless_edge_does_not_run_over() -> None:
    graph = graph_of(make_network(TWO, [(0, 1)], length_m=[1e12]))
    assert graph.edge_ms[0, 0] == 2**30


def test_access_decides_direction_and_mode() -> None:
    access = [FORWARD, BACK, int(Access.WALK_FORWARD | Access.WALK_BACK), 0]
    network = make_network(TWO, [(0, 1)] * 4, length_m=[1.0] * 4, access=access)
    car = build_graph(network, Mode.CAR, speeds=METRE_A_SECOND)
    assert (car.edge_ms >= 0).tolist() == [[True, False], [False, True], [False, False], [False, False]]
    walk = build_graph(network, Mode.WALK, speeds=METRE_A_SECOND)
    assert (walk.edge_ms[2] >= 0).all()
    assert car.edge_usable.tolist() == [True, True, False, False]


def test_closed_edges_are_left_out_by_id() -> None:
    network = make_network(LINE, [(0, 1), (1, 2), (2, 3)])
    graph = build_graph(network, Mode.CAR, closed_edges=[1001])
    assert graph.edge_usable.tolist() == [True, False, True]
    assert graph.report.edges_closed == 1
    with pytest.raises(InvalidInputError) as raised:
        build_graph(network, Mode.CAR, closed_edges=[1001, 7])
    assert [fault.value for fault in raised.value.faults] == [7]


def test_one_comes_up_to_a_barrier_but_not_through() -> None:
    network = make_network(
        LINE, [(0, 1), (1, 2), (2, 3)], block=[0, int(Block.CAR), 0, 0], length_m=[10.0] * 3
    )
    source = [0], [0.0]
    car, walk = (build_graph(network, mode, speeds=METRE_A_SECOND) for mode in (Mode.CAR, Mode.WALK))
    by_car = car.network_time_ms(travel_time(car, Snaps.on_edges(car, *source))[0])
    on_foot = walk.network_time_ms(travel_time(walk, Snaps.on_edges(walk, *source))[0])
    assert by_car.tolist() == [0, 10_000, UNREACHED, UNREACHED]
    assert on_foot.tolist() == [0, 10_000, 20_000, 30_000]
    assert (car.report.nodes_split, car.n_nodes) == (1, 5)
    assert (walk.report.nodes_split, walk.n_nodes) == (0, 4)


def test_islands_are_kept_and_told_apart() -> None:
    town = grid_town(3)
    places = [tuple(p) for p in town.node_lonlat_deg] + [(118.9, 28.9), (118.901, 28.9)]
    ends = [*zip(town.edge_u.tolist(), town.edge_v.tolist(), strict=True), (9, 10)]
    graph = build_graph(make_network(places, ends), Mode.CAR)
    assert graph.n_nodes == 11
    assert graph.report.components == 2
    assert graph.report.edges_outside_main == 1
    assert graph.edge_main.tolist() == [True] * 12 + [False]


def test_a_street_one_cannot_come_back_from_is_outside_the_main_component() -> None:
    graph = graph_of(make_network(LINE[:3], [(0, 1), (1, 2)], access=[63, FORWARD]))
    assert graph.edge_main.tolist() == [True, False]


def test_hilbert_order_keeps_neighbours_together() -> None:
    side = 32
    y, x = np.divmod(np.arange(side * side), side)
    order = hilbert_order(np.stack([x, y], axis=1).astype(float))
    assert np.array_equal(np.sort(order), np.arange(side * side))
    steps = np.abs(np.diff(x[order])) + np.abs(np.diff(y[order]))
    assert np.median(steps) == 1
    assert steps.max() <= 3


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"length_m": [-1.0]}, "edge_length_m"),
        ({"length_m": [float("nan")]}, "edge_length_m"),
        ({"length_m": [float("inf")]}, "edge_length_m"),
    ],
)
def test_networks_out_of_order_are_refused(change: dict, field: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        build_graph(make_network(TWO, [(0, 1)], **change), Mode.CAR)
    assert (raised.value.faults[0].field, raised.value.faults[0].row) == (field, 1)


@pytest.mark.parametrize("end", [-1, 2])
def test_an_end_that_is_no_node_is_refused(end: int) -> None:
    network = make_network(TWO, [(0, 1)])
    network.edge_v[0] = end
    with pytest.raises(InvalidInputError):
        build_graph(network, Mode.CAR)


def test_nothing_makes_an_empty_graph() -> None:
    graph = graph_of(make_network([], []))
    assert (graph.n_nodes, graph.n_arcs, graph.report.components) == (0, 0, 0)


@given(st.sampled_from(list(Mode)))
def test_every_mode_builds_from_the_speeds_that_come_with_the_program(mode: Mode) -> None:
    graph = build_graph(grid_town(3), mode)
    assert (graph.edge_ms > 0).all()
    assert graph.access_mps == 1.2
