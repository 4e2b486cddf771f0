"""Incidents from a table: what happened, when and where, with those that have no place kept."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Words
from geo_service.formats.columns import Columns
from geo_service.formats.datums import GivenDatum
from geo_service.formats.reading import TableOptions, open_table
from geo_service.formats.refused import Purpose
from geo_service.formats.times import DEFAULT_TIMEZONE

_COLUMNS = (
    "id",
    "occurred_at",
    "lon",
    "lat",
    "category",
    "urgency",
    "channel",
    "accuracy_m",
    "floor",
    "address",
)
#: Where something happened, other than by coordinates.
_PLACES = ("building", "cell_code", "cell_level")
_FLOOR = re.compile(r"(?P<below>-|B|地下|负)?(?P<number>\d{1,3})\s*(层|楼|F)?", re.IGNORECASE)
_ACCURACY_MAX_M = 100_000.0
_CHANNEL = "import"
_URGENCIES = {
    "low": ("low", "低", "较低", "不急"),
    "normal": ("", "normal", "medium", "中", "普通", "一般", "常规"),
    "urgent": ("urgent", "high", "高", "较高", "急", "紧急"),
    "critical": ("critical", "emergency", "特急", "非常紧急", "特别紧急"),
}
_URGENCY_OF = {word: urgency for urgency, words in _URGENCIES.items() for word in words}


@dataclass(frozen=True, slots=True)
class IncidentTable:
    """Incidents, ready to be placed and stored.

    Attributes
    ----------
    frame : DataFrame
        One row an incident: ``row`` (data row, from 1), ``id`` (str, unique), ``occurred_at`` (datetime64,
        UTC), ``lon``, ``lat`` (float64 degrees, EPSG:4326, NaN where it has no place), ``located`` (bool),
        ``category``, ``address`` (str, ``""`` where empty), ``urgency`` (low, normal, urgent or critical;
        normal where empty), ``channel`` (``import`` where empty), ``accuracy_m`` (float64, NaN where empty),
        ``floor`` (int or None, basements negative), ``attributes`` (dict).
    notes : tuple of str
        What was decided on the way.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def lonlat_deg(self) -> NDArray[np.float64]:
        """(n, 2) positions, NaN for incidents without a place."""
        return self.frame[["lon", "lat"]].to_numpy(dtype=np.float64)


@dataclass(frozen=True, slots=True)
class PointTable:
    """Rows of any table with coordinates, all columns as they were.

    Attributes
    ----------
    frame : DataFrame
        The table's own columns as text, indexed by row number.
    lonlat_deg : (n, 2) float64
        EPSG:4326, NaN for rows without coordinates.
    notes : tuple of str
        What was decided on the way.
    """

    frame: pd.DataFrame
    lonlat_deg: NDArray[np.float64]
    notes: tuple[str, ...]

    @property
    def located(self) -> NDArray[np.bool_]:
        """Which rows have coordinates."""
        return np.asarray(np.isfinite(self.lonlat_deg).all(axis=1), dtype=np.bool_)


