"""Matching by leuvenmapmatching, in an environment of its own: the peer of ``matching``.

``python matching_peer.py FILE.npz`` reads the streets as straight pieces and the tracks, in metres, and
prints one JSON object: CPU seconds of matching, and the place found for each fix (null for none).
"""

import json
import sys
import time
from typing import Any

import numpy as np


def main() -> None:
    from leuvenmapmatching.map.inmem import InMemMap  # noqa: PLC0415 - of the peer's environment

    given = np.load(sys.argv[1])
    streets = InMemMap("streets", use_latlon=False, use_rtree=True, index_edges=True)
    for number, (x, y) in enumerate(given["node_xy_m"].tolist()):
        streets.add_node(number, (y, x))
    for tail, head in given["arc"].tolist():
        streets.add_edge(tail, head)
    streets.setup_index()
    places: list[Any] = []
    seconds = 0.0
    for track in np.unique(given["track"]):
        path = [(y, x) for x, y in given["xy_m"][given["track"] == track].tolist()]
        start = time.process_time()
        found = _match(streets, path)
        seconds += time.process_time() - start
        places += found
    print(json.dumps({"seconds": seconds, "places": places}))


def _match(streets: Any, path: list[tuple[float, float]]) -> list[tuple[float, float] | None]:
    """Match one track with the settings that its documentation gives for noise like ours."""
    from leuvenmapmatching.matcher.distance import DistanceMatcher  # noqa: PLC0415

    matcher = DistanceMatcher(
        streets,
        max_dist=100,
        max_dist_init=100,
        min_prob_norm=0.0001,
        obs_noise=12,
        obs_noise_ne=24,
        dist_noise=12,
        non_emitting_states=True,
        max_lattice_width=16,
    )
    matcher.match(path)
    out: list[tuple[float, float] | None] = [None] * len(path)
    for state in matcher.lattice_best or []:
        if state.obs_ne == 0:
            y, x = state.edge_m.pi
            out[state.obs] = (x, y)
    return out


if __name__ == "__main__":
    main()
