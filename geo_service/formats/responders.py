"""Responders from a table: who can be sent, how they travel, where they start."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.formats.columns import Columns
from geo_service.formats.reading import TableOptions, open_table
from geo_service.formats.refused import Purpose
from geo_service.model import Mode

_COLUMNS = (
    "id",
    "name",
    "role",
    "home_cell_code",
    "mode",
    "base_lon",
    "base_lat",
    "phone",
    "capabilities",
)
_LISTED = re.compile(r"[;,|、；，/]+")
_PHONE = re.compile(r"\+?[\d\s()（）-]{3,24}")
_MODES = {
    Mode.WALK: {"walk", "walking", "foot", "on foot", "步行", "徒步", "走路"},
    Mode.EBIKE: {
        "ebike",
        "e-bike",
        "e bike",
        "bike",
        "scooter",
        "电动车",
        "电瓶车",
        "电动自行车",
        "自行车",
        "电动摩托",
    },
    Mode.CAR: {"car", "drive", "driving", "van", "汽车", "驾车", "警车", "开车", "巡逻车"},
}
_MODE_OF = {word: mode for mode, words in _MODES.items() for word in words}


@dataclass(frozen=True, slots=True)
class ResponderTable:
    """Responders, ready to be stored.

    Attributes
    ----------
    frame : DataFrame
        One row a responder: ``row`` (data row, from 1), ``id`` (str, unique), ``name``, ``role``,
        ``home_cell_code``, ``phone`` (str, ``""`` where empty), ``mode`` (:class:`~geo_service.model.Mode`
        value as str), ``base_lon``, ``base_lat`` (float64 degrees, EPSG:4326, NaN where there is no base),
        ``capabilities`` (tuple of str), ``attributes`` (dict).
    notes : tuple of str
        What was decided on the way.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def lonlat_deg(self) -> NDArray[np.float64]:
        """(n, 2) positions of the bases, NaN where there is none."""
        return self.frame[["base_lon", "base_lat"]].to_numpy(dtype=np.float64)


def read_responders(
    source: Path | bytes, *, default_mode: Mode = Mode.EBIKE, **how: Unpack[TableOptions]
) -> ResponderTable:
    """Read responders from CSV or xlsx.

    Parameters
    ----------
    source : Path or bytes
        The file.
    default_mode : Mode
        How those travel whose mode is empty.
    **how
        See :class:`~geo_service.formats.reading.TableOptions`; ``crs`` is that of the bases. Columns:
        ``id``, ``name``, ``role``, ``home_cell_code``, ``mode``, ``base_lon``, ``base_lat``, ``phone``,
        ``capabilities``.

    Raises
    ------
    InvalidInputError
        With every fault, by row and field. Names and work phones of staff are taken here, identity numbers,
        home addresses and the like are refused.
    NotFoundError, TooLargeError
        No such file; larger than the limits.
    """
    table = open_table(source, "The responder file", **how)
    columns = table.columns(_COLUMNS, Purpose.RESPONDERS)
    columns.require("id", "name")
    frame = pd.DataFrame({"row": columns.rows, "id": columns.identity("id").to_numpy()})
    frame["name"] = columns.text("name", required=True).to_numpy()
    for name in ("role", "home_cell_code"):
        frame[name] = columns.text(name).to_numpy()
    frame["mode"] = _modes(columns, default_mode)
    lonlat = columns.lonlat_deg(table.datum, "base_lon", "base_lat")
    frame["base_lon"], frame["base_lat"] = lonlat[:, 0], lonlat[:, 1]
    frame["phone"] = phones(columns)
    capabilities = [
        tuple(filter(None, map(str.strip, _LISTED.split(t)))) for t in columns.text("capabilities")
    ]
    frame["capabilities"] = pd.Series(capabilities, dtype=object)
    frame["attributes"] = columns.attributes()
    return ResponderTable(frame, table.finish())


def _modes(columns: Columns, default_mode: Mode) -> list[str]:
    modes: list[str] = []
    for row, text in columns.text("mode").items():
        mode = _MODE_OF.get(text.lower()) if text else default_mode
        if mode is None:
            message = "must be walk, ebike or car (步行, 电动车, 汽车)"
            columns.faults.add("mode", columns.header_of["mode"], message, row=int(str(row)), value=text)
        modes.append((mode or default_mode).value)
    return modes


def phones(columns: Columns) -> list[str]:
    """Return the telephone numbers; what is none is a fault."""
    found = columns.text("phone")
    for row, text in found.items():
        if text and not _PHONE.fullmatch(text):
            message = "is no telephone number: digits, blanks, hyphens and a leading +"
            columns.faults.add("phone", columns.header_of["phone"], message, row=int(str(row)), value=text)
    return found.tolist()
