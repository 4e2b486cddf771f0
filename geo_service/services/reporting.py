"""Reports as they come, made ready to be taken in: datums turned, cells and buildings found, faults named.

Every door (the API's reports, streams and tables, signed webhooks, Open311) goes through here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry.crs import WGS84, Datum, parse_datum, to_wgs84
from geo_service.model import Edition
from geo_service.services.suspecting import Given, Suspects
from geo_service.services.tiling import Tiling, Tilings, in_force_at
from geo_service.store import catalogue, reporting
from geo_service.store.at_once import Question, ask_at_once
from geo_service.store.catalogue import Families
from geo_service.store.database import Connection, Database
from geo_service.store.reporting import Building

#: How a report can come in.
CHANNELS = ("call", "hotline", "worker", "sensor", "web")
#: How far a sender's clock may be ahead of ours.
TOO_EARLY = timedelta(days=1)
#: Said of a report whose category the list does not have: it is kept all the same.
UNKNOWN_CATEGORY = {"flag": "category", "why": "this category is not in the list"}
_NOWHERE = (float("nan"), float("nan"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happened, as it was said: by a point, a building, a cell, or not at all.

    Attributes
    ----------
    x, y : float or None
        East and north in ``crs``: longitude and latitude unless that is projected.
    crs : str
        Name of the datum.
    building : str or None
        Its id in the register of buildings.
    level, cell_code : str or None
        A cell, where no point is known.
    """

    x: float | None = None
    y: float | None = None
    crs: str = "WGS84"
    building: str | None = None
    level: str | None = None
    cell_code: str | None = None

    def faults(self, prefix: str = "") -> list[Fault]:
        """Return what is wrong with it before anything is looked up."""
        found = []
        if (self.x is None) != (self.y is None):
            found.append(
                Fault(f"{prefix}lat", Words("give both lon and lat, or neither", "经度、纬度须同时填写"))
            )
        if (self.level is None) != (self.cell_code is None):
            found.append(
                Fault(
                    f"{prefix}cell_code",
                    Words("give both level and cell_code, or neither", "层级、编码须同时填写"),
                )
            )
        ways = [self.x is not None, self.building is not None, self.cell_code is not None]
        if sum(ways) > 1:
            words = Words(
                "say it one way: a point, a building or a cell",
                "位置请只用一种方式给出：坐标、楼栋或网格",
            )
            found.append(Fault(f"{prefix}lon", words))
        return found


