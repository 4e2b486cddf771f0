"""The demo's patrols: whoever was on duty in the last days before its last report walked about his base.

The tracks are made up, counted as real ones are, and not kept: the figures are there, as they would be after
the tracks have aged out.
"""

from datetime import datetime, time, timedelta

import numpy as np
import pandas as pd

from geo_service.demo import tracks
from geo_service.errors import ConflictError
from geo_service.model import Mode
from geo_service.services import demoing, patrol
from geo_service.services.ground import Ground
from geo_service.services.patrol import Counted
from geo_service.services.rostering import shifts_between, town_zone
from geo_service.services.tiling import Tilings
from geo_service.staffing.roster import Shift
from geo_service.store import patrol as store
from geo_service.store import staffing
from geo_service.store.database import Database

WHO = "demo"
SEED = 20261122
LONGEST_S = 90 * 60.0


def patrol_demo(
    database: Database, ground: Ground, tilings: Tilings, *, days: int, most_people: int = 400
) -> list[Counted]:
    """Make up and count the patrols of the days that end with the demo's last report.

    At most ``most_people`` of those on duty walk each day, for up to an hour and a half of their shift; those
    bound to a post stay there.

    Raises
    ------
    ConflictError
        This is no demo.
    """
    edition = demoing.newest_edition(database)
    if edition is None or demoing.size_of(edition) is None:
        raise ConflictError("this home holds no demo: make one with geo-service demo")
    with database.reading() as connection:
        zone = town_zone(connection)
        last = store.last_incident(connection)
        people = staffing.responders(connection).set_index("id")
    if last is None:
        return []
    final = last.astimezone(zone).date()
    done = []
    for back in range(days - 1, -1, -1):
        day = final - timedelta(days=back)
        start = datetime.combine(day, time(0), zone)
        end = datetime.combine(day + timedelta(days=1), time(0), zone)
        with database.reading() as connection:
            shifts = [one for one in shifts_between(connection, start, end) if not one.pinned]
        rng = np.random.default_rng([SEED, day.toordinal()])
        chosen = [shifts[i] for i in np.sort(rng.permutation(len(shifts))[:most_people])]
        fixes = _fixes(ground, people, chosen, (start, end), rng)
        if not fixes.empty:
            tiling = tilings.get(start + timedelta(hours=12))
            done.append(patrol.count_fixes(database, ground, tiling, day, fixes, who=WHO))
    return done


def _fixes(
    ground: Ground,
    people: pd.DataFrame,
    shifts: list[Shift],
    day: tuple[datetime, datetime],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the fixes of a day as the store would give them."""
    _, _, _, snapper = ground.roads(Mode.WALK)
    base_of = {
        int(key): (lon, lat) for key, lon, lat in zip(people.index, people["lon"], people["lat"], strict=True)
    }
    parts = []
    for shift in shifts:
        start_s = max(shift.start, day[0]).timestamp()
        seconds = min(min(shift.end, day[1]).timestamp() - start_s, LONGEST_S)
        base_deg = base_of.get(shift.responder_id, (np.nan, np.nan))
        if not np.isfinite(base_deg).all() or seconds < 60:
            continue
        places = tracks.walk(snapper, base_deg, seconds, rng)
        at_s = start_s + np.arange(len(places)) * tracks.EVERY_S
        parts.append(
            pd.DataFrame(
                {
                    "who": shift.responder_id,
                    "mode": Mode.WALK.value,
                    "at_s": at_s,
                    "lon": places[:, 0],
                    "lat": places[:, 1],
                    "accuracy_m": 2 * tracks.ERROR_M,
                }
            )
        )
    if not parts:
        return pd.DataFrame()
    return pd.concat(parts).sort_values(["who", "at_s"], ignore_index=True)
