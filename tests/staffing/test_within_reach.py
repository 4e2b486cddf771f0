import numpy as np

from geo_service.geometry.measure import distance_m
from geo_service.staffing.within_reach import within_reach


def test_agrees_with_distances_on_the_ellipsoid() -> None:
    rng = np.random.default_rng(3)
    places = rng.uniform([118.88, 28.88], [118.92, 28.92], (400, 2))
    sources = rng.uniform([118.88, 28.88], [118.92, 28.92], (12, 2))
    reach = rng.choice([50.0, 300.0, 800.0], 12)
    found = within_reach(places, sources, reach)
    metres = np.stack([distance_m(places, np.tile(one, (400, 1))) for one in sources], axis=1)
    sure = np.abs(metres - reach).min(axis=1) > 0.002 * reach.max()
    np.testing.assert_array_equal(found[sure], (metres <= reach).any(axis=1)[sure])
    assert 0 < found.sum() < 400


def test_nothing_reaches_nothing() -> None:
    assert not within_reach([[118.9, 28.9]], np.empty((0, 2)), 100.0).any()
    assert len(within_reach(np.empty((0, 2)), [[118.9, 28.9]], 100.0)) == 0
