"""Patrols: the tracks of a day become figures by cell, which stay when the tracks have aged out.

By cell: how much of its streets was patrolled, for how long, and by how many person-times (人次); nobody is
named there. Of persons only what quotas and posts need (:mod:`geo_service.services.patrol_people`). The same
tracks over the same streets, cells and shifts are not counted twice, and a day whose tracks have begun to age
out keeps the figures it has.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, NotFoundError, Words
from geo_service.model import Mode
from geo_service.services import patrol_routes, rounds
from geo_service.services.desk import Desks
from geo_service.services.ground import Ground
from geo_service.services.patrol_matching import bits_of, passes_of
from geo_service.services.patrol_people import PeopleOfDay, count_people
from geo_service.services.rostering import town_zone
from geo_service.services.tiling import Tiling, Tilings
from geo_service.staffing import patrol as counting
from geo_service.staffing.patrol import Against, StreetBits
from geo_service.store import audit, positions, visits
from geo_service.store import patrol as store
from geo_service.store import routes as route_store
from geo_service.store.database import Connection, Database

#: A fix speaks for this long at most; longer silences are nobody's presence.
GAP_S = 300.0
MOST_DAYS = 400


@dataclass(frozen=True)
class Counted:
    """A day that has been counted: its fixes, those that found a street, and whether it was counted anew."""

    day: date
    fixes: int
    matched: int
    new: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        told: dict[str, Any] = {"day": self.day.isoformat(), "new": self.new}
        return told | {"fixes": self.fixes, "matched": self.matched}


def count_day(
    database: Database,
    ground: Ground,
    tilings: Tilings,
    day: date,
    *,
    who: str,
    now: datetime | None = None,
) -> Counted:
    """Count the patrols of a local day from its tracks and keep the figures.

    The cells are those in force at its noon. Each person's fixes are matched to the streets that are open to
    his mode; a street counts for the cell in which it lies, wherever its patrol lives. A day that has been
    counted stays as it is from when the first of its tracks may be gone.

    Raises
    ------
    NotFoundError
        The tracks of that day have aged out and it was not counted before, or there are none.
    ConflictError
        No road network has been imported.
    """
    with database.reading() as connection:
        zone = town_zone(connection)
        start, end = _bounds(day, zone)
        counted = store.days(connection, day, day)
        if counted and start.date() < first_day_kept(database, now or datetime.now(UTC)):
            return _as_it_was(counted[0])
        fixes = store.fixes_between(connection, start, end)
    if fixes.empty:
        raise NotFoundError(
            Words(f"there are no tracks of {day} to count", f"{day} 没有可统计的轨迹"),
            [Fault("day", "tracks are kept for a set number of days; figures counted before that stay")],
        )
    tiling = tilings.get(datetime.combine(day, time(12), zone))
    with database.reading() as connection:
        people = count_people(connection, tiling, start, end, fixes)
        near_m = rounds.rules(connection).route_near_m
        routes = patrol_routes.walked_on(connection, ground, start, near_m=near_m)
    return count_fixes(database, ground, tiling, day, fixes, who=who, people=people, routes=routes)


def count_fixes(
    database: Database,
    ground: Ground,
    tiling: Tiling,
    day: date,
    fixes: pd.DataFrame,
    *,
    who: str,
    people: PeopleOfDay | None = None,
    routes: Sequence[Mapping[str, Any]] = (),
) -> Counted:
    """Count the fixes of a day and keep the figures, unless they were counted from the same already.

    Columns of ``fixes``: those of :func:`geo_service.store.patrol.fixes_between`, in its order. ``people``
    is what they come to for quotas and posts, ``routes`` what was walked of fixed routes, kept with them.
    """
    with database.reading() as connection:
        known = store.fingerprint(connection, day)
    _, network_mark, _, _ = ground.roads(Mode.WALK)
    mark = _mark(fixes, network_mark, tiling, people, routes)
    if mark == known:
        with database.reading() as connection:
            return _as_it_was(store.days(connection, day, day)[0])
    bits = bits_of(ground)
    leaf_of_bit, _ = tiling.index.leaf_of(bits.lonlat_deg)
    passes, matched = passes_of(ground, bits, fixes)
    cells = _cells(tiling, bits, leaf_of_bit, passes, fixes)
    with database.writing() as connection:
        store.put_day(
            connection,
            day,
            mark=mark,
            edition_id=tiling.edition.id,
            fixes=len(fixes),
            matched=matched,
            cells=cells,
        )
        if people is not None:
            visits.put_person_days(connection, day, people.people, people.posts)
        route_store.put_days(connection, day, routes)
        audit.record(connection, who, "patrol.count", day.isoformat(), {"fixes": len(fixes)})
    return Counted(day, len(fixes), matched, new=True)


def count_due(
    database: Database, ground: Ground, tilings: Tilings, *, who: str, now: datetime | None = None
) -> list[Counted]:
    """Count every day that is over and still has its tracks; run it once a day, before tracks age out.

    A day is counted anew while fixes of it may still come in; after that it is settled.
    """
    with database.reading() as connection:
        zone = town_zone(connection)
        # the tracks of a local day lie in the partitions of up to two days of UTC
        kept = positions.days(connection)
        tail = patrol_routes.longest_tail(connection)
    moment = now or datetime.now(UTC)
    today = moment.astimezone(zone).date()
    possible = {day + timedelta(days=shift) for day in kept for shift in (0, 1)}
    late = max(timedelta(seconds=Desks(database).get().late_fix_s), tail)
    done = []
    for day in sorted(day for day in possible if day < today):
        with database.reading() as connection:
            counted = store.days(connection, day, day)
        if counted and counted[0]["counted_at"] > _bounds(day, zone)[1] + late:
            continue
        try:
            done.append(count_day(database, ground, tilings, day, who=who, now=moment))
        except NotFoundError:
            continue
    return done


def first_day_kept(database: Database, now: datetime) -> date:
    """Return the first day (UTC) whose tracks are kept, by the desk's setting."""
    return now.astimezone(UTC).date() - timedelta(days=int(Desks(database).get().keep_days))


