"""The demo county goes in by the same doors as anybody's data: editions, roads, demand, staff, incidents."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd
import shapely

from geo_service.formats.premises import PremisesTable
from geo_service.formats.sign_boards import SignBoardTable
from geo_service.model import Edition
from geo_service.services.coverage import STANDARD_LIMIT_S, STANDARD_MODE, CoverageRun, run_coverage
from geo_service.services.demo_lives import tell_lives
from geo_service.services.demo_roster import store_roster
from geo_service.services.drafting import draft_whole
from geo_service.services.ground import Ground
from geo_service.services.importing import Say, silent
from geo_service.services.intake import take_in
from geo_service.services.premises import import_premises
from geo_service.services.publishing import publish
from geo_service.services.sign_board_import import import_sign_boards
from geo_service.services.tiling import Tilings
from geo_service.store import assets, barriers, boundaries, coverage, ground, roads, staffing, street
from geo_service.store.database import Connection, Database

if TYPE_CHECKING:
    from geo_service.demo.county import DemoCounty

Size = Literal["town", "county"]
WHO = "demo"
TIMEZONE = "Asia/Shanghai"
ZONE = ZoneInfo(TIMEZONE)
#: The moment that the demo's first coverage is computed for: a Sunday night.
SHOWN_AT = datetime(2026, 11, 22, 2, tzinfo=ZONE)
CHUNK, STEPS = 10_000, 20
#: Placed before all others: the first placing compiles its kernels, and a bar would stand still meanwhile.
FIRST = 50
SIZE_BY_NOTE: dict[str, Size] = {"demo town": "town", "demo county": "county"}


def newest_edition(database: Database) -> Edition | None:
    """Return the edition that is in force last, None while nothing has been published."""
    with database.reading() as connection:
        spans = boundaries.spans_in_force(connection)
    return spans[-1] if spans else None


def size_of(edition: Edition) -> Size | None:
    """Return which demo an edition is, None if it is anybody's own."""
    return SIZE_BY_NOTE.get(edition.note.partition(":")[0])


def known_coverage(database: Database, edition: Edition) -> dict[str, Any] | None:
    """Return the last standard coverage of an edition; without it a demo was not loaded to its end."""
    with database.reading() as connection:
        return coverage.latest(connection, edition.id, STANDARD_MODE.value, STANDARD_LIMIT_S)


