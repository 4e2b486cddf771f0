"""Tracks laid on streets, mode by mode, for whatever is counted of patrols."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.model import Mode
from geo_service.roads.match import Matcher, Travelled
from geo_service.services.ground import Ground
from geo_service.staffing import patrol as counting
from geo_service.staffing.patrol import StreetBits

#: Each mode is matched on the streets that are open to it.
MATCH_MODES = tuple(Mode)


def bits_of(ground: Ground) -> StreetBits:
    """Return the streets that one may walk, cut into bits, kept while they are the same."""
    _, network_mark, graph, _ = ground.roads(Mode.WALK)
    return ground.keep(("patrol bits", network_mark), lambda: counting.street_bits(graph))


def passes_of(ground: Ground, bits: StreetBits, fixes: pd.DataFrame) -> tuple[NDArray[np.int64], int]:
    """Return how often each bit was gone along, and how many fixes found a street.

    Columns of ``fixes``: those of :func:`geo_service.store.patrol.fixes_between`, in its order.
    """
    passes = np.zeros(len(bits.edge), np.int64)
    matched = 0
    for mode in MATCH_MODES:
        travelled, found = _match(ground, fixes[fixes["mode"] == mode.value], mode)
        passes += bits.passes(travelled)
        matched += found
    return passes, matched


def _match(ground: Ground, fixes: pd.DataFrame, mode: Mode) -> tuple[Travelled, int]:
    _, network_mark, _, snapper = ground.roads(mode)
    matcher: Matcher = ground.keep(("patrol matcher", network_mark, mode), lambda: Matcher(snapper))
    found = matcher.match(
        fixes[["lon", "lat"]].to_numpy(dtype=np.float64),
        fixes["at_s"].to_numpy(dtype=np.float64),
        track=fixes["who"].to_numpy(dtype=np.int64),
        accuracy_m=fixes["accuracy_m"].to_numpy(dtype=np.float64),
    )
    return found.travelled, int((found.edge >= 0).sum())
