"""Hot spots against the sums as they are written in the paper, one by one, and against chance itself."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, norm

from geo_service.errors import InvalidInputError
from geo_service.staffing.hotspots import FEWEST_CELLS, false_discovery_rate, hot_spots


def by_the_paper(values: list[float], pairs: list[tuple[int, int]]) -> list[float]:
    """Gi* term by term: Ord and Getis (1995), equation 5, weights of 0 and 1, the cell itself among them."""
    n = len(values)
    mean = sum(values) / n
    spread = math.sqrt(sum(x * x for x in values) / n - mean * mean)
    beside = {i: {i} for i in range(n)}
    for a, b in pairs:
        beside[a].add(b)
        beside[b].add(a)
    out = []
    for i in range(n):
        w = [1.0 if j in beside[i] else 0.0 for j in range(n)]
        over = sum(wj * x for wj, x in zip(w, values, strict=True)) - mean * sum(w)
        under = spread * math.sqrt((n * sum(wj * wj for wj in w) - sum(w) ** 2) / (n - 1))
        out.append(over / under if under > 1e-12 else math.nan)
    return out


towns = st.integers(FEWEST_CELLS, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 50), min_size=n, max_size=n).filter(lambda v: len(set(v)) > 1),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=60),
    )
)


@given(towns)
def test_scores_are_those_of_the_paper(town: tuple[list[int], list[tuple[int, int]]]) -> None:
    values, pairs = town
    found = hot_spots(values, np.array(pairs).reshape(-1, 2))
    want = by_the_paper([float(v) for v in values], [p for p in pairs if p[0] != p[1]])
    np.testing.assert_allclose(found.z, want, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found.p, 2 * norm.sf(np.abs(want)), rtol=1e-6, atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_q_is_what_scipy_says(p: list[float]) -> None:
    np.testing.assert_allclose(false_discovery_rate(p), false_discovery_control(p, method="bh"), atol=1e-12)


def test_cells_without_a_figure_are_as_if_not_there() -> None:
    rng = np.random.default_rng(1)
    values = rng.poisson(4, 40).astype(float)
    line = np.stack([np.arange(39), np.arange(1, 40)], axis=1)
    part = values.copy()
    part[30:] = np.nan
    cut, whole = hot_spots(part, line), hot_spots(values[:30], line[:29])
    np.testing.assert_allclose(cut.z[:30], whole.z)
    assert np.isnan(cut.z[30:]).all()
    assert np.isnan(cut.kind[30:]).all()
    assert cut.neighbours[29] == 1


def test_a_cluster_is_found_and_chance_is_not() -> None:
    side = 30
    at = np.arange(side * side).reshape(side, side)
    pairs = np.concatenate(
        [np.stack([at[:, :-1].ravel(), at[:, 1:].ravel()], 1), np.stack([at[:-1].ravel(), at[1:].ravel()], 1)]
    )
    rng = np.random.default_rng(7)
    noise = rng.normal(10, 2, side * side)
    # of pure chance the correction leaves next to nothing, whatever the plain p says
    assert (hot_spots(noise, pairs).p < 0.05).sum() > 20
    assert (hot_spots(noise, pairs).kind != 0).sum() <= 3
    clustered = noise.reshape(side, side).copy()
    clustered[10:14, 10:14] += 9
    kind = hot_spots(clustered.ravel(), pairs).kind.reshape(side, side)
    assert (kind[11:13, 11:13] == 3).all()
    assert (kind > 0).sum() < 60


def test_pairs_count_once_and_the_outside_is_nobody() -> None:
    values = [1.0, 5, 2, 8, 3, 9, 4, 7]
    once = hot_spots(values, [(0, 1), (2, 3)])
    again = hot_spots(values, [(0, 1), (1, 0), (0, 1), (2, 3), (-1, 4), (5, 5)])
    np.testing.assert_allclose(once.z, again.z)


def test_all_alike_is_no_spot_and_few_cells_are_refused() -> None:
    same = hot_spots(np.full(12, 3.7), [(0, 1)])
    assert np.isnan(same.z).all()
    assert np.isnan(same.q).all()
    with pytest.raises(InvalidInputError):
        hot_spots([1, 2, 3], [(0, 1)])
