"""After warming up, no question waits for the compiler."""

import numpy as np
import pytest

from geo_service.roads import kernels, kernels_fleet, kernels_snap, match_kernels, match_viterbi
from geo_service.roads.compiled import HAVE_NUMBA
from geo_service.roads.fleet import Fleet
from geo_service.roads.graph import build_graph
from geo_service.roads.match import Matcher
from geo_service.roads.snap import Snapper, Snaps
from geo_service.roads.travel import nearest_k_all, travel_time
from geo_service.roads.warm import warm_up
from tests.roads.networks import Mode, grid_town

KERNELS = [
    kernels.nearest_labels,
    kernels.k_nearest_labels,
    kernels_fleet.place_many,
    kernels_fleet.k_nearest,
    kernels_snap.fill_grid,
    kernels_snap.nearest_pieces,
    match_kernels.places_near,
    match_kernels.still_runs,
    match_viterbi.best_chains,
]


@pytest.mark.skipif(not HAVE_NUMBA, reason="nothing is compiled without numba")
def test_real_questions_find_their_kernel_compiled() -> None:
    warm_up()
    before = [set(kernel.signatures) for kernel in KERNELS]
    assert all(before)
    graph = build_graph(grid_town(5), Mode.CAR)
    here = Snapper(graph).snap(graph.network.node_lonlat_deg[::2], 300)
    travel_time(graph, here, bound_ms=100_000, delay_ms=np.arange(len(here)))
    nearest_k_all(graph, here.take([0, 2]), np.int64(3), bound_ms=5)
    fleet = Fleet(graph, 9)
    fleet.move(range(3), here.take([1, 2, 3]))
    fleet.remove([1])
    fleet.nearest(Snaps.on_edges(graph, [4], [0.5]), 2, bound_ms=10**6, available=np.ones(9, bool))
    street = graph.network.node_lonlat_deg
    Matcher(Snapper(graph)).match(street, np.arange(len(street)) * 30.0)
    assert [set(kernel.signatures) for kernel in KERNELS] == before
