"""Places to be visited, and campaigns, from tables: one row for each place and department that asks."""

import math
import re
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Words
from geo_service.formats.columns import Columns
from geo_service.formats.reading import TableOptions, open_table
from geo_service.formats.refused import Purpose

_PLACES = (
    "place_code",
    "place_name",
    "place_kind",
    "department",
    "grade",
    "visit_minutes",
    "last_visit",
    "exempt",
    "exempt_until",
    "address",
    "lon",
    "lat",
)
_CAMPAIGNS = ("campaign", "department", "campaign_from", "campaign_to", "place_code")
_LONGEST = {"place_code": 64, "grade": 16, "department": 60, "campaign": 60}
_LONGEST_OTHER = 200
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T].*)?")
#: What stands in a column of exemptions for "none".
_NO = frozenset({"否", "无", "no", "n", "0", "false"})


@dataclass(frozen=True, slots=True)
class PlacesTable:
    """Places and who wants them visited, ready to be stored.

    Attributes
    ----------
    frame : DataFrame
        One row a place and department: ``row`` (data row, from 1), ``code``, ``name``, ``kind``, ``address``
        (str), ``lon``, ``lat`` (degrees, EPSG:4326, NaN without a place), ``department``, ``grade`` (str),
        ``visit_s`` (float64, NaN where not given), ``last``, ``exempt_until`` (date or None), ``exempt``
        (str, "" for those that are visited).
    notes : tuple of str
        What was decided on the way.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CampaignTable:
    """Campaigns: ``row``, ``campaign``, ``department``, ``first``, ``last`` (date), ``code`` of the place."""

    frame: pd.DataFrame
    notes: tuple[str, ...]


def read_places(source: Path | bytes, **how: Unpack[TableOptions]) -> PlacesTable:
    """Read places to be visited from CSV or xlsx.

    Parameters
    ----------
    source : Path or bytes
        The file; which it is, its content says.
    **how
        See :class:`~geo_service.formats.reading.TableOptions`. Columns: ``place_code`` (编号), ``place_name``
        (名称), ``department`` (部门), ``grade`` (等级), ``lon``, ``lat``, and as far as known ``place_kind``,
        ``address``, ``visit_minutes``, ``last_visit``, ``exempt`` (the reason: 免检原因), ``exempt_until``.

    Raises
    ------
    InvalidInputError
        With every fault, by row and field; data of persons are refused by name.
    NotFoundError, TooLargeError
        No such file; larger than the limits.
    """
    table = open_table(source, "The file of places", **how)
    columns = table.columns(_PLACES, Purpose.PLACES)
    columns.require("place_code", "place_name", "department", "grade")
    for name in ("place_code", "place_name", "place_kind", "department", "grade", "exempt", "address"):
        _require_short(columns, name)
    lonlat = columns.lonlat_deg(table.datum)
    frame = pd.DataFrame(
        {
            "row": columns.rows,
            "code": columns.text("place_code", required=True).to_numpy(),
            "name": columns.text("place_name", required=True).to_numpy(),
            "kind": columns.text("place_kind").to_numpy(),
            "address": columns.text("address").to_numpy(),
            "lon": lonlat[:, 0],
            "lat": lonlat[:, 1],
            "department": columns.text("department", required=True).to_numpy(),
            "grade": columns.text("grade", required=True).str.upper().to_numpy(),
            "visit_s": columns.number("visit_minutes", 0, 480) * 60,
            "last": _days(columns, "last_visit"),
            "exempt": _reasons(columns),
            "exempt_until": _days(columns, "exempt_until"),
        }
    )
    _require_one_place(columns, frame)
    for row in frame.loc[(frame["exempt"] == "") & frame["exempt_until"].notna(), "row"]:
        message = Words("say in exempt why it is not visited", "请在免检原因中说明理由")
        columns.faults.add("no reason", "exempt", message, row=int(row))
    return PlacesTable(frame, table.finish())


def read_campaigns(source: Path | bytes, **how: Unpack[TableOptions]) -> CampaignTable:
    """Read campaigns from CSV or xlsx: one row for each campaign and place.

    Columns: ``campaign`` (专项行动), ``department``, ``campaign_from``, ``campaign_to``, ``place_code``.

    Raises
    ------
    InvalidInputError
        With every fault, by row and field.
    NotFoundError, TooLargeError
        No such file; larger than the limits.
    """
    table = open_table(source, "The file of campaigns", **how)
    columns = table.columns(_CAMPAIGNS, Purpose.PLACES)
    columns.require(*_CAMPAIGNS)
    for name in ("campaign", "department", "place_code"):
        _require_short(columns, name)
    frame = pd.DataFrame(
        {
            "row": columns.rows,
            "campaign": columns.text("campaign", required=True).to_numpy(),
            "department": columns.text("department", required=True).to_numpy(),
            "first": _days(columns, "campaign_from", required=True),
            "last": _days(columns, "campaign_to", required=True),
            "code": columns.text("place_code", required=True).to_numpy(),
        }
    )
    for _, rows in frame.groupby("campaign", sort=False):
        head = rows.iloc[0]
        for row in rows.to_dict("records"):
            if any(row[name] != head[name] for name in ("department", "first", "last")):
                message = Words(
                    f"says otherwise of this campaign than row {head['row']}: one department, one span",
                    f"与第 {head['row']} 行不一致：同一专项须为同一部门、同一起止日期",
                )
                columns.faults.add("campaign differs", "campaign", message, row=int(row["row"]))
            elif row["first"] is not None and row["last"] is not None and row["last"] < row["first"]:
                message = Words("ends before it begins", "结束早于开始")
                columns.faults.add("backwards", "campaign_to", message, row=int(row["row"]))
    return CampaignTable(frame, table.finish())


def _require_one_place(columns: Columns, frame: pd.DataFrame) -> None:
    """Note rows that say a place and department twice, or two things of one place."""
    for row in frame.loc[frame.duplicated(["code", "department"]) & (frame["code"] != ""), "row"]:
        message = Words("this place and department stand above already", "该点位和部门在前面已出现")
        columns.faults.add("twice", "department", message, row=int(row))
    first: dict[str, dict[Hashable, Any]] = {}
    for row in frame.to_dict("records"):
        head = first.setdefault(row["code"], row)
        apart = [name for name in ("name", "lon", "lat") if not _same(head[name], row[name])]
        if apart:
            message = Words(
                f"says otherwise of this place than row {head['row']}: name and coordinates must agree",
                f"与第 {head['row']} 行不一致：同一点位的名称和坐标须相同",
            )
            columns.faults.add("place differs", apart[0], message, row=int(row["row"]))


def _same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or abs(a - b) < 1e-6
    return a == b


def _require_short(columns: Columns, name: str) -> None:
    if name not in columns:
        return
    most = _LONGEST.get(name, _LONGEST_OTHER)
    for row, text in columns.text(name).items():
        if len(text) > most:
            message = Words(f"is longer than {most} characters", f"超过 {most} 个字")
            columns.faults.add(f"long {name}", columns.header_of[name], message, row=int(str(row)))


def _reasons(columns: Columns) -> NDArray[np.object_]:
    """Return why places are exempt, "" where somebody wrote that they are not."""
    given = columns.text("exempt")
    return given.where(~given.str.lower().isin(_NO), "").to_numpy(dtype=object)


def _days(columns: Columns, name: str, *, required: bool = False) -> NDArray[np.object_]:
    """Return a column of days, None where it is empty."""
    days = np.full(len(columns.frame), None, dtype=object)
    for i, (row, text) in enumerate(columns.text(name, required=required).items()):
        found = _DAY.fullmatch(text.strip())
        try:
            days[i] = date(*(int(part) for part in found.groups())) if found else None
        except ValueError:
            found = None
        if text.strip() and found is None:
            message = Words("must be a day written like 2026-11-22", "请写成 2026-11-22 这样的日期")
            columns.faults.add(f"day {name}", columns.header_of[name], message, row=int(str(row)), value=text)
    return days
