"""What the cells of a plan are counted by: the points of the town, and the counts of an edition's cells."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.planning.tally import PointLayer, Tally
from geo_service.services.rostering import town_zone
from geo_service.services.tiling import Tiling
from geo_service.store import boundaries, ground, plan_ground
from geo_service.store.database import Connection

YEAR = timedelta(days=365)


def ground_mark(connection: Connection) -> Any:
    """Return a mark that changes when buildings are imported anew, and once a day for the incidents."""
    return ground.demand_version(connection), _last_midnight(connection)


def _last_midnight(connection: Connection) -> datetime:
    """Return when the day began in the town: counted up to then, all processes count the same."""
    now = boundaries.moment(connection).astimezone(town_zone(connection))
    return datetime.combine(now.date(), time(), now.tzinfo).astimezone(UTC)


def sums_of_cells(base: Tiling, tally: Tally) -> dict[str, NDArray[np.float64]]:
    """Return the counts of every cell of an edition, by row."""
    out = {}
    for name in tally.names:
        of_leaf = tally.by_leaf(name, len(base.leaves))
        sums = np.zeros(len(base.cells))
        for column in base.ancestry.T:
            inside = column >= 0
            sums += np.bincount(column[inside], of_leaf[inside], minlength=len(sums))
        out[name] = sums
    return out


def point_layers(connection: Connection) -> list[PointLayer]:
    """Return what a plan counts: households, residents and buildings, and the incidents of the last year."""
    demand = ground.demand(connection)
    until = _last_midnight(connection)
    incidents_deg = plan_ground.incident_points(connection, until - YEAR, until)
    return [
        PointLayer(
            demand[["lon", "lat"]].to_numpy(dtype=np.float64),
            {
                "households": demand["households"].to_numpy(dtype=np.float64),
                "residents": demand["residents"].to_numpy(dtype=np.float64),
                "buildings": np.ones(len(demand)),
            },
        ),
        PointLayer(incidents_deg, {"incidents_year": np.ones(len(incidents_deg))}),
    ]
