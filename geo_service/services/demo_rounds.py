"""The demo's rounds: places to be visited, a campaign, the lists of two weeks, and the visits made."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from geo_service.demo.rounds import make_campaign, make_places
from geo_service.errors import InvalidInputError
from geo_service.formats.patrol_places import CampaignTable, PlacesTable
from geo_service.services import rounds, visits
from geo_service.services.ground import Ground
from geo_service.services.rostering import shifts_between, town_zone
from geo_service.services.tiling import Tilings
from geo_service.services.visits import Scan, Seen
from geo_service.services.week_lists import make_week, monday_of
from geo_service.staffing.roster import Shift
from geo_service.staffing.visit_signs import sign_of
from geo_service.store import rounds as store
from geo_service.store.database import Database

if TYPE_CHECKING:
    from geo_service.demo.county import DemoCounty

WHO = "demo"
SEED = 20261120
#: Of a hundred stops so many are visited; of a hundred visits so many without a fix.
VISITED, UNSEEN = 88, 6
#: What somebody on patrol owes in a month.
QUOTAS = {"grid_worker": {"days": 20, "hours": 20}, "grid_lead": {"days": 8, "hours": 8}}


def make_rounds(
    database: Database, ground: Ground, tilings: Tilings, county: "DemoCounty", now: datetime
) -> int:
    """Take in the places, make the lists of last week and this one, and let them be visited up to now.

    Returns the number of visits. Nothing is done where there are places already.
    """
    with database.reading() as connection:
        zone = town_zone(connection)
        if store.place_ids(connection):
            return 0
    monday = monday_of(now.astimezone(zone).date())
    before = monday - timedelta(weeks=1)
    places = make_places(county.premises, county.assets, before, SEED)
    rounds.set_rules(database, {"quotas": QUOTAS}, after=0, who=WHO)
    rounds.import_places(database, tilings.get(), PlacesTable(places, ()), who=WHO, commit=True)
    campaign = CampaignTable(make_campaign(places, before), ())
    rounds.import_campaigns(database, campaign, who=WHO, commit=True)
    count = 0
    for week in (before, monday):
        make_week(database, ground, tilings.get(), week, who=WHO)
        count += _visit(database, week, zone, now)
    return count


def _visit(database: Database, monday: date, zone: ZoneInfo, now: datetime) -> int:
    """Let the stops of a week be visited, as their signs prove it; returns how many were."""
    rng = np.random.default_rng([SEED, monday.toordinal()])
    start = datetime.combine(monday, time(0), zone)
    with database.reading() as connection:
        stops = store.stops(connection, monday, zone.key)
        seals = {row["id"]: bytes(row["seal"]) for row in store.places(connection)}
        shifts = shifts_between(connection, start, start + timedelta(days=7))
    count = 0
    for stop in stops:
        draws = rng.random(3)
        at = _moment(stop, shifts, zone, float(draws[0]))
        if at is None or at > now or draws[1] * 100 >= VISITED:
            continue
        here = Seen(stop["lon"] + 2e-4 * float(draws[0] - 0.5), stop["lat"], 12.0, at)
        seen = None if draws[2] * 100 < UNSEEN else here
        scan = Scan(sign_of(stop["place_id"], seals[stop["place_id"]]), at, "scanned", seen)
        try:
            visits.take(database, stop["responder_id"], scan, now=min(now, at + timedelta(minutes=1)))
        except InvalidInputError:
            continue  # a stand-in went in his place, or his leave began at noon
        count += 1
    return count


def _moment(stop: dict[str, Any], shifts: Iterable[Shift], zone: ZoneInfo, draw: float) -> datetime | None:
    """Return when somebody comes to a stop: its turn in his tour of the day, None if he is off duty."""
    mine = [
        one
        for one in shifts
        if one.responder_id == stop["responder_id"]
        and one.post_id is None
        and one.start.astimezone(zone).date() == stop["day"]
    ]
    if not mine:
        return None
    shift = max(mine, key=lambda one: one.end - one.start)
    after = timedelta(minutes=40 * (stop["position"] - 1) + 20 + 15 * draw)
    return min(shift.start + after, shift.end - timedelta(minutes=1))