@dataclass(frozen=True, slots=True)
class Report:
    """A report before it is taken in; ``urgency`` None: what its category usually has."""

    source_id: str
    occurred_at: datetime
    place: Place = field(default_factory=Place)
    accuracy_m: float | None = None
    floor: int | None = None
    category: str = ""
    urgency: str | None = None
    channel: str = "web"
    address: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A place that was looked up."""

    lon: float
    lat: float
    datum: Datum = WGS84
    named_cell_id: int | None = None
    building: str | None = None
    address: str = ""


def prepare(
    database: Database, tilings: Tilings, reports: Sequence[Report], *, prefixes: Sequence[str] | None = None
) -> tuple[pd.DataFrame, list[list[Fault]]]:
    """Return the rows that :func:`geo_service.services.intake.take_in` takes, and the faults of each report.

    Rows of reports with faults are there too, and must be left out. ``prefixes`` stand before the names of
    fields, such as ``reports[3].``.
    """
    prefixes = prefixes or [""] * len(reports)
    spans = tilings.spans()  # before a connection is held: who waits for a second one may wait for himself
    with database.reading() as connection:
        places = look_up(connection, [one.place for one in reports], prefixes)
        suspects = suspects_among(reports, places)
        families, ground = ask_at_once(connection, families_question(reports), suspects.question)
        tilings_then = [tiling_at(connection, tilings, spans, one.occurred_at) for one in reports]
        flags = suspects.flags(ground, tilings_then)
    rows, faults = made_ready(reports, places, prefixes, usual_urgencies(families), flags)
    return pd.DataFrame(rows), faults


def families_question(reports: Sequence[Report]) -> Question[Families]:
    """Return the question for the categories of reports and those above them."""
    return catalogue.families_question(sorted({one.category for one in reports if one.category}))


def usual_urgencies(families: Families) -> dict[str, str]:
    """Return the usual urgency of each category."""
    return {code: urgency for code, (_, urgency) in families.items()}


def tiling_at(
    connection: Connection, tilings: Tilings, spans: Sequence[Edition], moment: datetime
) -> Tiling | None:
    """Return the boundaries in force at a moment; None where none were."""
    edition = in_force_at(spans, moment)
    return tilings.load(edition, connection) if edition else None


def made_ready(
    reports: Sequence[Report],
    places: Sequence[Found | list[Fault]],
    prefixes: Sequence[str],
    usual: Mapping[str, str],
    flags: Sequence[list[dict[str, Any]]],
) -> tuple[list[dict[str, Any]], list[list[Fault]]]:
    """Return the row and the faults of each report, of all that was looked up; as :func:`prepare`."""
    latest = datetime.now(UTC) + TOO_EARLY
    faults: list[list[Fault]] = []
    rows = []
    for one, place, prefix, seen in zip(reports, places, prefixes, flags, strict=True):
        wrong = place if isinstance(place, list) else []
        if one.occurred_at > latest:
            words = Words("lies in the future", "时间在将来")
            wrong = [*wrong, Fault(f"{prefix}occurred_at", words, value=one.occurred_at)]
        faults.append(wrong)
        rows.append(_row(one, Found(*_NOWHERE) if isinstance(place, list) else place, usual, seen))
    return rows, faults


def strictly(prepared: tuple[pd.DataFrame, list[list[Fault]]]) -> pd.DataFrame:
    """Return the rows, or raise with every fault: all are stored or none."""
    rows, faults = prepared
    found = [fault for one in faults for fault in one]
    if found:
        words = Words(f"{len(found)} fault(s) in the report(s)", f"上报内容有 {len(found)} 处错误，未写入")
        raise InvalidInputError(words, found)
    return rows


def look_up(
    connection: Connection, places: Sequence[Place], prefixes: Sequence[str]
) -> list[Found | list[Fault]]:
    """Return each place as it was found, or what is wrong with it."""
    buildings = reporting.buildings(connection, {one.building for one in places if one.building})
    names = {(one.level, one.cell_code) for one in places if one.level and one.cell_code}
    cells = reporting.cells_by_code(connection, names)
    return [_found(one, prefix, buildings, cells) for one, prefix in zip(places, prefixes, strict=True)]


def _found(
    place: Place, prefix: str, buildings: dict[str, Building], cells: dict[tuple[str, str], int]
) -> Found | list[Fault]:
    if wrong := place.faults(prefix):
        return wrong
    if place.building is not None:
        building = buildings.get(place.building)
        if building is None:
            words = Words("no such building: search /v1/addresses for it", "没有这个楼栋：请先在地址中搜索")
            return [Fault(f"{prefix}building", words, value=place.building)]
        return Found(building.lon, building.lat, building=place.building, address=building.address)
    if place.level is not None and place.cell_code is not None:
        cell_id = cells.get((place.level, place.cell_code))
        if cell_id is None:
            words = Words(f"there is no {place.level} of this code", "没有这个编码的网格")
            return [Fault(f"{prefix}cell_code", words, value=place.cell_code)]
        return Found(*_NOWHERE, named_cell_id=cell_id)
    return _point(place, prefix)


def _point(place: Place, prefix: str) -> Found | list[Fault]:
    if place.x is None or place.y is None:
        return Found(*_NOWHERE)
    try:
        datum = parse_datum(place.crs)
        lon, lat = to_wgs84(np.array([[place.x, place.y]]), datum)[0].tolist()
    except InvalidInputError as error:
        return [Fault(f"{prefix}crs", error.detail, value=place.crs)]
    if not (abs(lon) <= 180 and abs(lat) <= 90):
        words = Words(
            "the point is not on the globe; are lon and lat swapped?", "坐标超出范围，经纬度是否写反？"
        )
        return [Fault(f"{prefix}lon", words)]
    return Found(lon, lat, datum)


def _row(one: Report, place: Found, usual: Mapping[str, str], flags: list[dict[str, Any]]) -> dict[str, Any]:
    if one.category and one.category not in usual:
        flags = [*flags, UNKNOWN_CATEGORY]
    return {
        "source_id": one.source_id,
        "occurred_at": one.occurred_at,
        "lon": place.lon,
        "lat": place.lat,
        "accuracy_m": one.accuracy_m,
        "floor": one.floor,
        "category": one.category,
        "urgency": one.urgency or usual.get(one.category, "normal"),
        "channel": one.channel,
        "address": one.address or place.address,
        "attributes": one.attributes,
        "named_cell_id": place.named_cell_id,
        "building": place.building,
        "datum": str(place.datum),
        "flags": flags,
    }


def suspects_among(reports: Sequence[Report], places: Sequence[Found | list[Fault]]) -> Suspects:
    """Return the reports whose points may be in another datum than they say."""
    return Suspects([_given(one, place) for one, place in zip(reports, places, strict=True)])


def _given(one: Report, place: Found | list[Fault]) -> Given | None:
    """Return a point as it came; None where none was given, or nothing can be made of it."""
    x, y = one.place.x, one.place.y
    if isinstance(place, list) or x is None or y is None:
        return None
    return Given(x, y, place.datum, one.floor is not None or bool(one.address))


#: Words for channels as tables of other systems have them; "" and what our own import writes: nothing said.
_CHANNEL_WORDS = {
    "web": ("", "import", "web", "网络", "网站", "随手拍", "小程序", "微信", "app"),
    "call": ("call", "phone", "电话", "来电", "110", "110联动"),
    "hotline": ("hotline", "热线", "12345", "12345热线"),
    "worker": ("worker", "网格员", "网格员巡查", "巡查", "上门"),
    "sensor": ("sensor", "device", "传感器", "设备", "视频", "视频发现", "监控", "物联网"),
}
_CHANNEL_OF = {word: channel for channel, words in _CHANNEL_WORDS.items() for word in words}


def from_table(frame: pd.DataFrame) -> tuple[list[Report], list[Fault]]:
    """Return the reports of a table that :func:`geo_service.formats.incidents.read_incidents` read."""
    reports, faults = [], []
    for row in frame.to_dict("records"):
        channel = _CHANNEL_OF.get(str(row["channel"]).strip().lower())
        if channel is None:
            message = Words(
                f"must be one of: {', '.join(CHANNELS)}", "请写：来电、热线、网格员、传感器、网络之一"
            )
            faults.append(Fault("channel", message, row=int(row["row"]), value=row["channel"]))
            continue
        place = Place(float(row["lon"]), float(row["lat"])) if row["located"] else Place()
        reports.append(
            Report(
                source_id=str(row["id"]),
                occurred_at=row["occurred_at"].to_pydatetime(),
                place=place,
                accuracy_m=None if pd.isna(row["accuracy_m"]) else float(row["accuracy_m"]),
                floor=row["floor"],
                category=row["category"],
                urgency=row["urgency"],
                channel=channel,
                address=row["address"],
                attributes=row["attributes"],
            )
        )
    return reports, faults
