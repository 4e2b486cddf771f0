"""The demo's fixed routes: lines about the bases of some workers, and who walked them on a day."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.demo import tracks
from geo_service.model import Mode
from geo_service.services import patrol_routes
from geo_service.services.ground import Ground
from geo_service.services.patrol_routes import NewRoute
from geo_service.services.tiling import Tilings
from geo_service.staffing.roster import Shift
from geo_service.store import routes as store
from geo_service.store import staffing
from geo_service.store.database import Database

WHO = "demo"
SEED = 20261123
LENGTH_M = 900.0
#: What it is called, from, to, on how many days a week; by turns.
KINDS = (("早巡线", "08:00", "11:30", 5), ("午后巡线", "13:30", "17:00", 3), ("夜巡线", "18:00", "22:00", 4))
#: Of a hundred turns so many are walked; of every fourth route fewer.
WALKED, SELDOM = 94, 45
#: So long before its hours are over a walk begins at the latest.
NEEDED = timedelta(seconds=1.3 * LENGTH_M / tracks.PACE_MPS)


def make_routes(database: Database, ground: Ground, tilings: Tilings, count: int) -> int:
    """Draw so many routes about the bases of workers; nothing is done where there are some already."""
    with database.reading() as connection:
        if store.routes(connection):
            return 0
        people = staffing.responders(connection)
    rng = np.random.default_rng(SEED)
    _, _, _, snapper = ground.roads(Mode.WALK)
    tiling = tilings.get()
    workers = people[(people["role"] == "grid_worker") & people["lon"].notna()].sort_values("code")
    made = 0
    some = workers.iloc[:: max(1, len(workers) // count)].head(count)
    for lon, lat in some[["lon", "lat"]].to_numpy(dtype=float).tolist():
        line = tracks.route(snapper, (lon, lat), LENGTH_M, rng)
        leaf = -1 if line is None else patrol_routes.home_leaf(tiling, line)
        if line is None or leaf < 0:
            continue
        words, opens, closes, days = KINDS[made % len(KINDS)]
        made += 1
        given = NewRoute(f"{tiling.named_path(leaf)[-1]['name']}{words}", line, days, opens, closes)
        patrol_routes.put(database, tiling, f"L{made:03d}", given, who=WHO)
    return made


def walkers(
    database: Database,
    people: pd.DataFrame,
    shifts: Iterable[Shift],
    midnight: datetime,
    rng: np.random.Generator,
) -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return who walked a route on a day that begins at a moment: by person seconds of the epoch and places.

    Parameters
    ----------
    people : DataFrame
        By id their ``lon`` and ``lat``.
    shifts : iterable of Shift
        Of those at no post.
    """
    with database.reading() as connection:
        rows = store.routes(connection)
    free = list(shifts)
    found: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for number, row in enumerate(rows):
        if float(rng.random()) * 100 >= (SELDOM if number % 4 == 3 else WALKED):
            continue
        span = [midnight + timedelta(minutes=row[name]) for name in ("from_min", "to_min")]
        there: Mapping[int, datetime] = {
            one.responder_id: max(one.start, span[0])
            for one in free
            if one.responder_id not in found and max(one.start, span[0]) + NEEDED <= min(one.end, span[1])
        }
        near = people.loc[list(there), ["lon", "lat"]].dropna()
        if near.empty:
            continue
        far = np.hypot(*(near.to_numpy(dtype=float) - row["line"].coords[0]).T)
        who = int(near.index[int(far.argmin())])
        places = tracks.along(row["line"], NEEDED.total_seconds(), rng)
        at_s = there[who].timestamp() + tracks.EVERY_S * np.arange(len(places), dtype=np.float64)
        found[who] = at_s, places
    return found
