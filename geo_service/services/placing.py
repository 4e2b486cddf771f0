"""Which cell each incident falls in, for the edition in force when it happened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from geo_service.model import How
from geo_service.services.tiling import Tiling
from geo_service.store import placements
from geo_service.store.database import Connection

#: A point in no cell is said to be near a gap when a cell is at most this far away.
NEAR_GAP_M = 50.0

#: Incidents located and written at a time: memory stays small, and progress is seen.
CHUNK = 50_000

#: Told how many incidents are placed, and of how many.
Counted = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where each of some incidents is in an edition.

    Attributes
    ----------
    how : (n,) object
        How it came there.
    cell_ids, runner_up_ids : (n,) int64
        Database ids of its cell and of the one beyond the nearest border; -1: none.
    border_m : (n,) float64
        How far that border is; NaN where there is none.
    """

    how: NDArray[np.object_]
    cell_ids: NDArray[np.int64]
    border_m: NDArray[np.float64]
    runner_up_ids: NDArray[np.int64]


def locate(tiling: Tiling, lonlat_deg: NDArray[np.float64], named: NDArray[np.int64] | None = None) -> Placed:
    """Return where incidents are in an edition.

    ``named`` are the database ids of the cells that reports without a point gave (-1: none). A cell that the
    edition does not have places nothing.
    """
    found = tiling.index.locate(lonlat_deg, border=True, near_gap_m=NEAR_GAP_M, nearest=False)
    leaf_ids = np.append(tiling.leaf_ids, -1)  # index -1: no cell
    cell_ids, how = leaf_ids[found.cell], found.how.astype(object)
    if named is not None and (named >= 0).any():
        by_name = np.isnan(lonlat_deg).any(axis=1) & np.isin(named, tiling.cells["id"].to_numpy())
        cell_ids = np.where(by_name, named, cell_ids)
        how[by_name] = How.BY_CELL.value
    return Placed(how, cell_ids, found.border_m, leaf_ids[found.runner_up])


def place(
    connection: Connection,
    tiling: Tiling,
    ids: Sequence[UUID],
    lonlat_deg: NDArray[np.float64],
    named: NDArray[np.int64] | None = None,
) -> Placed:
    """Write one placement per incident from an edition on; returns where each is, as :func:`locate`."""
    found = locate(tiling, lonlat_deg, named)
    placements.add(
        connection,
        tiling.edition.id,
        ids,
        cell_ids=found.cell_ids,
        how=found.how,
        border_m=found.border_m,
        runner_up_ids=found.runner_up_ids,
    )
    return found


def follow(
    connection: Connection,
    tiling: Tiling,
    valid_from: datetime | None,
    *,
    recorded_since: datetime | None = None,
    progress: Counted | None = None,
) -> int:
    """Let incidents follow a new edition in force from ``valid_from``; returns how many were placed anew.

    The placements that hold on where no land changed are left alone. With ``recorded_since`` only incidents
    recorded since then are looked at. :func:`placements.find_changed_leaves` comes first.
    """
    placements.end_where_land_changed(connection, tiling.edition.id, recorded_since=recorded_since)
    total = placements.find_unplaced(connection, tiling.edition.id, valid_from, recorded_since=recorded_since)
    tell = progress or (lambda _done, _total: None)
    done = 0
    tell(done, total)
    for ids, lonlat_deg, named in placements.unplaced(connection, CHUNK):
        place(connection, tiling, ids, lonlat_deg, named)
        done += len(ids)
        tell(done, total)
    return total