def read_incidents(
    source: Path | bytes,
    *,
    timezone: str = DEFAULT_TIMEZONE,
    time_format: str | None = None,
    places: bool = False,
    **how: Unpack[TableOptions],
) -> IncidentTable:
    """Read incidents from CSV or xlsx.

    Parameters
    ----------
    source : Path or bytes
        The file.
    timezone : str
        IANA zone of times written without one.
    time_format : str or None
        A strptime pattern of the times; found out when None.
    places : bool
        Read ``building``, ``cell_code`` and ``cell_level`` as well (text, ``""`` where empty), and do without
        coordinates. Otherwise such columns are attributes.
    **how
        See :class:`~geo_service.formats.reading.TableOptions`. Columns: ``id``, ``occurred_at``, ``lon``,
        ``lat``, ``category``, ``urgency``, ``channel``, ``accuracy_m``, ``floor``, ``address``.

    Returns
    -------
    IncidentTable
        All rows; those without coordinates too.

    Raises
    ------
    InvalidInputError
        With every fault, by row and field; nothing is returned then.
    NotFoundError, TooLargeError
        No such file; larger than the limits.
    """
    table = open_table(source, "The incident file", **how)
    columns = table.columns((*_COLUMNS, *(_PLACES if places else ())), Purpose.INCIDENTS)
    columns.require("id", "occurred_at", *(() if places else ("lon", "lat")))
    frame = pd.DataFrame({"row": columns.rows, "id": columns.identity("id").to_numpy()})
    columns.text("occurred_at", required=True)
    frame["occurred_at"] = columns.moments("occurred_at", timezone, time_format).array
    lonlat = columns.lonlat_deg(table.datum)
    frame["lon"], frame["lat"] = lonlat[:, 0], lonlat[:, 1]
    frame["located"] = np.asarray(np.isfinite(lonlat).all(axis=1), dtype=np.bool_)
    for name in ("category", "address", *(_PLACES if places else ())):
        frame[name] = columns.text(name).to_numpy()
    frame["urgency"] = _urgencies(columns)
    frame["channel"] = columns.text("channel").replace("", _CHANNEL).to_numpy()
    frame["accuracy_m"] = columns.number("accuracy_m", low=0.0, high=_ACCURACY_MAX_M)
    frame["floor"] = pd.Series(_floors(columns), dtype=object)
    frame["attributes"] = columns.attributes()
    unlocated = int((~frame["located"]).sum())
    if unlocated:
        table.notes.append(f"{unlocated} incidents have no coordinates: kept, without a place")
    return IncidentTable(frame, table.finish())


def _urgencies(columns: Columns) -> list[str]:
    """Return our word for each urgency, in Chinese or English; one that we do not know is a fault."""
    urgencies = []
    for row, text in columns.text("urgency").items():
        urgency = _URGENCY_OF.get(text.lower())
        if urgency is None:
            message = Words(
                "must be low 低, normal 一般, urgent 紧急 or critical 特急; "
                "a column of another kind is kept as it is under another header",
                "请写 不急、一般、紧急、特急 之一；若此列另有含义，请换一个表头",
            )
            header = columns.header_of["urgency"]
            columns.faults.add("urgency", header, message, row=int(str(row)), value=text)
        urgencies.append(urgency or "normal")
    return urgencies


def _floors(columns: Columns) -> list[int | None]:
    floors: list[int | None] = []
    for row, text in columns.text("floor").items():
        match = _FLOOR.fullmatch(text)
        if text and match is None:
            message = Words(
                "must be a floor: 3, 3楼, 3F, -1, B1, 地下1层", "楼层请写 3、3楼、3F、-1、B1 或地下1层"
            )
            columns.faults.add("floor", columns.header_of["floor"], message, row=int(str(row)), value=text)
        floors.append(None if match is None else int(match["number"]) * (-1 if match["below"] else 1))
    return floors


def read_points(
    source: Path | bytes,
    *,
    lon_field: str | None = None,
    lat_field: str | None = None,
    crs: GivenDatum = None,
) -> PointTable:
    """Read any table with coordinates, to be handed back with more columns; nothing of it is kept.

    Parameters
    ----------
    source : Path or bytes
        CSV or xlsx.
    lon_field, lat_field : str or None
        Headers of the coordinates; found by the usual ones when None.
    crs : str, int, Datum, CityGrid or None
        Datum of the coordinates; WGS84 when None.

    Raises
    ------
    InvalidInputError, NotFoundError, TooLargeError
        As :func:`read_incidents`; only the coordinates are looked at.
    """
    table = open_table(source, "The table", fields={"lon": lon_field, "lat": lat_field}, crs=crs)
    columns = table.columns(("lon", "lat"), purpose=None)
    columns.require("lon", "lat")
    lonlat_deg = columns.lonlat_deg(table.datum)
    return PointTable(table.frame, lonlat_deg, table.finish())
