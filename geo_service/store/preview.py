"""What a report on a plan counts: the incidents of a span with their age."""

from datetime import datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select

from geo_service.store.tables import incident


def incidents(connection: Connection, since: datetime, until: datetime, recent: datetime) -> pd.DataFrame:
    """Return the located incidents of a span (the end not in it): lon, lat (EPSG:4326) and is_recent."""
    rows = connection.execute(
        select(func.ST_X(incident.c.geom), func.ST_Y(incident.c.geom), incident.c.occurred_at >= recent)
        .where(incident.c.occurred_at >= since, incident.c.occurred_at < until, incident.c.geom.is_not(None))
        .order_by(incident.c.occurred_at, incident.c.id)
    ).all()
    table = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, 3)
    return pd.DataFrame({"lon": table[:, 0], "lat": table[:, 1], "is_recent": table[:, 2] > 0})
