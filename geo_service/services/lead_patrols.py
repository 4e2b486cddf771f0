"""Patrols held against incidents, for those who lead: whether the last week's went where incidents are."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from geo_service.services import patrol
from geo_service.services.lead_area import Area
from geo_service.services.lead_readings import PATROL_DAYS
from geo_service.staffing.patrol import patrols_against_incidents
from geo_service.store.database import Connection

#: So many cells are named on either side.
NAMED = 3
#: Where the one share is less than this times the other, they lie apart: what is nearer is chance.
APART = 2 / 3


def balance(connection: Connection, area: Area, level: str, at: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Compare where patrols went with where incidents were, cell by cell of a level of an area.

    Over the days before ``at`` that the map of patrols shows. ``match`` is the share of the patrols' time
    that lies as the incidents lie: Σ min(share of incidents, share of time), 1 where both lie alike (one
    minus the index of dissimilarity, Duncan & Duncan 1955). Of the cells
    where one share is less than :data:`APART` times the other, ``more`` are those whose share of incidents
    is farthest above that of patrols, ``less`` the reverse. Without patrols or incidents there is no match.
    """
    last = at.astimezone(zone).date() - timedelta(days=1)
    first = last - timedelta(days=PATROL_DAYS - 1)
    whole, _ = patrol.against_incidents(connection, area.tiling, level, first, last)
    cells = whole.iloc[area.rows_at(level)].reset_index(drop=True)
    told = patrols_against_incidents(cells["hours"].to_numpy(dtype=float), cells["incidents"].to_numpy())
    cells = pd.concat([cells[["code", "name", "hours", "incidents"]], told.cells], axis=1)
    short = (cells["incident_share"] - cells["patrol_share"]).to_numpy(dtype=float)
    hours, incidents = float(cells["hours"].sum()), int(cells["incidents"].sum())
    shares = cells[["incident_share", "patrol_share"]]
    is_apart = (shares.min(axis=1) < APART * shares.max(axis=1)).to_numpy()
    both = shares.min(axis=1).sum()
    known = hours > 0 and incidents > 0
    apart = [row for row in np.argsort(-short, kind="stable").tolist() if known and is_apart[row]]
    return {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "level": level,
        "hours": round(hours, 2),
        "incidents": incidents,
        "match": float(both) if known else None,
        "rank_correlation": told.rho,
        "p": told.p,
        "more": _named(cells, [row for row in apart if short[row] > 0][:NAMED]),
        "less": _named(cells, [row for row in apart[::-1] if short[row] < 0][:NAMED]),
    }


def _named(cells: pd.DataFrame, rows: list[Any]) -> list[dict[str, Any]]:
    columns = ["code", "name", "hours", "incidents", "incident_share", "patrol_share"]
    return patrol.rows_of(cells.iloc[rows][columns])