def load_demo(database: Database, size: Size, say: Say = silent, now: datetime | None = None) -> "DemoCounty":
    """Generate the demo county and put it into a database that is empty, or holds a part of it already.

    With ``now`` its year of incidents ends at that moment, and what came last is still under way.
    """
    from geo_service.demo.county import generate  # noqa: PLC0415 - the second start need not wait for it
    from geo_service.demo.incidents import brought_up_to  # noqa: PLC0415

    say(f"drawing the {size}", None)
    county = generate(size)
    if now is not None:
        moment = pd.Timestamp(now).tz_convert(ZONE)
        county = replace(county, incidents=brought_up_to(county.incidents, moment))
    tilings = Tilings(database)
    if newest_edition(database) is None:
        say("publishing its cells", None)
        draft = draft_whole(_cells(county), county.levels, None)
        publish(database, tilings, draft, who=WHO, note=f"demo {size}")
    with database.writing() as connection:
        say("storing its streets", None)
        roads.replace(connection, county.network, f"demo {size}", {"source": "generated"})
        say("storing its buildings and staff", None)
        ground.replace_features(connection, f"demo {size}", _features(county))
        ground.replace_demand(connection, _demand(county))
        barriers.replace(connection, f"demo {size}", county.barriers, county.crossings)
        _store_staff(connection, county)
        store_roster(connection, county, boundaries.moment(connection))
    _import_sign_boards(database, tilings, county)
    _import_premises(database, county)
    with database.writing() as connection:
        assets.put(connection, county.assets)
    # at least twenty steps, so that the bar of a small town moves too
    count = len(county.incidents)
    chunk = min(CHUNK, -(-count // STEPS) or 1)
    starts = [0, *range(FIRST, count, chunk)]
    for start, end in pairwise([*starts, count]):
        if start:
            say("placing a year of incidents", start / count)
        else:
            say("compiling what places incidents", None)
        take_in(database, tilings, _incidents(county.incidents.iloc[start:end]), source="demo", who=WHO)
    say("telling who handled the last of them", None)
    tell_lives(database, Ground(database), county.incidents, now)
    return county


def show_coverage(database: Database, say: Say = silent, at: datetime = SHOWN_AT) -> CoverageRun:
    """Compute the coverage that the front page shows first; a second call finds it stored."""
    say("computing five-minute coverage", None)
    tiling = Tilings(database).get(at)
    ground_held = Ground(database)
    return run_coverage(database, ground_held, tiling, at=at, mode=STANDARD_MODE, limit_s=STANDARD_LIMIT_S)


def sunday_night(now: datetime) -> datetime:
    """Return the last Sunday, two o'clock at night, before a moment: when the fewest are on duty."""
    local = now.astimezone(ZONE)
    night = local.replace(hour=2, minute=0, second=0, microsecond=0)
    night -= timedelta(days=(local.weekday() + 1) % 7)
    return night if night <= local else night - timedelta(days=7)


def _cells(county: "DemoCounty") -> pd.DataFrame:
    cells = county.cells
    level_of = dict(zip(cells["code"], cells["level"], strict=True))
    parent = [code if isinstance(code, str) else None for code in cells["parent_code"]]
    shapes = [
        None if shape is None else shapely.MultiPolygon([shape]) if shape.geom_type == "Polygon" else shape
        for shape in cells.geometry
    ]
    counts = zip(cells["households"], cells["residents"], cells["class"], strict=True)
    return pd.DataFrame(
        {
            "level": cells["level"].tolist(),
            "code": cells["code"].tolist(),
            "kind": cells["kind"].tolist(),
            "name": cells["name"].tolist(),
            "parent_level": [level_of[code] if code else None for code in parent],
            "parent_code": parent,
            "attributes": [
                {"households": int(households), "residents": int(residents), "class": kind}
                for households, residents, kind in counts
            ],
            "geom": shapes,
        },
        dtype=object,
    )


def _features(county: "DemoCounty") -> pd.DataFrame:
    parts = [county.features[["kind", "name", "geometry"]]]
    parts.append(county.stations.assign(kind="station")[["kind", "name", "geometry"]])
    return pd.DataFrame(pd.concat(parts, ignore_index=True))


def _demand(county: "DemoCounty") -> pd.DataFrame:
    buildings = county.demand
    places = buildings["centroid"]
    return pd.DataFrame(
        {
            "source_id": [f"demo-{key}" for key in buildings["id"]],
            "lon": shapely.get_x(places.to_numpy()),
            "lat": shapely.get_y(places.to_numpy()),
            "footprint": buildings.geometry.to_numpy(),
            "households": buildings["households"],
            "residents": buildings["residents"],
            "kind": buildings["use"],
            "address": buildings["address"],
            "attributes": [{"floors": int(floors)} for floors in buildings["floors"]],
        }
    )


def _import_premises(database: Database, county: "DemoCounty") -> None:
    always = pd.Series(pd.NaT, index=county.premises.index, dtype="datetime64[ns, UTC]")
    rows = county.premises.assign(attributes=[{} for _ in always], valid_from=always, valid_until=always)
    rows = rows.set_geometry([shapely.multipolygons([ground]) for ground in rows.geometry], crs="EPSG:4326")
    import_premises(database, PremisesTable(rows, ()), who=WHO, commit=True)


def _import_sign_boards(database: Database, tilings: Tilings, county: "DemoCounty") -> None:
    boards = county.sign_boards
    frame = pd.DataFrame(
        {
            "row": range(1, len(boards) + 1),
            "board": boards["id"],
            "cell_code": boards["cell_code"],
            "cell_level": "grid",
            "board_kind": boards["kind"],
            "printed_name": boards["name"],
            "printed_owner": boards["owner"],
            "printed_role": boards["role"],
            "printed_on": None,
            "edition": float("nan"),
            "lon": boards.geometry.x,
            "lat": boards.geometry.y,
        }
    )
    import_sign_boards(database, tilings, SignBoardTable(frame, ()), who=WHO, commit=True)


def _store_staff(connection: Connection, county: "DemoCounty") -> None:
    people = county.responders
    level_of = dict(zip(county.cells["code"], county.cells["level"], strict=True))
    rows = pd.DataFrame(
        {
            "code": people["id"],
            "name": people["name"],
            "role": people["role"],
            "mode": people["mode"],
            "lon": people.geometry.x,
            "lat": people.geometry.y,
            "capabilities": [[] for _ in range(len(people))],
            "phone": "",
            "home_level": [level_of.get(code) for code in people["cell_code"]],
            "home_cell_code": people["cell_code"],
        }
    )
    # in office for a year: whoever looks at the week before finds them there too
    staffing.upsert_responders(connection, rows, boundaries.moment(connection) - timedelta(days=365))
    named = rows.loc[rows["role"].isin(["grid_worker", "grid_lead"]), "code"].tolist()
    # there is no area code 0000: the numbers of the made-up people reach nobody
    street.set_contacts(connection, {code: f"0000-{8_000_000 + i}" for i, code in enumerate(named, 1)})
    ids = staffing.responder_ids(connection)
    rota = county.shifts
    staffing.replace_rota(
        connection,
        pd.DataFrame(
            {
                "responder_id": rota["responder_id"].map(ids),
                "weekday": rota["weekday"].astype(int),
                "start_local": rota["starts"].map(time.fromisoformat),
                "end_local": rota["ends"].map(time.fromisoformat),
                "timezone": TIMEZONE,
                "every_weeks": rota["every_weeks"].astype(int),
                "week": rota["week"].astype(int),
            }
        ),
    )
    posts = county.posts
    windows = posts.assign(weekday=posts["weekdays"].str.split(",")).explode("weekday", ignore_index=True)
    single = posts.drop_duplicates("id")
    staffing.replace_posts(
        connection,
        pd.DataFrame(
            {
                "code": single["id"],
                "name": single["name"],
                "kind": single["kind"],
                "lon": single.geometry.x,
                "lat": single.geometry.y,
            }
        ),
        pd.DataFrame(
            {
                "post_code": windows["id"],
                "responder_id": windows["responder_id"].map(ids),
                "weekday": windows["weekday"].astype(int),
                "start_local": windows["starts"].map(time.fromisoformat),
                "end_local": windows["ends"].map(time.fromisoformat),
                "timezone": TIMEZONE,
            }
        ),
    )


def _incidents(part: pd.DataFrame) -> pd.DataFrame:
    rows = part.rename(columns={"id": "source_id"})
    extra = part[["category_code", "category_group"]].to_dict("records")
    return rows.assign(attributes=pd.Series(extra, index=rows.index, dtype=object))
