"""The travel of a question: how soon somebody is at each place, who, and how many within the limit."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_service.model import Mode
from geo_service.roads.demand import Doors, k_nearest_at, merged
from geo_service.roads.graph import LONGEST_MS
from geo_service.roads.kernels import NONE
from geo_service.roads.snap import Snaps
from geo_service.roads.timed import k_nearest_timed, k_nearest_timed_at
from geo_service.roads.travel import k_nearest_labels
from geo_service.services.coverage_people import People
from geo_service.services.coverage_places import Places, all_modes, doors_now, doors_of
from geo_service.services.coverage_streets import ModeStreets, Streets
from geo_service.services.ground import MAX_ACCESS_M, Ground
from geo_service.services.tiling import Tiling

#: Covered by one, by two, by three and more: so deep is looked.
DEPTH = 3


@dataclass(frozen=True, eq=False)
class Reach:
    """Labels (``time_ms * 2**32 + number of the person``) of one kind of places.

    Attributes
    ----------
    nearest : (m,) int64
        The soonest of all, however long he takes; the largest int64 where nobody comes.
    within : (m, 3) int64
        The soonest three who are there within the limit.
    """

    nearest: NDArray[np.int64]
    within: NDArray[np.int64]


def start_places(streets: Streets, people: People) -> dict[Mode, Snaps]:
    """Return where people of each mode start; all of them in each, those of other modes nowhere.

    Who stands on a closed street walks to the nearest open one.
    """
    out = {}
    for mode in all_modes(people.modes):
        own = people.modes == mode
        places = np.where(own[:, None], people.lonlat_deg, np.nan)
        out[mode] = _open_places(streets.modes(mode), places)
    return out


def _open_places(streets: ModeStreets, lonlat_deg: NDArray[np.float64]) -> Snaps:
    snaps = streets.snapper.snap(lonlat_deg, MAX_ACCESS_M)
    if streets.built is streets.now:
        return snaps
    return doors_now(Doors.of(streets.built, snaps), streets.now).snaps


def travel(
    held: Ground,
    streets: Streets,
    people: People,
    *,
    starts: Mapping[Mode, Snaps],
    places: Mapping[str, Places],
    limit_ms: int,
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> dict[str, Reach]:
    """Return the reach of each kind of places.

    Parameters
    ----------
    held : Ground
        Where doors are kept.
    starts : mapping of Mode to Snaps
        As :func:`start_places` gives them.
    places : mapping of str to Places
        By kind.
    limit_ms : int
        For :attr:`Reach.within`.
    groups : pair of arrays, optional
        The group of each person and the group of each leaf: a person counts in places of his group only.
    """
    reach = {
        kind: Reach(np.full(len(one), NONE, np.int64), np.full((len(one), DEPTH), NONE, np.int64))
        for kind, one in places.items()
    }
    for mode, snaps in starts.items():
        one = streets.modes(mode)
        doors = {kind: _doors(held, some, one, streets.network_id) for kind, some in places.items()}
        if groups is None:
            found = _pass(
                one, streets.start_ms, snaps, delay_ms=people.delay_ms, doors=doors, limit_ms=limit_ms
            )
            _add(reach, found, None)
            continue
        of_person, of_leaf = groups
        for group in np.unique(of_person[snaps.snapped & (of_person >= 0)]).tolist():
            mine = _only(snaps, of_person == group)
            rows = {kind: np.flatnonzero(of_leaf[some.leaf] == group) for kind, some in places.items()}
            near = {kind: Doors.of(one.now, doors[kind].snaps.take(rows[kind])) for kind in places}
            found = _pass(
                one, streets.start_ms, mine, delay_ms=people.delay_ms, doors=near, limit_ms=limit_ms
            )
            _add(reach, found, rows)
    return reach


def _doors(held: Ground, places: Places, streets: ModeStreets, network_id: int) -> Doors:
    doors = doors_of(held, places, streets.built, streets.snapper, network_id)
    return doors if streets.built is streets.now else doors_now(doors, streets.now)


def _only(snaps: Snaps, which: NDArray[np.bool_]) -> Snaps:
    """Return the same places with all but some people nowhere: numbers stay what they are."""
    edge = np.where(which, snaps.edge, np.int32(-1)).astype(np.int32)
    return Snaps(edge, snaps.fraction, snaps.distance_m, snaps.access_ms, snaps.main, snaps.lonlat_deg)


def _pass(
    streets: ModeStreets,
    start_ms: int,
    snaps: Snaps,
    *,
    delay_ms: NDArray[np.int64],
    doors: Mapping[str, Doors],
    limit_ms: int,
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Travel once for the soonest and once, within the limit, for the soonest three."""
    out: dict[str, list[NDArray[np.int64]]] = {kind: [] for kind in doors}
    for k, bound_ms in ((1, LONGEST_MS), (DEPTH, limit_ms)):
        if streets.timed is not None:
            node = k_nearest_timed(streets.timed, snaps, start_ms, k, bound_ms=bound_ms, delay_ms=delay_ms)
        else:
            node = k_nearest_labels(streets.now, snaps, k, bound_ms=bound_ms, delay_ms=delay_ms)
        for kind, some in doors.items():
            if streets.timed is not None:
                label = k_nearest_timed_at(
                    streets.timed,
                    some.snaps,
                    node,
                    snaps,
                    start_ms,
                    bound_ms=bound_ms,
                    delay_ms=delay_ms,
                )
            else:
                label = k_nearest_at(some, node, snaps, bound_ms=bound_ms, delay_ms=delay_ms)
            out[kind].append(label)
    return {kind: (one[0][:, 0], one[1]) for kind, one in out.items()}


def _add(
    reach: Mapping[str, Reach],
    found: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]],
    rows: Mapping[str, NDArray[np.int64]] | None,
) -> None:
    """Merge what a pass found into what is known."""
    for kind, (nearest, within) in found.items():
        known = reach[kind]
        at = slice(None) if rows is None else rows[kind]
        known.nearest[at] = np.minimum(known.nearest[at], nearest)
        known.within[at] = merged(known.within[at], within)


def together(one: Reach, other: Reach) -> Reach:
    """Return the reach of two sets of people, of whom nobody is in both."""
    return Reach(np.minimum(one.nearest, other.nearest), merged(one.within, other.within))


def groups_of(tiling: Tiling, level: str, people: People) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return in which cell of a level each person and each leaf lies, -1 for none."""
    tiling.at_level(level)
    of_leaf = tiling.group_of_leaf(level)
    leaf, _ = tiling.index.leaf_of(people.lonlat_deg)
    return np.where(leaf >= 0, of_leaf[leaf], -1), of_leaf
