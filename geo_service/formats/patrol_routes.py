"""Fixed routes from GeoJSON: one line feature each, with code, name, days_a_week, from and to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.formats.limits import Limits
from geo_service.formats.vector import load
from geo_service.geometry.crs import parse_datum, to_wgs84

MOST_ROUTES, MOST_POINTS = 5_000, 20_000
_LONGEST = {"code": 64, "name": 120}
#: By what other names the properties go.
_NAMES = {
    "code": ("code", "route_code", "编号", "路线编号"),
    "name": ("name", "route_name", "名称", "路线名称"),
    "days_a_week": ("days_a_week", "每周天数", "每周次数"),
    "opens": ("from", "开始时间", "起"),
    "closes": ("to", "结束时间", "止"),
}


@dataclass(frozen=True)
class RouteFile:
    """The routes of a file in its order: code, and the facts that the service takes."""

    routes: tuple[tuple[str, dict[str, Any]], ...]


def read_routes(source: Path | bytes, *, crs: str | None = None) -> RouteFile:
    """Read a GeoJSON FeatureCollection of LineStrings; without ``crs`` it is in EPSG:4326 (RFC 7946).

    ``from`` and ``to`` are as on a clock; left out, the whole day. ``days_a_week`` left out is every day.

    Raises
    ------
    InvalidInputError
        With every fault, by row and property.
    NotFoundError, TooLargeError
        No such file; larger than the limit.
    """
    try:
        told = orjson.loads(load(source, Limits()))
        features = told["features"]
        fits = isinstance(features, list) and 0 < len(features) <= MOST_ROUTES
    except (orjson.JSONDecodeError, KeyError, TypeError):
        fits = False
    if not fits:
        words = Words(
            f"give a GeoJSON FeatureCollection of 1 to {MOST_ROUTES} lines",
            f"请给出含 1 至 {MOST_ROUTES} 条线的 GeoJSON 要素集",
        )
        raise InvalidInputError(words, [Fault("", words)])
    faults: list[Fault] = []
    seen: set[str] = set()
    routes = []
    for row, feature in enumerate(features, 1):
        given = feature.get("properties") if isinstance(feature, dict) else None
        facts = _facts(given if isinstance(given, dict) else {}, row, faults)
        line = line_of(feature.get("geometry") if isinstance(feature, dict) else None, crs)
        if line is None:
            words = Words("give a LineString of two points or more", "请给出至少两点的线（LineString）")
            faults.append(Fault("geometry", words, row=row))
        code = facts.pop("code")
        if code in seen:
            faults.append(Fault("code", Words("this code stands twice", "编号重复"), row=row, value=code))
        seen.add(code)
        routes.append((code, {**facts, "line": line}))
    if faults:
        raise InvalidInputError(Words("the file of routes is not in order", "路线文件有误"), faults[:100])
    return RouteFile(tuple(routes))


def _facts(given: dict[str, Any], row: int, faults: list[Fault]) -> dict[str, Any]:
    found = {
        ours: next((given[name] for name in names if given.get(name) not in {None, ""}), None)
        for ours, names in _NAMES.items()
    }
    for name, longest in _LONGEST.items():
        text = "" if found[name] is None else str(found[name]).strip()
        if not 0 < len(text) <= longest or not text.isprintable():
            words = Words(f"give 1 to {longest} characters", f"请填写 1 到 {longest} 个字符")
            faults.append(Fault(name, words, row=row))
        found[name] = text
    days = 7 if found["days_a_week"] is None else found["days_a_week"]
    if not str(days).strip().isdecimal() or len(str(days)) > 2:
        words = Words("give 1 to 7 days a week", "每周须为 1 到 7 天")
        faults.append(Fault("days_a_week", words, row=row, value=str(days)[:20]))
        days = 7
    found["days_a_week"] = int(days)
    found["opens"] = "00:00" if found["opens"] is None else str(found["opens"])
    found["closes"] = "24:00" if found["closes"] is None else str(found["closes"])
    return found


def line_of(geometry: Any, crs: str | None = None) -> shapely.LineString | None:
    """Return the line of a GeoJSON geometry in EPSG:4326; None where it is none.

    Raises
    ------
    InvalidInputError
        There is no such datum.
    """
    if not isinstance(geometry, dict) or geometry.get("type") != "LineString":
        return None
    points = geometry.get("coordinates")
    if not isinstance(points, list) or not 2 <= len(points) <= MOST_POINTS:
        return None
    if any(
        not isinstance(point, list)
        or len(point) not in {2, 3}
        or any(type(x) not in {int, float} for x in point)
        for point in points
    ):
        return None
    xy = np.array([point[:2] for point in points], np.float64)
    lonlat_deg = xy if crs is None else to_wgs84(xy, parse_datum(crs))
    on_earth = np.isfinite(lonlat_deg).all() and (np.abs(lonlat_deg) <= (180, 90)).all()
    return shapely.LineString(lonlat_deg) if on_earth and np.ptp(lonlat_deg, axis=0).any() else None
