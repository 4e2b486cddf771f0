"""Incidents gathered on a raster, for the heat of a map: the database counts, single places stay in it."""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from geo_service.store.tables import incident

#: Raster cells per degree: 27 m north to south.
PER_DEGREE = 4096


def version(connection: Connection, since: datetime, until: datetime) -> tuple[int, datetime | None]:
    """Return a mark that changes when incidents of a span (the end not in it) are added or located anew."""
    row = connection.execute(
        select(func.count(), func.max(func.greatest(incident.c.recorded_at, incident.c.relocated_at))).where(
            incident.c.occurred_at >= since, incident.c.occurred_at < until
        )
    ).one()
    return row[0], row[1]


def gather(
    connection: Connection, since: datetime, until: datetime
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Count the incidents of a span (the end not in it) by raster cell.

    Returns
    -------
    lonlat_deg : (n, 2) float64
        Centres of the raster cells that hold any, EPSG:4326.
    count : (n,) float64
        How many each holds.
    unlocated : int
        How many have no coordinates.
    """
    column, row = (func.round(axis(incident.c.geom) * PER_DEGREE) for axis in (func.ST_X, func.ST_Y))
    found = connection.execute(
        select(column, row, func.count())
        .where(incident.c.occurred_at >= since, incident.c.occurred_at < until)
        .group_by(column, row)
    ).all()
    # those without coordinates are one group, under null
    unlocated = sum(count for x, _, count in found if x is None)
    cells = np.array([tuple(one) for one in found if one[0] is not None], dtype=float).reshape(-1, 3)
    return cells[:, :2] / PER_DEGREE, cells[:, 2], unlocated
