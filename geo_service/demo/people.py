"""Households in buildings, and the people who look after the grids: stations, responders, shifts, posts."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.demo.buildings import Buildings
from geo_service.demo.cells import apportion, capacity
from geo_service.demo.mesh import Ints
from geo_service.demo.names import person_names

SCHOOL_WINDOWS = (("07:20", "08:00"), ("16:30", "17:20"))  # on school days
RESIDENTS_PER_HOUSEHOLD = {"flats": 2.7, "shophouse": 2.9, "farmhouse": 3.1}


def house_people(
    rng: np.random.Generator, table: Buildings, grid: Ints, urban_grid: NDArray[np.bool_]
) -> tuple[Ints, Ints]:
    """Return households and residents of each building; a grid in town has 300 to 500 households."""
    room = capacity(table)
    households = np.zeros(len(table), dtype=np.int64)
    order = np.argsort(grid, kind="stable")
    starts = np.searchsorted(grid[order], np.arange(len(urban_grid) + 1))
    for g in range(len(urban_grid)):
        own = order[starts[g] : starts[g + 1]]
        own = own[room[own] > 0]
        if not len(own):
            continue
        total = round(float(np.clip(rng.normal(400.0, 42.0), 306.0, 494.0)))
        if not urban_grid[g]:
            total = max(len(own), round(float(min(room[own].sum() * rng.uniform(0.95, 1.3), 480.0))))
        least = 1 if total >= len(own) else 0
        households[own] = apportion(room[own] * rng.uniform(0.85, 1.15, len(own)), total, least)
    per = np.array([RESIDENTS_PER_HOUSEHOLD.get(u, 0.0) for u in table.use])
    residents = np.round(households * per * rng.uniform(0.8, 1.2, len(table))).astype(np.int64)
    return households, np.maximum(residents, households)


@dataclass(frozen=True, slots=True)
class Staff:
    """Everyone on duty: tables ready for import."""

    stations: gpd.GeoDataFrame
    responders: gpd.GeoDataFrame
    shifts: pd.DataFrame
    posts: gpd.GeoDataFrame


def _table(rows: list[dict[str, object]]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4326")


def _station(number: str, name: str, kind: str, code: str, point: shapely.Point) -> dict[str, object]:
    return {"id": number, "name": name, "kind": kind, "cell_code": code, "geometry": point}


def make_stations(cells: gpd.GeoDataFrame, middle: dict[str, shapely.Point]) -> gpd.GeoDataFrame:
    """Return a police station and a governance centre per township, a service station per community."""
    rows: list[dict[str, object]] = []
    short = cells.set_index("code")["name"]
    for code in cells.loc[cells["level"] == "township", "code"]:
        place, point = short[code], middle[code]
        stem = place.removesuffix("街道").removesuffix("镇").removesuffix("乡")
        near = shapely.Point(point.x + 2.0**-11, point.y + 2.0**-12)
        rows.append(_station(f"P{code}", f"{stem}派出所", "police", code, point))
        rows.append(_station(f"G{code}", f"{place}社会治理中心", "governance", code, near))
    services = cells.loc[cells["level"] == "community", "code"]
    rows += [
        _station(f"S{code}", f"{short[code]}便民服务站", "service", code, middle[code]) for code in services
    ]
    return _table(rows)


def make_responders(
    rng: np.random.Generator, cells: gpd.GeoDataFrame, middle: dict[str, shapely.Point]
) -> gpd.GeoDataFrame:
    """Return one full-time worker per grid, leads per community, police and a night patrol per township."""
    rows: list[dict[str, object]] = []

    def add(role: str, code: str, mode: str, number: int = 1) -> None:
        prefix = {"grid_worker": "W", "grid_lead": "L", "police": "J", "night_patrol": "N"}[role]
        who = f"{prefix}{code}-{number}"
        rows.append({"id": who, "role": role, "cell_code": code, "mode": mode, "geometry": middle[code]})

    for code, rural in zip(*[cells.loc[cells["level"] == "grid", c] for c in ("code", "class")], strict=True):
        add("grid_worker", code, "ebike" if rural == "rural" or rng.random() < 0.6 else "walk")
    for code in cells.loc[cells["level"] == "community", "code"]:
        add("grid_lead", code, "ebike")
    communities = cells[cells["level"] == "community"].groupby("parent_code")["code"].agg(list)
    for code in cells.loc[cells["level"] == "township", "code"]:
        for number in range(1, 7):
            add("police", code, "car", number)
        for place in communities[code][::3]:
            add("night_patrol", place, "ebike")
    table = _table(rows)
    table.insert(1, "name", person_names(rng, len(table)))
    return table


def make_shifts(responders: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the rota: who, on which weekday (Monday is 1), from when to when, in which of how many weeks.

    An end before the start is on the next morning. A worker works on weekdays and one Saturday in three, a
    lead on weekdays, the police turn in threes: day, night, rest.
    """
    rows: list[tuple[str, int, str, str, str, int, int]] = []
    for number, (who, role) in enumerate(zip(responders["id"], responders["role"], strict=True)):
        for day in range(1, 8):
            if role == "grid_worker" and day <= 5:
                rows.append((who, day, "08:00", "17:30", "day", 1, 0))
            elif role == "grid_worker" and day == 6:
                rows.append((who, day, "08:00", "17:30", "day", 3, number % 3))
            elif role == "grid_lead" and day <= 5:
                rows.append((who, day, "08:30", "17:30", "day", 1, 0))
            elif role == "night_patrol" and (day + number) % 7 != 0:
                rows.append((who, day, "19:00", "07:00", "night", 1, 0))
            elif role == "police":
                turn = (day + number) % 3
                if turn == 0:
                    rows.append((who, day, "08:00", "20:00", "day", 1, 0))
                elif turn == 1:
                    rows.append((who, day, "20:00", "08:00", "night", 1, 0))
    names = ["responder_id", "weekday", "starts", "ends", "kind", "every_weeks", "week"]
    return pd.DataFrame(rows, columns=names)


def make_posts(
    schools: list[tuple[str, shapely.Point, str]], responders: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """Return the school posts with their windows, each held by the worker of the school's grid."""
    holder = responders[responders["role"] == "grid_worker"].set_index("cell_code")["id"]
    rows: list[dict[str, object]] = []
    for number, (name, point, grid) in enumerate(schools, start=1):
        post: dict[str, object] = {
            "id": f"SP{number:03d}",
            "name": f"{name}护学岗",
            "kind": "school",
            "weekdays": "1,2,3,4,5",
        }
        post |= {"responder_id": holder[grid], "cell_code": grid, "geometry": point}
        rows += [post | {"starts": starts, "ends": ends} for starts, ends in SCHOOL_WINDOWS]
    return _table(rows)
