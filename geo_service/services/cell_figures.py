"""Figures of cells: incidents and staff, counted on the leaves and summed up the levels."""

import threading
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.services.rostering import on_duty
from geo_service.services.tiling import Tiling
from geo_service.staffing.workload import STANDARD_WEIGHTS, means, workload_index
from geo_service.store import heat, placements, staffing
from geo_service.store.database import Connection

#: Counts held for each tiling: a page without a moment asks for others each quarter of an hour.
FIGURES_KEPT = 16
YEAR = timedelta(days=365)
_FIGURES_LOCK = threading.Lock()


def sum_up(tiling: Tiling, level: str, leaf_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the leaves' values for each cell of a level, in the order of ``at_level``."""
    group = tiling.group_of_leaf(level)
    inside = group >= 0
    count = int((tiling.cells["level"] == level).sum())
    return np.bincount(group[inside], weights=leaf_values[inside], minlength=count).astype(np.float64)


def incident_counts(
    connection: Connection, tiling: Tiling, since: datetime, until: datetime
) -> NDArray[np.float64]:
    """Return how many incidents of a span (the end not in it) lie in each leaf, in the order of the index.

    By where they happened, not by the cells of the time: so the counts of a year stay whole when the
    boundaries were redrawn in it. Placements are counted in the database; only those incidents of which this
    edition says nothing are located here. Counted once until incidents of the span are added.
    """
    key = ("incidents", since, until, *heat.version(connection, since, until))
    with _FIGURES_LOCK:
        known = tiling.figures.get(key)
        if known is not None:
            tiling.figures.move_to_end(key)
            return known
    counts = _count(connection, tiling, since, until)
    counts.flags.writeable = False  # it is handed out again
    with _FIGURES_LOCK:
        tiling.figures[key] = counts
        while len(tiling.figures) > FIGURES_KEPT:
            tiling.figures.popitem(last=False)
    return counts


def _count(connection: Connection, tiling: Tiling, since: datetime, until: datetime) -> NDArray[np.float64]:
    placed = placements.counts(connection, tiling.edition.id, since, until)
    elsewhere_deg = placements.unplaced_points(connection, tiling.edition.id, since, until)
    leaf, _ = tiling.index.leaf_of(elsewhere_deg)
    located = np.bincount(leaf[leaf >= 0], minlength=len(tiling.leaves))
    return np.array([placed.get(int(key), 0) for key in tiling.leaf_ids], dtype=np.float64) + located


def cell_table(
    connection: Connection, tiling: Tiling, level: str, leaves: pd.DataFrame, at: datetime
) -> pd.DataFrame:
    """Return the figures of every cell of a level, in order of code.

    Parameters
    ----------
    leaves : pandas.DataFrame
        area_km2, households and residents of each leaf: :meth:`.ground.Ground.land_and_people`.
    at : datetime
        Incidents are those of the year before, staff those on duty at this moment.

    Returns
    -------
    pandas.DataFrame
        code, name, area_m2, households, residents, incidents_year, staff, and ``workload_index``: how much
        work a cell is. It has no unit: 1 is the mean cell of the level. See
        :func:`geo_service.staffing.workload.workload_index`; households weigh 0.3, residents 0.2, incidents
        of a year 0.4 and area 0.1.
    """
    cells = tiling.at_level(level)
    yearly = incident_counts(connection, tiling, at - YEAR, at)
    sums = {
        "area_m2": sum_up(tiling, level, leaves["area_km2"].to_numpy(dtype=float) * 1e6),
        "households": sum_up(tiling, level, leaves["households"].to_numpy(dtype=float)),
        "residents": sum_up(tiling, level, leaves["residents"].to_numpy(dtype=float)),
        "incidents_year": sum_up(tiling, level, yearly),
    }
    figures = {name: values for name, values in sums.items() if name in STANDARD_WEIGHTS.share}
    table = pd.DataFrame({"code": cells["code"].to_numpy(), "name": cells["name"].to_numpy(), **sums})
    table["staff"] = staff_counts(connection, tiling, level, at)
    table["workload_index"] = workload_index(figures, means(figures))
    return table.sort_values("code", kind="stable").reset_index(drop=True)


def staff_counts(
    connection: Connection,
    tiling: Tiling,
    level: str,
    at: datetime,
    *,
    role: str = "",
    duty: pd.DataFrame | None = None,
) -> NDArray[np.float64]:
    """Return how many responders on duty at a moment stand in each cell of a level; with a role only those.

    One whose place is not known counts where he holds a duty, if that is on this level or below it. ``duty``
    are those on duty at that moment, where the caller has read them already.
    """
    if duty is None:
        duty = on_duty(connection, at)
    if role:
        duty = duty[duty["role"] == role]
    places = duty[["lon", "lat"]].to_numpy(dtype=float)
    leaf, _ = tiling.index.leaf_of(places)
    counts = sum_up(tiling, level, np.bincount(leaf[leaf >= 0], minlength=len(tiling.leaves)).astype(float))
    homeless = set(duty.loc[np.isnan(places).any(axis=1), "id"])
    if homeless:
        held = staffing.duties(connection, at).drop_duplicates("responder_id")
        for cell_id in held.loc[held["responder_id"].isin(homeless), "cell_id"]:
            row = tiling.row_above(int(cell_id), level)
            if row >= 0:
                counts[row] += 1
    return counts
