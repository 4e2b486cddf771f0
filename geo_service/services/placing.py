"""Which cell each incident falls in, for the edition in force when it happened."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from geo_service.model import Edition, How
from geo_service.services.tiling import Tiling
from geo_service.store import incidents
from geo_service.store.database import Connection

#: A point in no cell is said to be near a gap when a cell is at most this far away.
NEAR_GAP_M = 50.0


def place(
    connection: Connection, tiling: Tiling, ids: Sequence[UUID], lonlat_deg: NDArray[np.float64]
) -> dict[str, int]:
    """Write one placement per incident in an edition; returns how many were placed how."""
    found = tiling.index.locate(lonlat_deg, border=True, near_gap_m=NEAR_GAP_M, nearest=False)
    leaf_ids = np.append(tiling.leaf_ids, -1)  # index -1: no cell
    incidents.insert_placements(
        connection,
        tiling.edition.id,
        ids,
        cell_ids=leaf_ids[found.cell],
        how=found.how,
        border_m=found.border_m,
        runner_up_ids=leaf_ids[found.runner_up],
    )
    return {how.value: int(np.count_nonzero(found.how == how.value)) for how in How}


def place_missing(connection: Connection, tiling: Tiling, spans: Sequence[Edition]) -> int:
    """Place the incidents of an edition's spans that it has not placed yet; returns how many."""
    count = 0
    for span in spans:
        if span.id == tiling.edition.id:
            ids, lonlat_deg = incidents.unplaced(connection, span.id, span.valid_from, span.valid_to)
            if ids:
                place(connection, tiling, ids, lonlat_deg)
            count += len(ids)
    return count
