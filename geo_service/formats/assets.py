"""Assets from a table or a file of points: cameras, police rooms, centres, shops, and how far they reach."""

from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import pandas as pd
import shapely

from geo_service.formats.columns import Columns
from geo_service.formats.features import open_features
from geo_service.formats.geojson_geometry import POINTS
from geo_service.formats.limits import Limits
from geo_service.formats.reading import TableOptions, open_table
from geo_service.formats.refused import Purpose
from geo_service.formats.sniff import Kind, sniff
from geo_service.formats.vector import load
from geo_service.formats.xlsx import is_xlsx

_COLUMNS = ("id", "name", "kind", "reach_m", "lon", "lat")
_WHAT = "The asset file"
_FARTHEST_M = 20_000.0
#: What people write for a kind.
_KINDS = {
    "camera": ("camera", "监控", "摄像头", "监控摄像", "探头"),
    "police_room": ("police_room", "警务室", "警务站", "派出所"),
    "centre": ("centre", "center", "中心", "服务站", "服务中心"),
    "shop": ("shop", "商铺", "店铺", "门店"),
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words}


@dataclass(frozen=True, slots=True)
class AssetTable:
    """Assets, ready to be stored.

    Attributes
    ----------
    frame : DataFrame
        ``row``, ``code`` (unique), ``name``, ``kind``, ``reach_m`` (NaN where not given), ``lon``, ``lat``
        (EPSG:4326).
    notes : tuple of str
        What was decided on the way.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]


def read_assets(source: Path | bytes, *, layer: str | None = None, **how: Unpack[TableOptions]) -> AssetTable:
    """Read assets from CSV or xlsx with coordinates, or from a vector file of points.

    Parameters
    ----------
    source : Path or bytes
    layer : str or None
        Of a vector file with several.
    **how
        See :class:`~geo_service.formats.reading.TableOptions`. Columns: ``id`` (or ``code``), ``kind``
        (camera, police_room, centre, shop, or the Chinese words), ``name``, ``reach_m``, ``lon``, ``lat``.

    Raises
    ------
    InvalidInputError
        With every fault, by row and field.
    NotFoundError, TooLargeError, TimedOutError
        No such file; larger or slower than the limits.
    """
    data = load(source, how.get("limits") or Limits())
    found, _why = sniff(data)
    if found is Kind.UNKNOWN or (found is Kind.ZIP and is_xlsx(data)):
        table = open_table(data, _WHAT, **how)
        columns = table.columns(_COLUMNS, Purpose.DEMAND)
        columns.require("id", "kind", "lon", "lat")
        lonlat_deg = columns.lonlat_deg(table.datum)
    else:
        file = source if isinstance(source, Path) else data
        table, points = open_features(file, _WHAT, kinds=POINTS, layer=layer, how=how)
        columns = table.columns(_COLUMNS[:4], Purpose.DEMAND)
        columns.require("id", "kind")
        lonlat_deg = shapely.get_coordinates(points)
    frame = pd.DataFrame({"row": columns.rows, "code": columns.identity("id").to_numpy()})
    frame["name"] = columns.text("name").to_numpy()
    frame["kind"] = _kinds(columns)
    frame["reach_m"] = columns.number("reach_m", 1.0, _FARTHEST_M)
    frame["lon"], frame["lat"] = lonlat_deg[:, 0], lonlat_deg[:, 1]
    for row in frame.loc[frame[["lon", "lat"]].isna().any(axis=1), "row"]:
        columns.faults.add(
            "no-place", "lon, lat", "is empty: an asset without a place is on no map", row=int(row)
        )
    return AssetTable(frame, table.finish())


def _kinds(columns: Columns) -> list[str]:
    out = []
    for row, word in zip(columns.rows, columns.text("kind", required=True), strict=True):
        kind = _KIND_OF.get(str(word).strip().lower(), "")
        if not kind and str(word).strip():
            message = f"is no kind of asset; use one of: {', '.join(_KINDS)}"
            columns.faults.add("asset-kind", columns.header_of["kind"], message, row=int(row))
        out.append(kind)
    return out
