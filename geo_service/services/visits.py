"""Visits proved by the sign at the place: what is scanned or typed, checked against time, shift and fix.

No track comes of it: of the fix only its distance to the place is kept, nothing outside a shift, and the
visit itself until it ages out: the audit, which is never deleted, has no line of it.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import shapely

from geo_service.errors import Fault, ForbiddenError, InvalidInputError, Words
from geo_service.geometry.measure import length_m
from geo_service.services import rounds
from geo_service.services.rostering import INSTANT, shifts_between, town_zone
from geo_service.services.week_lists import monday_of
from geo_service.staffing.patrol_rules import PatrolRules
from geo_service.staffing.visit_signs import is_genuine, number_on
from geo_service.store import lives, outbox
from geo_service.store import rounds as places
from geo_service.store import visits as store
from geo_service.store.database import Connection, Database

#: How far the clock of a phone may be ahead of ours.
FAST_CLOCK = timedelta(minutes=2)
#: A fix that may be wrong by more than so many times the radius says nothing.
BLURRED = 2.0
#: What bears a visit out better comes later in this order.
_PROOFS = ("far", "unseen", "near")
_WRONG = Words("this visit cannot be taken in", "不能登记这次走访")


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a phone was: EPSG:4326 degrees, what it may be wrong by, and when."""

    lon: float
    lat: float
    accuracy_m: float | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Scan:
    """What somebody tells of a visit.

    Attributes
    ----------
    code : str
        What stands on the sign.
    at : datetime
        When he was there, timezone-aware.
    how : str
        ``scanned`` or ``typed``.
    seen : Seen or None
        Where his phone was; without it, or when it is stale or blurred, the sharp fix of his track nearest in
        time is looked at.
    departments : tuple of str
        Whose matters were seen to; empty: all that his list names, or else all that ask for the place.
    """

    code: str
    at: datetime
    how: str
    seen: Seen | None = None
    departments: tuple[str, ...] = ()


def take(database: Database, responder_id: int, scan: Scan, *, now: datetime | None = None) -> dict[str, Any]:
    """Take in a visit; the same visit told again is the same visit, whatever way it comes.

    Parameters
    ----------
    now : datetime, optional
        When it is told; by the database's clock if it is not given.

    Returns
    -------
    dict
        ``id``, ``place``, ``at``, ``departments``, ``proof`` (near: the fix bears it out; unseen: there was
        none; far: the fix speaks against it), ``distance_m``, ``counts`` (False for far), ``repeated``.

    Raises
    ------
    ForbiddenError
        The code is not that of a sign in force.
    InvalidInputError
        Too early, too late, off duty then, or for a department that does not ask for this place.
    """
    number = number_on(scan.code)
    with database.writing() as connection:
        rules = rounds.rules(connection)
        place = places.place(connection, number)
        if place is None or not is_genuine(scan.code, number, bytes(place["seal"])):
            words = Words(
                "this sign is not in force: it was replaced, or it is not one of ours",
                "此点位牌无效：可能已更换，或不是本系统的牌",
            )
            raise ForbiddenError(words, [Fault("code", words)])
        _require_moment(connection, responder_id, scan, rules, now or lives.clock(connection))
        store.lock_visits(connection, number, responder_id)
        departments = _departments(connection, number, scan)
        proof, distance_m = _proof(connection, responder_id, scan, place, rules)
        around = timedelta(seconds=rules.same_visit_s)
        known = store.same_visit(connection, number, responder_id, scan.at - around, scan.at + around)
        row = {
            "place_id": number,
            "responder_id": responder_id,
            "at": scan.at,
            "how": scan.how,
            "departments": departments,
            "proof": proof,
            "distance_m": distance_m,
        }
        if known is None:
            known = {"id": store.add(connection, row), **row}
            outbox.add(connection, "patrol.visit", {"place": place["code"], "proof": proof})
            repeated = False
        else:
            repeated = True
            if _PROOFS.index(proof) > _PROOFS.index(known["proof"]):
                store.correct(connection, known["id"], row)
                known |= {"proof": proof, "distance_m": distance_m}
    return {
        "id": known["id"],
        "place": place["code"],
        "place_name": place["name"],
        **{name: known[name] for name in ("at", "departments", "proof", "distance_m")},
        "counts": known["proof"] != "far",
        "repeated": repeated,
    }


def listed(
    connection: Connection, first: date, last: date, *, place: str | None = None, limit: int = 1000
) -> list[dict[str, Any]]:
    """Return the visits of local days, both included, the latest first."""
    zone = town_zone(connection)
    start = datetime.combine(first, time(0), zone)
    end = datetime.combine(last + timedelta(days=1), time(0), zone)
    return store.between(connection, start, end, place=place, limit=limit)


def _require_moment(
    connection: Connection, responder_id: int, scan: Scan, rules: PatrolRules, now: datetime
) -> None:
    words = None
    if scan.at > now + FAST_CLOCK:
        words = Words("the moment lies in the future: check the phone's clock", "时间在未来：请检查手机时钟")
    elif scan.at < now - timedelta(seconds=rules.late_visit_s):
        words = Words("the visit is too long ago to be taken in", "走访时间过早，不再接收")
    elif not any(
        one.responder_id == responder_id for one in shifts_between(connection, scan.at, scan.at + INSTANT)
    ):
        words = Words(
            "not on duty at that moment: nothing is kept outside shifts", "当时不在班：班外不作登记"
        )
    if words is not None:
        raise InvalidInputError(_WRONG, [Fault("at", words, value=scan.at.isoformat())])


def _departments(connection: Connection, number: int, scan: Scan) -> list[str]:
    day = scan.at.astimezone(town_zone(connection)).date()
    wanted = store.wanted(connection, number, day)
    if scan.departments:
        others = [one for one in scan.departments if one not in wanted]
        if others:
            words = Words("does not ask for this place", "该部门未对此点位提出检查要求")
            raise InvalidInputError(_WRONG, [Fault("departments", words, value=one) for one in others])
        return sorted(set(scan.departments))
    asked = store.on_list(connection, number, monday_of(day))
    return wanted if asked is None else [one for one in asked if one in wanted]


def _proof(
    connection: Connection, responder_id: int, scan: Scan, place: dict[str, Any], rules: PatrolRules
) -> tuple[str, float | None]:
    """Return what the fix says, and how far it lies from the place.

    A phone that tells nothing of use (no fix, a stale or a blurred one) does not speak against the track.
    """
    around = timedelta(seconds=rules.fresh_fix_s)
    sharp_m = BLURRED * rules.radius_m
    seen = scan.seen
    fix: tuple[float, float, float | None] | None
    if seen is not None and abs(seen.at - scan.at) <= around and (seen.accuracy_m or 0.0) <= sharp_m:
        fix = (seen.lon, seen.lat, seen.accuracy_m)
    else:
        span = (scan.at - around, scan.at + around)
        fix = store.last_fix(connection, responder_id, *span, scan.at, sharp_m=sharp_m)
    if fix is None:
        return "unseen", None
    accuracy_m = fix[2] or 0.0
    away_m = distance_m((fix[0], fix[1]), (place["lon"], place["lat"]))
    return ("near" if away_m - accuracy_m <= rules.radius_m else "far"), round(away_m, 1)


def distance_m(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the metres between two places, EPSG:4326, on the ellipsoid."""
    line = np.array([shapely.LineString([here, there])], dtype=object)
    return float(length_m(line)[0]) if here != there else 0.0
