"""Patrols are counted as one would by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from geo_service.errors import InvalidInputError
from geo_service.roads.match import Travelled
from geo_service.roads.plain import metres_per_degree
from geo_service.staffing import patrol
from geo_service.staffing.patrol import Quota, Span
from tests.roads.networks import graph_of, grid_town, make_network

STREET_M = 100.0


def travelled(*parts: tuple[int, float, float]) -> Travelled:
    edge, start, stop = (np.array(column) for column in zip(*parts, strict=True))
    n = len(parts)
    nothing = np.zeros(n)
    length_m = np.abs(stop - start) * STREET_M
    return Travelled(
        np.zeros(n, np.int64),
        np.zeros(n, np.int32),
        edge.astype(np.int32),
        start.astype(float),
        stop.astype(float),
        nothing,
        nothing,
        length_m,
    )


def two_streets() -> patrol.StreetBits:
    network = make_network(
        [(118.8, 28.9), (118.801, 28.9), (118.802, 28.9)], [(0, 1), (1, 2)], length_m=[100, 100]
    )
    return patrol.street_bits(graph_of(network))


def test_a_street_gone_twice_counts_once_and_its_walk_twice() -> None:
    bits = two_streets()
    assert len(bits.edge) == 20
    passes = bits.passes(travelled((0, 0.0, 1.0), (0, 1.0, 0.5), (1, 0.2, 0.4)))
    leaf = np.where(bits.lonlat_deg[:, 0] < 118.801, 0, 1).astype(np.int32)
    frame = patrol.streets_by_cell(bits, leaf, passes, 3)
    assert frame.street_m.tolist() == pytest.approx([100, 100, 0])
    assert frame.patrolled_m.tolist() == pytest.approx([100, 20, 0])
    assert frame.walked_m.tolist() == pytest.approx([150, 20, 0])
    assert frame.share.tolist() == pytest.approx([1.0, 0.2, np.nan], nan_ok=True)


@given(st.lists(st.tuples(st.integers(0, 11), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_streets_patrolled_are_the_union_of_the_parts(parts: list[tuple[int, float, float]]) -> None:
    graph = graph_of(grid_town(3))
    bits = patrol.street_bits(graph, bit_m=1.0)
    covered = bits.length_m[bits.passes(travelled(*parts)) > 0].sum()
    truth = 0.0
    for edge in range(len(graph.edge_ms)):
        # the union by sweeping, without any bits
        reach, length = 0.0, graph.network.edge_length_m[edge]
        for low, high in sorted((min(a, b), max(a, b)) for e, a, b in parts if e == edge):
            truth += max(0.0, high - max(low, reach)) * length
            reach = max(reach, high)
    assert covered == pytest.approx(truth, abs=1.0 * len(parts))


def test_time_and_stays_by_cell() -> None:
    track = np.array([1, 1, 1, 1, 1, 2, 2])
    at_s = np.array([0.0, 60, 120, 180, 5000, 0, 30])
    leaf = np.array([0, 0, 1, 0, 0, 0, -1], np.int32)
    frame = patrol.time_by_cell(track, at_s, leaf, 2, gap_s=300)
    assert frame.seconds.tolist() == [60 + 60 + 300 + 30, 60]
    assert frame.person_times.tolist() == [4, 1]
    assert frame.people.tolist() == [2, 1]


def test_silence_within_a_shift() -> None:
    shift = Span(7, 1000.0, 5000.0)
    fixes = np.array([900.0, 1100, 1200, 3000, 4990])
    assert patrol.absences(shift, fixes, 600) == [Span(7, 1200, 3000), Span(7, 3000, 4990)]
    assert patrol.absences(shift, np.empty(0), 600) == [Span(7, 1000, 5000)]
    assert patrol.absences(shift, np.arange(1000.0, 5001, 60), 600) == []


@given(st.lists(st.floats(0, 100), max_size=20), st.floats(1, 50))
def test_absences_are_what_fixes_leave_over(moments: list[float], silent_s: float) -> None:
    at_s = np.sort(np.array(moments, float))
    found = patrol.absences(Span(0, 0.0, 100.0), at_s, silent_s)
    assert all(span.seconds > silent_s for span in found)
    for span in found:
        assert not ((at_s > span.from_s) & (at_s < span.to_s)).any()
    known = np.concatenate([[0.0], at_s, [100.0]])
    assert sum(s.seconds for s in found) == pytest.approx(sum(d for d in np.diff(known) if d > silent_s))


def test_time_out_of_the_own_cells() -> None:
    shift = Span(3, 0.0, 10_000.0)
    at_s = np.arange(0.0, 3000, 60)
    own = ~((at_s >= 600) & (at_s < 1500))
    own[40] = False  # a step over the border
    assert patrol.out_of_area(shift, at_s, own, gap_s=300, grace_s=300) == [Span(3, 600.0, 1500.0)]
    assert patrol.out_of_area(shift, at_s[:0], own[:0], gap_s=300, grace_s=300) == []


@pytest.mark.parametrize(
    ("first_s", "last_s", "outcome"),
    [
        (3000, 7300, "kept"),
        (3500, 7300, "late"),
        (2900, 4500, "left"),
        (0, 2000, "missed"),
        (8000, 9000, "missed"),
    ],
)
def test_a_post_is_taken_ten_minutes_before(first_s: float, last_s: float, outcome: str) -> None:
    at_s = np.arange(0.0, 9000, 60)
    near = (at_s >= first_s) & (at_s <= last_s)
    told = patrol.post_kept(Span(1, 3600.0, 7200.0), at_s, near, gap_s=300)
    assert told.outcome == outcome
    assert (told.arrived_s is None) == (outcome == "missed")


def test_visits_are_stays_near_a_place() -> None:
    east_m = metres_per_degree(28.9)[0]
    x_m = np.array([200.0, 20, 10, 5, 200, 15, 200, 10, 12])
    lonlat = np.stack([118.8 + x_m / east_m, np.full(9, 28.9)], axis=1)
    track = np.array([1, 1, 1, 1, 1, 1, 1, 2, 2])
    at_s = np.array([0.0, 60, 120, 240, 300, 360, 420, 0, 200])
    places = np.array([[118.8, 28.9], [119.5, 28.9]])
    found = patrol.visits(track, at_s, lonlat, places, radius_m=30, dwell_s=120, gap_s=300)
    assert found.to_numpy().tolist() == [[0, 1, 60, 240], [0, 2, 0, 200]]
    assert len(patrol.visits(track, at_s, lonlat, places[:0], radius_m=30, dwell_s=1, gap_s=300)) == 0


def test_quotas_say_what_is_short() -> None:
    frame = patrol.quota_met({1: 20, 2: 5}, {1: 81.5, 2: 30.0}, Quota(days=15, hours=80), [1, 2, 3])
    assert frame.met.tolist() == [True, False, False]
    assert frame.days_short.tolist() == [0, 10, 15]
    assert frame.hours_short.tolist() == [0, 50, 80]


def test_patrols_against_incidents() -> None:
    told = patrol.patrols_against_incidents([10, 20, 30, 40, 0], [4, 3, 2, 1, 5])
    assert told.rho == pytest.approx(-1.0)
    assert (told.n_cells, told.n_incidents) == (5, 15)
    assert told.cells.lift[4] == np.inf
    assert told.cells.lift[0] == pytest.approx((4 / 15) / 0.1)
    assert patrol.patrols_against_incidents([1, 2], [1, 2]).rho is None
    assert patrol.patrols_against_incidents([0, 0, 0, 0, 0], [1, 2, 3, 4, 5]).rho is None
    with pytest.raises(InvalidInputError):
        patrol.patrols_against_incidents([1], [1, 2])
    with pytest.raises(InvalidInputError):
        patrol.patrols_against_incidents([-1.0], [1.0])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), min_size=5, max_size=60))
def test_how_far_patrols_and_incidents_agree_is_told_as_scipy_does(cells: list[tuple[int, int]]) -> None:
    patrolled, incidents = np.transpose(np.asarray(cells, np.float64))
    told = patrol.patrols_against_incidents(patrolled, incidents)
    if np.ptp(patrolled) == 0 or np.ptp(incidents) == 0:
        assert told.rho is None
        return
    theirs = spearmanr(patrolled, incidents)
    assert told.rho == pytest.approx(theirs.statistic, abs=1e-12)
    # next to 1 the p that is left is a difference of what is almost equal
    assert told.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-9)
