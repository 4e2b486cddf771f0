"""Places that are visited in turn: campuses, offices, factories and shops, and who wants them visited."""

from datetime import date, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

#: By kind: the grade, and the departments that ask for a visit.
WANTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "campus": ("A", ("消防救援大队", "公安派出所")),
    "factory": ("A", ("应急管理办", "消防救援大队")),
    "office": ("B", ("消防救援大队",)),
    "shop": ("B", ("市场监管所", "消防救援大队")),
}
KINDS_ZH = {"campus": "校园", "factory": "企业", "office": "单位", "shop": "商铺"}
EVERY_DAYS = {"A": 7, "B": 30, "C": 90}
CAMPAIGN = "冬春火灾防控"
CAMPAIGN_BY = "消防救援大队"
MOST_OF_A_KIND = 50
_EXEMPT_EVERY = 23


def make_places(premises: gpd.GeoDataFrame, assets: pd.DataFrame, monday: date, seed: int) -> pd.DataFrame:
    """Return what departments ask for, a row for each place and department.

    Columns as :class:`geo_service.formats.patrol_places.PlacesTable` has them. Last visits lie before
    ``monday``, so that some fall due in its week and some later; a few places are exempt.
    """
    rng = np.random.default_rng([seed, 17])
    rows: list[dict[str, object]] = []
    for number, place in enumerate(_places(premises, assets)):
        grade, departments = WANTED[str(place["kind"])]
        for department in departments:
            # a shop is looked at more rarely by those who look for goods, not for fire
            given = "C" if department == "市场监管所" else grade
            ago = int(rng.integers(1, EVERY_DAYS[given] + 1))
            is_exempt = given != "A" and len(rows) % _EXEMPT_EVERY == _EXEMPT_EVERY - 1
            rows.append(
                {
                    "row": len(rows) + 1,
                    "code": f"V{number + 1:04d}",
                    "name": place["name"],
                    "kind": KINDS_ZH[str(place["kind"])],
                    "address": "",
                    "lon": place["lon"],
                    "lat": place["lat"],
                    "department": department,
                    "grade": given,
                    "visit_s": float(rng.choice([600, 900, 1200])),
                    "last": monday - timedelta(days=ago),
                    "exempt": "信用等级优良，免于上门" if is_exempt else "",
                    "exempt_until": monday + timedelta(days=60) if is_exempt else None,
                }
            )
    return pd.DataFrame(rows)


def make_campaign(places: pd.DataFrame, monday: date) -> pd.DataFrame:
    """Return a campaign of four weeks over the schools and factories, as it would be imported."""
    asked = places[(places["department"] == CAMPAIGN_BY) & (places["grade"] == "A")]
    return pd.DataFrame(
        {
            "row": range(1, len(asked) + 1),
            "campaign": CAMPAIGN,
            "department": CAMPAIGN_BY,
            "first": monday - timedelta(weeks=1),
            "last": monday + timedelta(days=20),
            "code": asked["code"].to_numpy(dtype=object),
        }
    )


def _places(premises: gpd.GeoDataFrame, assets: pd.DataFrame) -> list[dict[str, object]]:
    """Return kind, name, lon, lat of places, at most so many of a kind, evenly taken."""
    out: list[dict[str, object]] = []
    for kind in ("campus", "factory", "office"):
        for one in _some(premises[premises["kind"] == kind]).itertuples():
            point = shapely.point_on_surface(one.geometry)
            out.append({"kind": kind, "name": one.name, "lon": point.x, "lat": point.y})
    out += [
        {"kind": "shop", "name": f"便民商店 {one.code}", "lon": one.lon, "lat": one.lat}
        for one in _some(assets[assets["kind"] == "shop"]).itertuples()
    ]
    return out


def _some(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:: max(1, -(-len(frame) // MOST_OF_A_KIND))]
