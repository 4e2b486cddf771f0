"""Fitted speeds: the truth comes back from arrivals made with it, noise and stragglers notwithstanding."""

import numpy as np
import pytest

from geo_service.roads.fitting import error_of, fit_slowness

TRUE = np.array([[1.0, 1.8], [1.2, 1.5], [0.9, 0.9]])


def arrivals(n: int, seed: int = 3, noise: float = 0.05) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    work = rng.exponential(80, (n, 3)) * (rng.random((n, 3)) < 0.7)
    band = rng.integers(0, 2, n)
    walk = rng.uniform(0, 60, n)
    real = 20 + walk + (work * TRUE[:, band].T).sum(axis=1)
    real *= 1 + rng.normal(0, noise, n)
    stopped = rng.random(n) < 0.05
    real[stopped] += rng.uniform(300, 900, stopped.sum())
    return work, band, walk, real


def test_the_truth_comes_back() -> None:
    work, band, walk, real = arrivals(3000)
    fit = fit_slowness(work, band, walk, real, 2)
    assert np.abs(fit.slowness - TRUE).max() < 0.1
    assert fit.setout_s == pytest.approx(20, abs=6)
    before, after = error_of(walk + work.sum(axis=1), real), error_of(fit.told_s, real)
    assert before.bias_s > 30
    assert abs(after.bias_s) < 5
    assert after.spread_s < before.spread_s / 2
    assert after.within_fifth > 0.9


def test_a_few_arrivals_move_little() -> None:
    work, band, walk, real = arrivals(4)
    work[:, 1:] = 0  # two classes on which nobody went
    fit = fit_slowness(work, band, walk, real, 2)
    assert np.ptp(fit.slowness[1:]) < 1e-6
    assert ((fit.slowness >= 0.25) & (fit.slowness <= 10)).all()
    none = np.empty(0)
    with pytest.raises(ValueError, match="arrivals"):
        fit_slowness(np.empty((0, 3)), none.astype(int), none, none, 2)
    assert error_of(none, none).n == 0
