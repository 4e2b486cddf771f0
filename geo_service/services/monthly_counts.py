"""How many incidents happened in a span: in a cell, by kind and hour, and in the cells below it.

These are all incidents, as ``/v1/figures/incidents`` has them: also those that were imported as history and
were never handled here. How long things took is known of the handled ones only: see :mod:`.responding`.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.services.responding import cells_of
from geo_service.services.tiling import Tiling
from geo_service.store import lead as named
from geo_service.store import series
from geo_service.store.database import Connection


@dataclass(frozen=True)
class Counts:
    """Incidents of a span.

    Attributes
    ----------
    total : int
    categories : dict of str to int
    hours : list of int
        By the hour of the day, 24 of them.
    cells : dict of str to int
        By the code of the cells of the level below; those without any are absent.
    """

    total: int
    categories: dict[str, int]
    hours: list[int]
    cells: dict[str, int]


def count(
    connection: Connection,
    tiling: Tiling,
    cell: tuple[str, str] | None,
    below: str,
    span: tuple[datetime, datetime],
) -> Counts:
    """Count the incidents that happened in a span (its end not in it); hours are by the clock of its start.

    Parameters
    ----------
    cell : (level, code) or None
        None: the whole town, where what lies in no cell counts too.
    below : str
        Level of the cells that are counted one by one. An incident of which only a larger cell is known is
        in none of them.
    """
    found = series.located(connection, *span)
    others = named.incidents_without_point(connection, *span)
    lonlat = np.concatenate([found.lonlat_deg, np.full((len(others), 2), np.nan)])
    cell_id = np.array([-1] * len(found.at_us) + [one.cell_id for one in others], np.int64)
    words = np.array([*found.categories, ""], dtype=object)[found.category]
    kinds = np.array([*words, *(one.category for one in others)], dtype=object)
    at = pd.to_datetime(found.at_us, unit="us", utc=True).tz_convert(span[0].tzinfo)
    local = [one.occurred_at.astimezone(span[0].tzinfo).hour for one in others]
    hours = np.array([*at.hour, *local], np.int64)
    inside = np.ones(len(kinds), np.bool_)
    if cell is not None:
        row = cells_of(tiling, cell[0], lonlat, cell_id)
        inside = (row >= 0) & (_codes(tiling, cell[0])[row] == cell[1])
    rows = cells_of(tiling, below, lonlat, cell_id)[inside]
    codes = _codes(tiling, below)
    return Counts(
        int(inside.sum()),
        {str(kind): n for kind, n in sorted(Counter(kinds[inside]).items())},
        np.bincount(hours[inside], minlength=24).tolist(),
        {str(codes[row]): n for row, n in Counter(rows[rows >= 0].tolist()).items()},
    )


def _codes(tiling: Tiling, level: str) -> NDArray[np.object_]:
    cells = tiling.cells
    return np.asarray(cells.loc[cells["level"] == level, "code"], dtype=object)
