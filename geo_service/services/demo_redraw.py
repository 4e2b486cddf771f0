"""The demo's boundaries were redrawn once: grids that had too many households gave micro-grids to neighbours.

It is done as a planner does it, in a plan that is published, so that there is an edition before the one in
force, with what each cell gave away and took.
"""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo_service.geometry.segments import segments_of
from geo_service.services.ground import Ground
from geo_service.services.plan_publishing import publish_plan
from geo_service.services.plan_state import Plans
from geo_service.services.planning import change_plan, open_plan
from geo_service.services.tiling import Tiling, Tilings
from geo_service.store.database import Database

WHO = "demo"
NAME = "网格户数均衡调整"
#: Of so many grids one gives a micro-grid to its neighbour, within these numbers.
ONE_IN = 12
FEWEST, MOST = 2, 12


def redraw(database: Database, ground: Ground, tilings: Tilings, note: str, valid_from: datetime) -> int:
    """Publish an edition in which some micro-grids have changed hands; returns how many.

    Nothing is done where the demo has been redrawn before.
    """
    if len(tilings.spans()) > 1:
        return 0
    tiling = tilings.get()
    wanted = handovers(tiling, ground.land_and_people(tiling)["households"].to_numpy(dtype=float))
    plans = Plans(database, tilings)
    row = open_plan(plans, name=NAME, note="", edition_id=None, who=WHO)
    revision = row.revision
    for leaf, to in wanted:
        arguments = {"cells": [["micro_grid", leaf]], "to": ["grid", to]}
        changed = change_plan(
            plans, row.id, revision=revision, verb="hand_over", arguments=arguments, who=WHO
        )
        revision = changed.row.revision
    publish_plan(plans, row.id, revision=revision, note=note, who=WHO, valid_from=valid_from)
    return len(wanted)


def handovers(tiling: Tiling, households: NDArray[np.float64]) -> list[tuple[str, str]]:
    """Return the codes of micro-grids that change hands, and of the grids that take them.

    Of two grids that touch, in one community, the larger gives a leaf to the smaller if that makes them more
    alike and leaves the larger in one piece; each grid takes part once, the most unlike pairs first.
    """
    grids = tiling.at_level("grid")
    group = tiling.group_of_leaf("grid")
    size = np.bincount(group[group >= 0], households[group >= 0], minlength=len(grids))
    segments = segments_of(tiling.cells["geom"].to_numpy()[tiling.leaves])
    both = (segments.left >= 0) & (segments.right >= 0)
    pair = np.unique(np.sort(np.stack([segments.left, segments.right], axis=1)[both], axis=1), axis=0)
    community = grids["parent_code"].to_numpy(dtype=object)
    apart = pair[group[pair[:, 0]] != group[pair[:, 1]]]
    either = np.concatenate([apart, apart[:, ::-1]])
    giver, taker = group[either].T
    difference = size[giver] - size[taker]
    moved = households[either[:, 0]]
    fits = (community[giver] == community[taker]) & (moved > 0) & (2 * moved < difference)
    order = np.flatnonzero(fits)[np.lexsort((either[fits, 1], either[fits, 0], -difference[fits]))]
    most = min(max(FEWEST, len(grids) // ONE_IN), MOST)
    codes = tiling.cells["code"].to_numpy(dtype=object)[tiling.leaves]
    out: list[tuple[str, str]] = []
    busy: set[int] = set()
    for at in order.tolist():
        leaf, a, b = int(either[at, 0]), int(giver[at]), int(taker[at])
        if len(out) < most and not {a, b} & busy and _is_whole_without(leaf, group, pair):
            busy |= {a, b}
            out.append((str(codes[leaf]), str(grids["code"].iloc[b])))
    return out


def _is_whole_without(leaf: int, group: NDArray[np.int64], pair: NDArray[np.int32]) -> bool:
    """Tell whether the leaves of a leaf's grid hang together without it."""
    rest = np.flatnonzero(group == group[leaf])
    rest = rest[rest != leaf]
    if not len(rest):
        return False
    inside = pair[np.isin(pair, rest).all(axis=1)]
    rows, columns = np.searchsorted(rest, inside).T
    graph = coo_array((np.ones(len(inside)), (rows, columns)), shape=(len(rest), len(rest)))
    return int(connected_components(graph, directed=False)[0]) == 1
