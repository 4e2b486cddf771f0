"""Sign boards (网格公示牌) from a table or points of a vector file: whose, where, what is printed."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.formats.columns import Columns
from geo_service.formats.features import open_features
from geo_service.formats.geojson_geometry import NOWHERE, POINTS
from geo_service.formats.limits import Limits
from geo_service.formats.reading import TableOptions, open_table
from geo_service.formats.refused import Purpose
from geo_service.formats.sniff import Kind, sniff
from geo_service.formats.vector import load
from geo_service.formats.xlsx import is_xlsx

_WORDS = (
    "board",
    "cell_code",
    "cell_level",
    "board_kind",
    "printed_name",
    "printed_owner",
    "printed_role",
    "printed_on",
    "edition",
)
_WHAT = "The file of sign boards"
_LONGEST = {"board": 64, "cell_code": 64, "printed_owner": 200}
_LONGEST_OTHER = 100


@dataclass(frozen=True, slots=True)
class SignBoardTable:
    """Sign boards, ready to be held against the cells.

    Attributes
    ----------
    frame : DataFrame
        One row a board: ``row`` (data row or feature, from 1), ``board`` (str, unique), ``cell_code``,
        ``cell_level``, ``board_kind``, ``printed_name``, ``printed_owner``, ``printed_role`` (str, ``""``
        where empty), ``printed_on`` (date or None), ``edition`` (float64, NaN where not given), ``lon``,
        ``lat`` (float64 degrees, EPSG:4326, NaN without a place).
    notes : tuple of str
        What was decided on the way.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]


def read_sign_boards(
    source: Path | bytes, *, layer: str | None = None, **how: Unpack[TableOptions]
) -> SignBoardTable:
    """Read sign boards from CSV or xlsx, or from a vector file of points such as GeoJSON.

    Parameters
    ----------
    source : Path or bytes
        The file; which it is, its content says.
    layer : str or None
        Of a vector file with several.
    **how
        See :class:`~geo_service.formats.reading.TableOptions`; without ``crs`` a vector file's own word
        holds. Columns: ``board``, ``cell_code``, ``cell_level``, ``lon``, ``lat``, ``board_kind``,
        ``printed_name``, ``printed_owner``, ``printed_role``, ``printed_on``, ``edition``.

    Raises
    ------
    InvalidInputError
        With every fault, by row and field; telephone numbers and data of persons are refused.
    NotFoundError, TooLargeError, TimedOutError
        No such file; larger or slower than the limits.
    """
    data = load(source, how.get("limits") or Limits())
    kind, _why = sniff(data)
    if kind is Kind.UNKNOWN or (kind is Kind.ZIP and is_xlsx(data)):
        table = open_table(data, _WHAT, **how)
        columns = table.columns((*_WORDS, "lon", "lat"), Purpose.SIGN_BOARDS)
        lonlat = columns.lonlat_deg(table.datum)
    else:
        file = source if isinstance(source, Path) else data
        table, shapes = open_features(file, _WHAT, kinds=POINTS | {NOWHERE}, layer=layer, how=how)
        columns = table.columns(_WORDS, Purpose.SIGN_BOARDS)
        lonlat = np.column_stack((shapely.get_x(shapes), shapely.get_y(shapes))).astype(np.float64)
    frame = _frame(columns, lonlat)
    left_out = [str(name) for name in columns.frame if name not in columns.header_of.values()]
    left_out = [name for name in left_out if name not in {"lon", "lat"}]
    if left_out:
        table.notes.append(f"not kept: {', '.join(left_out)}")
    return SignBoardTable(frame, table.finish())


def _frame(columns: Columns, lonlat: NDArray[np.float64]) -> pd.DataFrame:
    columns.require("board", "cell_code")
    frame = pd.DataFrame({"row": columns.rows, "board": columns.identity("board").to_numpy()})
    frame["cell_code"] = columns.text("cell_code", required=True).to_numpy()
    for name in ("cell_level", "board_kind", "printed_name", "printed_owner", "printed_role"):
        frame[name] = columns.text(name).to_numpy()
    for name in ("board", "cell_code", "board_kind", "printed_name", "printed_owner", "printed_role"):
        _require_short(columns, name)
    frame["printed_on"] = _days(columns)
    frame["edition"] = columns.count("edition")
    frame["lon"], frame["lat"] = lonlat[:, 0], lonlat[:, 1]
    return frame


def _require_short(columns: Columns, name: str) -> None:
    most = _LONGEST.get(name, _LONGEST_OTHER)
    for row, text in columns.text(name).items():
        if len(text) > most:
            message = f"is longer than {most} characters"
            columns.faults.add(f"long {name}", columns.header_of[name], message, row=int(str(row)))


def _days(columns: Columns) -> pd.Series:
    days: list[date | None] = []
    for row, text in columns.text("printed_on").items():
        try:
            days.append(date.fromisoformat(text[:10]) if text else None)
        except ValueError:
            message = "must be a day written like 2026-11-22"
            columns.faults.add("day", columns.header_of["printed_on"], message, row=int(str(row)), value=text)
            days.append(None)
    return pd.Series(days, dtype=object)
