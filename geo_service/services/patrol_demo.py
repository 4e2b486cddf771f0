"""The demo's patrols: whoever was on duty walked about his base, and stood at his post, or came late or not.

The tracks are made up and stored as those of phones are; from there on all goes its way: the day is counted,
and its tracks age out.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd

from geo_service.demo import tracks
from geo_service.errors import ConflictError
from geo_service.model import Mode
from geo_service.services import demo_routes, demoing, patrol
from geo_service.services.ground import Ground
from geo_service.services.patrol import Counted
from geo_service.services.rostering import Timetable, timetable, town_zone
from geo_service.services.tiling import Tilings
from geo_service.staffing.roster import Shift
from geo_service.store import patrol as store
from geo_service.store import positions, staffing
from geo_service.store.database import Database
from geo_service.store.positions import Fixes

WHO = "demo"
SEED = 20261122
LONGEST_S = 90 * 60.0
#: At a post a phone tells its position this often.
AT_POST_S = 60.0
#: Of a hundred times at a post: missed, late, left early. All others are kept.
MISSED, LATE, LEFT = 6, 9, 5
CHUNK = 20_000


def patrol_demo(
    database: Database,
    ground: Ground,
    tilings: Tilings,
    *,
    days: int,
    most_people: int = 400,
    last: date | None = None,
) -> list[Counted]:
    """Make up and count the patrols of some days, the last of which is over.

    At most ``most_people`` of those on duty walk each day, for up to an hour and a half of their shift. Days
    that have been counted are left as they are.

    Parameters
    ----------
    last : date, optional
        By default the day of the demo's last report, or yesterday if that is earlier.

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
        report = store.last_incident(connection)
        people = staffing.responders(connection).set_index("id")
    if report is None:
        return []
    final = last or min(report.astimezone(zone).date(), datetime.now(zone).date() - timedelta(days=1))
    done = []
    for back in range(days - 1, -1, -1):
        day = final - timedelta(days=back)
        bounds = (
            datetime.combine(day, time(0), zone),
            datetime.combine(day + timedelta(days=1), time(0), zone),
        )
        with database.reading() as connection:
            counted = store.days(connection, day, day)
            times = timetable(connection, *bounds)
        if not counted:
            rng = np.random.default_rng([SEED, day.toordinal()])
            free = [one for one in times.working if one.post_id is None]
            own = np.random.default_rng([demo_routes.SEED, day.toordinal()])
            walked = demo_routes.walkers(database, people, free, bounds[0], own)
            others = [one for one in free if one.responder_id not in walked]
            walks = _walks(ground, people, times, others, bounds, rng=rng, most_people=most_people)
            routes = [_fixes(who, *one) for who, one in walked.items()]
            _keep(database, pd.concat([walks, *routes]).sort_values(["who", "at_s"], ignore_index=True))
        with database.reading() as connection:
            has_tracks = not store.fixes_between(connection, *bounds).empty
        if counted or has_tracks:
            done.append(patrol.count_day(database, ground, tilings, day, who=WHO))
    return done


def _keep(database: Database, fixes: pd.DataFrame) -> None:
    """Store fixes as the door of positions does."""
    moments = [datetime.fromtimestamp(at_s, UTC) for at_s in fixes["at_s"].tolist()]
    with database.writing() as connection:
        positions.make_days(connection, {one.date() for one in moments})
    for start in range(0, len(fixes), CHUNK):
        part = fixes.iloc[start : start + CHUNK]
        rows = Fixes(
            part["who"].tolist(),
            moments[start : start + CHUNK],
            part["lon"].tolist(),
            part["lat"].tolist(),
            [2 * tracks.ERROR_M] * len(part),
        )
        with database.writing() as connection:
            positions.add(connection, rows)


def _walks(
    ground: Ground,
    people: pd.DataFrame,
    times: Timetable,
    free: Sequence[Shift],
    day: tuple[datetime, datetime],
    *,
    rng: np.random.Generator,
    most_people: int,
) -> pd.DataFrame:
    """Return the fixes of a day: who, at_s, lon, lat, in order of person and time."""
    _, _, _, snapper = ground.roads(Mode.WALK)
    base_of = {
        int(key): (lon, lat) for key, lon, lat in zip(people.index, people["lon"], people["lat"], strict=True)
    }
    parts = []
    posted: dict[int, list[Shift]] = {}
    for shift in times.working:
        place = times.places.get(shift.post_id) if shift.post_id is not None else None
        if place is not None and day[0] <= shift.start < day[1]:
            posted.setdefault(shift.responder_id, []).append(shift)
            mine = (one for one in times.openings if one.post_id == shift.post_id)
            due = min((one.due for one in mine if one.end > shift.start), default=shift.start)
            parts.append(_at_post(shift, due, place, rng))
    for number in np.sort(rng.permutation(len(free))[:most_people]).tolist():
        shift = free[number]
        start_s = max(shift.start, day[0]).timestamp()
        seconds = min(min(shift.end, day[1]).timestamp() - start_s, LONGEST_S)
        base_deg = base_of.get(shift.responder_id, (np.nan, np.nan))
        if not np.isfinite(base_deg).all() or seconds < 60:
            continue
        places = tracks.walk(snapper, base_deg, seconds, rng)
        at_s = start_s + np.arange(len(places)) * tracks.EVERY_S
        walking = np.ones(len(at_s), np.bool_)
        for other in posted.get(shift.responder_id, []):
            walking &= (at_s < other.start.timestamp()) | (at_s >= other.end.timestamp())
        parts.append(_fixes(shift.responder_id, at_s[walking], places[walking]))
    if not parts:
        return _fixes(0, np.empty(0), np.empty((0, 2)))
    return pd.concat(parts).sort_values(["who", "at_s"], ignore_index=True)


def _at_post(
    shift: Shift, due: datetime, place_deg: tuple[float, float], rng: np.random.Generator
) -> pd.DataFrame:
    """Return the fixes of somebody at his post, where he is due before it opens; none if he never comes."""
    draw, minutes = float(rng.random()) * 100, float(rng.uniform(4, 10))
    from_s, to_s = max(due, shift.start).timestamp(), shift.end.timestamp()
    if draw < MISSED:
        from_s = to_s
    elif draw < MISSED + LATE:
        from_s += 600 + minutes * 60
    elif draw < MISSED + LATE + LEFT:
        to_s -= 2 * minutes * 60
    at_s = np.arange(from_s, to_s, AT_POST_S)
    error_deg = rng.normal(0.0, tracks.ERROR_M, (len(at_s), 2)) * 9e-6
    return _fixes(shift.responder_id, at_s, np.asarray(place_deg) + error_deg)


def _fixes(who: int, at_s: np.ndarray, lonlat_deg: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"who": who, "at_s": at_s, "lon": lonlat_deg[:, 0], "lat": lonlat_deg[:, 1]})
