"""The roster of the demo county beyond who works when: required roles, teams, calendars, leave and gaps.

Whoever is needed beside the grid workers (the 四位一体: police, property company, owners' committee) is
here too. Where somebody is missing, he is missing on purpose: a roster without a gap shows nothing.
"""

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np

from geo_service.demo.names import person_names

WEEKDAYS, DAILY = [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7]
#: So many weeks from the one before the present have leave in them.
WEEKS = range(-1, 4)
NO_PROPERTY, NO_COMMITTEE = 0.08, 0.12
ON_LEAVE, WITH_STAND_IN = 0.07, 0.55
_PROPERTY = ("锦城物业", "绿野物业", "澜江物业", "安居物业")

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave of a number of days; ``week`` is counted from the present one, ``weekday`` is 1 on Monday."""

    responder: str
    week: int
    weekday: int
    days: int
    kind: str
    substitute: str | None = None
    post: str | None = None


@dataclass(frozen=True, slots=True)
class DemoRoster:
    """Entries of the registers, as they are written over HTTP too.

    Attributes
    ----------
    people, duties, teams, calendars, needs : list of dict
        Those who hold a role beside the staff, and where; patrols; the school year; whom cells must have.
    leave : list of Leave
        Leave, illness and swaps in the weeks around the present one.
    shut : dict of str to str
        The calendar of each post.
    without_holder : tuple of str
        Posts whose afternoons nobody is named for.
    """

    people: list[Entry]
    duties: list[Entry]
    teams: list[Entry]
    calendars: list[Entry]
    needs: list[Entry]
    leave: list[Leave]
    shut: dict[str, str] = field(default_factory=dict)
    without_holder: tuple[str, ...] = ()


def make_roster(
    rng: np.random.Generator,
    cells: gpd.GeoDataFrame,
    responders: gpd.GeoDataFrame,
    posts: gpd.GeoDataFrame,
) -> DemoRoster:
    """Return the roster of a county whose cells, staff and posts are made."""
    people, duties = _civic(rng, cells)
    schools = sorted(set(posts["id"]))
    return DemoRoster(
        people,
        duties,
        _teams(cells, responders),
        [_school_year()],
        _needs(),
        _leave(rng, responders, posts),
        dict.fromkeys(schools, "school"),
        tuple(schools[-1:]),
    )


def _civic(rng: np.random.Generator, cells: gpd.GeoDataFrame) -> tuple[list[Entry], list[Entry]]:
    """Return a caretaker per community and a chair per grid: of companies and owners, or of the village."""
    people: list[Entry] = []
    duties: list[Entry] = []
    communities = cells[cells["level"] == "community"]
    grids = cells[cells["level"] == "grid"].groupby("parent_code")["code"].agg(list)
    for number, (community, kind) in enumerate(zip(communities["code"], communities["class"], strict=True)):
        company = _PROPERTY[number % len(_PROPERTY)] if kind == "urban" else "村集体管护"
        committee = "业主委员会" if kind == "urban" else "村民小组"
        keeper = {"code": f"Y{community}-1", "role": "property", "agency": company, "mode": "walk"}
        people.append(keeper)
        for grid in grids.get(community, []):
            chair = {"code": f"O{grid}-1", "role": "owners_committee", "agency": committee, "mode": "walk"}
            if rng.random() >= NO_PROPERTY:
                duties.append(_duty(keeper, grid))
            if rng.random() >= NO_COMMITTEE:
                people.append(chair)
                duties.append(_duty(chair, grid))
    for person, name in zip(people, person_names(rng, len(people)), strict=True):
        person["name"] = name
    return people, duties


def _duty(person: Entry, grid: str) -> Entry:
    return {"responder": person["code"], "level": "grid", "cell": grid, "role": person["role"]}


def _teams(cells: gpd.GeoDataFrame, responders: gpd.GeoDataFrame) -> list[Entry]:
    """Return a joint patrol of every township: two policemen, two of the night patrol, a grid lead."""
    names = cells.set_index("code")["name"]
    out: list[Entry] = []
    for township in cells.loc[cells["level"] == "township", "code"]:
        own = responders[responders["cell_code"].str.startswith(township)]
        members = [
            who
            for role, most in (("police", 2), ("night_patrol", 2), ("grid_lead", 1))
            for who in own.loc[own["role"] == role, "id"].tolist()[:most]
        ]
        out.append(
            {
                "code": f"T{township}",
                "name": f"{names[township]}联勤巡防队",
                "kind": "joint",
                "capabilities": ["patrol", "first_aid"],
                "least": 2,
                "members": [{"responder": who, "lead": i == 0} for i, who in enumerate(members)],
            }
        )
    return out


def _school_year() -> Entry:
    """Return the school year 2026/27: holidays, and working Saturdays and Sundays in their place."""
    days = [
        ("2026-07-04", "2026-08-31", None, "暑假"),
        ("2026-09-20", "2026-09-20", 3, "国庆调休"),
        ("2026-09-25", "2026-09-27", None, "中秋"),
        ("2026-10-01", "2026-10-07", None, "国庆"),
        ("2026-10-10", "2026-10-10", 3, "国庆调休"),
        ("2027-01-01", "2027-01-03", None, "元旦"),
        ("2027-01-30", "2027-02-28", None, "寒假"),
        ("2027-04-03", "2027-04-05", None, "清明"),
        ("2027-05-01", "2027-05-05", None, "劳动节"),
        ("2027-07-03", "2027-08-31", None, "暑假"),
    ]
    return {
        "code": "school",
        "name": "中小学校历 2026—2027 学年",
        "days": [dict(zip(("first", "last", "as_weekday", "name"), row, strict=True)) for row in days],
    }


def _needs() -> list[Entry]:
    office, round_the_clock = {"start": "08:30", "end": "17:30"}, {"start": "00:00", "end": "00:00"}
    rows: list[Entry] = [
        {"code": "grid-worker", "level": "grid", "role": "grid_worker", "weekdays": WEEKDAYS, **office},
        {
            "code": "grid-police",
            "level": "grid",
            "role": "police",
            "weekdays": DAILY,
            "from_above": True,
            **round_the_clock,
        },
        {"code": "community-lead", "level": "community", "role": "grid_lead", "weekdays": WEEKDAYS, **office},
        {
            "code": "township-police",
            "level": "township",
            "role": "police",
            "count": 2,
            "weekdays": DAILY,
            **round_the_clock,
        },
    ]
    held = [("grid-property", "property"), ("grid-committee", "owners_committee")]
    rows += [
        {
            "code": code,
            "level": "grid",
            "cell_kind": "regular",
            "role": role,
            "weekdays": DAILY,
            "presence": "held",
            **round_the_clock,
        }
        for code, role in held
    ]
    return rows


def _leave(rng: np.random.Generator, responders: gpd.GeoDataFrame, posts: gpd.GeoDataFrame) -> list[Leave]:
    """Return leave by the week: some with somebody of the same township in their place, the first without."""
    out: list[Leave] = []
    holder = posts.drop_duplicates("id").set_index("id")["responder_id"]
    codes, roles = responders["id"].tolist(), responders["role"].tolist()
    township = responders["cell_code"].str[:9].tolist()
    for week in WEEKS:
        away: set[str] = set()
        for who in rng.permutation(len(codes))[: max(2, round(len(codes) * ON_LEAVE))].tolist():
            if codes[who] in away:
                continue
            colleagues = [
                codes[i]
                for i in range(len(codes))
                if roles[i] == roles[who]
                and township[i] == township[who]
                and codes[i] not in away | {codes[who]}
            ]
            covered = bool(colleagues) and bool(away) and rng.random() < WITH_STAND_IN
            stands_in = str(rng.choice(colleagues)) if covered else None
            kind = str(rng.choice(["leave", "leave", "sick", "training"]))
            first, days = int(rng.integers(1, 6)), int(rng.integers(1, 4))
            out.append(Leave(codes[who], week, first, min(days, 6 - first), kind, stands_in))
            away |= {codes[who]} | ({stands_in} if stands_in else set())
        # for a day a colleague stands at a school; at another the holder is away and nobody does
        schools = [post for post in holder.index if holder[post] not in away]
        for post in schools[week % 2 : week % 2 + 1]:
            others = [c for c, r in zip(codes, roles, strict=True) if r == "grid_lead" and c not in away]
            out.append(Leave(holder[post], week, 3, 1, "swap", others[0], post))
    return out
