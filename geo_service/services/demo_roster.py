"""The demo county's roster goes in as entries, as anybody's would."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from geo_service.services.roster_entries import ENTRIES
from geo_service.services.roster_records import put_many
from geo_service.store import roster
from geo_service.store.database import Connection

if TYPE_CHECKING:
    from geo_service.demo.county import DemoCounty

WHO = "demo"
ZONE = ZoneInfo("Asia/Shanghai")


def store_roster(connection: Connection, county: "DemoCounty", now: datetime) -> None:
    """Write the roster of the demo county, after its staff, rota and posts; leave lies around this week."""
    made = county.roster
    _put(connection, "calendars", made.calendars)
    _put(connection, "stations", _stations(county))
    _put(connection, "responders", made.people)
    _put(connection, "duties", made.duties)
    _put(connection, "teams", made.teams)
    _put(connection, "needs", made.needs)
    _put(connection, "posts", _posts(connection, county))
    if not roster.read(connection, "absences", limit=1):  # a second run finds the leave of its own week
        _put(connection, "absences", _leave(county, now))


def _put(connection: Connection, register: str, entries: list[dict[str, Any]]) -> None:
    model = ENTRIES[register]
    put_many(connection, register, [(None, model.model_validate(one)) for one in entries], who=WHO)


def _stations(county: "DemoCounty") -> list[dict[str, Any]]:
    rows = county.stations
    return [
        {"code": code, "name": name, "kind": kind, "lon": point.x, "lat": point.y}
        for code, name, kind, point in zip(rows["id"], rows["name"], rows["kind"], rows.geometry, strict=True)
    ]


def _posts(connection: Connection, county: "DemoCounty") -> list[dict[str, Any]]:
    """Return the posts as they are stored, with their calendars, some afternoons without a holder."""
    out = []
    for key, entry in roster.read(connection, "posts"):
        windows = [
            {**one, "holder": None}
            if key in county.roster.without_holder and one["start"] >= "12:00"
            else one
            for one in entry["windows"]
        ]
        out.append({**entry, "calendar": county.roster.shut.get(key), "windows": windows})
    return out


def _leave(county: "DemoCounty", now: datetime) -> list[dict[str, Any]]:
    """Return leave in the weeks around a moment."""
    today = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    out = []
    for one in county.roster.leave:
        start = monday + timedelta(weeks=one.week, days=one.weekday - 1)
        out.append(
            {
                "responder": one.responder,
                "start": start,
                "end": start + timedelta(days=one.days),
                "kind": one.kind,
                "substitute": one.substitute,
                "post": one.post,
            }
        )
    return out