def _as_it_was(row: dict[str, Any]) -> Counted:
    return Counted(row["day"], int(row["fixes"]), int(row["matched"]), new=False)


def cell_figures(
    connection: Connection, tiling: Tiling, level: str, first: date, last: date
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Return the figures of a span by cell of a level, and the days that it rests on.

    Columns: code, name, ``days``, ``patrolled_m``, ``walked_m``, ``hours``, ``person_times``, and ``share``:
    of the cell's street metres those patrolled, mean of the days counted. Leaves that later editions gave up
    count where the tiling still knows them, else nowhere.

    Raises
    ------
    InvalidInputError
        When the span is backwards or longer than :data:`MOST_DAYS` days.
    NotFoundError
        There is no such level.
    """
    if not first <= last <= first + timedelta(days=MOST_DAYS):
        message = Words(
            f"give a first day and a last one, at most {MOST_DAYS} days",
            f"起止日期须有序，且不超过{MOST_DAYS}天",
        )
        raise InvalidInputError(message, [Fault("to", message, value=last.isoformat())])
    days = store.days(connection, first, last)
    sums = store.cell_figures(connection, first, last).set_index("cell_id")
    by_leaf = sums.reindex(tiling.leaf_ids).fillna(0.0)
    cells = tiling.at_level(level)
    group = tiling.group_of_leaf(level)
    held = group >= 0
    totals = {
        name: np.bincount(group[held], weights=by_leaf[name].to_numpy()[held], minlength=len(cells))
        for name in by_leaf.columns
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        share = totals["patrolled_m"] / totals["street_m"]
    frame = pd.DataFrame(
        {
            "code": cells["code"].to_numpy(),
            "name": cells["name"].to_numpy(),
            "days": len(days),
            "share": share,
            "patrolled_m": totals["patrolled_m"].round(1),
            "walked_m": totals["walked_m"].round(1),
            "hours": (totals["seconds"] / 3600).round(3),
            "person_times": totals["person_times"].astype(np.int64),
        }
    )
    return frame, days


def incidents_of_days(connection: Connection, tiling: Tiling, first: date, last: date) -> NDArray[np.float64]:
    """Return the incidents of each leaf on local days, both included."""
    zone = town_zone(connection)
    start, end = _bounds(first, zone)[0], _bounds(last, zone)[1]
    counts = store.incidents_by_cell(connection, start, end)
    return np.array([counts.get(int(key), 0) for key in tiling.leaf_ids], np.float64)


def against_incidents(
    connection: Connection, tiling: Tiling, level: str, first: date, last: date
) -> tuple[pd.DataFrame, Against]:
    """Compare where patrols went with where incidents were, by cell of a level over a span of days.

    Returns
    -------
    DataFrame
        code, name, ``hours`` patrolled, ``incidents``, ``incident_share``, ``patrol_share``, ``lift``.
    Against
        Rank correlation with its p and what it rests on.
    """
    frame, _ = cell_figures(connection, tiling, level, first, last)
    by_leaf = incidents_of_days(connection, tiling, first, last)
    group = tiling.group_of_leaf(level)
    held = group >= 0
    incidents = np.bincount(group[held], weights=by_leaf[held], minlength=len(frame))
    told = counting.patrols_against_incidents(frame["hours"].to_numpy(dtype=float), incidents)
    out = frame[["code", "name", "hours"]].assign(incidents=incidents.astype(np.int64))
    return pd.concat([out, told.cells], axis=1), told


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows for JSON: no number where there is none, "inf" never."""
    return [
        {
            str(name): None if isinstance(value, float) and not np.isfinite(value) else value
            for name, value in row.items()
        }
        for row in frame.to_dict("records")
    ]


def _bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the beginning and the end of a local day."""
    return (
        datetime.combine(day, time(0), zone).astimezone(UTC),
        datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC),
    )


def _mark(
    fixes: pd.DataFrame,
    network_mark: bytes,
    tiling: Tiling,
    people: PeopleOfDay | None,
    routes: Sequence[Mapping[str, Any]],
) -> bytes:
    """Return the digest of everything that a day's figures are counted from."""
    digest = hashlib.blake2b(network_mark, digest_size=16)
    digest.update(str(tiling.edition.id).encode())
    digest.update("|".join(fixes["mode"]).encode())
    for name in ("who", "at_s", "lon", "lat", "accuracy_m"):
        digest.update(np.ascontiguousarray(fixes[name].to_numpy(dtype=np.float64)).tobytes())
    if people is not None:
        digest.update(people.people.to_csv(index=False).encode())
        digest.update(repr(people.posts).encode())
    if routes:
        digest.update(repr([sorted(one.items()) for one in routes]).encode())
    return digest.digest()


def _cells(
    tiling: Tiling,
    bits: StreetBits,
    leaf_of_bit: NDArray[np.int32],
    passes: NDArray[np.int64],
    fixes: pd.DataFrame,
) -> pd.DataFrame:
    """Return the figures of the leaves that have streets or were visited."""
    n = len(tiling.leaves)
    streets = counting.streets_by_cell(bits, leaf_of_bit, passes, n)
    leaf, _ = tiling.index.leaf_of(fixes[["lon", "lat"]].to_numpy(dtype=np.float64))
    times = counting.time_by_cell(
        fixes["who"].to_numpy(dtype=np.int64), fixes["at_s"].to_numpy(dtype=np.float64), leaf, n, GAP_S
    )
    frame = pd.concat([streets, times], axis=1).assign(cell_id=tiling.leaf_ids)
    frame["seconds"] = frame["seconds"].round().astype(np.int64)
    return frame[(frame["street_m"] > 0) | (frame["person_times"] > 0)]
