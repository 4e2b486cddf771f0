"""The demo's last weeks: a redraw, patrols, rounds, sites to choose, what the street reads, fresh reports.

All of it by the doors through which it comes in earnest, so that every page and map has something to show.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from shapely import get_coordinates

from geo_service.demo.names import COUNTY_NAME
from geo_service.errors import ConflictError
from geo_service.geometry.crs import GCJ02, from_wgs84
from geo_service.services import reporting, siting, street_words
from geo_service.services.demo_redraw import redraw
from geo_service.services.demo_rounds import make_rounds
from geo_service.services.demo_routes import make_routes
from geo_service.services.demoing import ZONE, Size
from geo_service.services.ground import Ground
from geo_service.services.importing import Say, silent
from geo_service.services.intake import take_in
from geo_service.services.patrol_demo import patrol_demo
from geo_service.services.reporting import Place, Report
from geo_service.services.siting_question import SitingQuestion
from geo_service.services.tiling import Tilings
from geo_service.staffing.siting import Goal
from geo_service.store import siting as runs
from geo_service.store.database import Database

if TYPE_CHECKING:
    from geo_service.demo.county import DemoCounty

WHO = "demo"
#: So long ago the boundaries were redrawn.
REDRAWN = timedelta(days=21)
#: Patrols of the last week, and of what it is held against; so many walk each day.
PATROL_DAYS: dict[Size, int] = {"town": 14, "county": 10}
MOST_WALKERS: dict[Size, int] = {"town": 40, "county": 40}
ROUTES: dict[Size, int] = {"town": 8, "county": 24}
NEW_SITES: dict[Size, int] = {"town": 2, "county": 5}
#: There is no area code 0000: the number reaches nobody.
OFFICE = {"office": f"{COUNTY_NAME}社会治理中心（演示）", "office_phone": "0000-8000000"}


def tell_weeks(
    database: Database, county: "DemoCounty", size: Size, now: datetime, say: Say = silent
) -> None:
    """Let the weeks before a moment have happened. What has been told is not told again."""
    tilings, ground = Tilings(database), Ground(database)
    say("redrawing some grids", None)
    day = (now - REDRAWN).astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    redraw(database, ground, tilings, f"demo {size}: 网格户数均衡调整", day)
    say("walking the patrols of the last days", None)
    make_routes(database, ground, tilings, ROUTES[size])
    yesterday = now.astimezone(ZONE).date() - timedelta(days=1)
    patrol_demo(
        database, ground, tilings, days=PATROL_DAYS[size], most_people=MOST_WALKERS[size], last=yesterday
    )
    say("going the rounds of two weeks", None)
    make_rounds(database, ground, tilings, county, now)
    say("choosing new sites", None)
    choose_sites(database, ground, tilings, NEW_SITES[size])
    _say_to_street(database)
    report_oddities(database, tilings, county, now)


def choose_sites(database: Database, ground: Ground, tilings: Tilings, count: int) -> None:
    """Ask where so many more stations would cover most, unless something was asked already."""
    with database.reading() as connection:
        if runs.every(connection, limit=1):
            return
    question = SitingQuestion(Goal.COVER_MOST, count, limit_s=300)
    siting.ask_at_once(database, ground, tilings.get(), question, WHO)


def _say_to_street(database: Database) -> None:
    """Set what stands on sign boards and on the street's page, unless it is set."""
    with database.reading() as connection:
        version = street_words.words(connection).version
    if version:
        return
    try:
        street_words.set_words(database, OFFICE, after=0, who=WHO)
    except ConflictError:
        return  # somebody set it this moment


def report_oddities(database: Database, tilings: Tilings, county: "DemoCounty", now: datetime) -> int:
    """Let reports come in that a desk has to think about; returns how many were new.

    Somebody reads a coordinate off a Chinese map and passes it on as WGS84; somebody calls from the grounds
    of a school or a factory, which have people of their own; somebody says no place.
    """
    rng = np.random.default_rng(now.astimezone(ZONE).date().toordinal())
    homes = get_coordinates(county.demand["centroid"].to_numpy())
    reports: list[Report] = []

    def add(kind: str, place: Place, category: str, address: str = "") -> None:
        key = f"{now.astimezone(ZONE):%Y%m%d}-{kind}-{len(reports) + 1}"
        minutes = 4.0 + 25.0 * len(reports)
        reports.append(
            Report(key, now - timedelta(minutes=minutes), place, floor=1, category=category, address=address)
        )

    for x, y in from_wgs84(homes[rng.choice(len(homes), 2, replace=False)], GCJ02).tolist():
        add("misread", Place(round(x, 6), round(y, 6)), "占道经营")
    grounds = county.premises.iloc[:: max(1, len(county.premises) // 2)].iloc[:2]
    for one in grounds.itertuples():
        point = one.geometry.representative_point()
        add("premises", Place(point.x, point.y), "消防通道堵塞", str(one.name))
    for said in ("桥头菜场旁边", "老供销社对面"):
        add("unlocated", Place(), "噪声扰民", said)
    rows = reporting.strictly(reporting.prepare(database, tilings, reports))
    return int(take_in(database, tilings, rows, source="demo-desk", who=WHO, live=True).new.sum())
