"""Made-up walks follow the streets, and map matching finds them again."""

import numpy as np
import shapely

from geo_service.demo import tracks
from geo_service.roads.match import Matcher
from geo_service.roads.plain import metres_per_degree
from geo_service.roads.snap import Snapper
from tests.roads.networks import graph_of, grid_town

BASE = (118.8025, 28.9025)


def test_a_walk_keeps_to_the_streets_and_is_found_again() -> None:
    snapper = Snapper(graph_of(grid_town(6)))
    fixes = tracks.walk(snapper, BASE, 3600, np.random.default_rng(1))
    assert len(fixes) == 120
    again = tracks.walk(snapper, BASE, 3600, np.random.default_rng(1))
    assert (fixes == again).all()
    scale = np.array(metres_per_degree(BASE[1]))
    streets = shapely.MultiLineString([shape.coords for shape in snapper.graph.network.edge_shape])
    off_m = shapely.distance(shapely.points(fixes * scale), shapely.transform(streets, lambda xy: xy * scale))
    assert np.median(off_m) < 2 * tracks.ERROR_M
    found = Matcher(snapper).match(fixes, np.arange(120) * tracks.EVERY_S)
    assert (found.edge >= 0).all()
    assert 0.7 < found.travelled.length_m.sum() / (119 * tracks.EVERY_S * tracks.PACE_MPS) < 1.3


def test_far_from_any_street_nobody_walks() -> None:
    snapper = Snapper(graph_of(grid_town(3)))
    assert tracks.walk(snapper, (120.0, 30.0), 600, np.random.default_rng(1)).shape == (0, 2)
