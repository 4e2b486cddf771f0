"""Demand: buildings and addresses with counts of households and residents, from a table or a vector file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.formats.columns import Columns
from geo_service.formats.features import open_features
from geo_service.formats.geojson_geometry import POINTS, POLYGONS
from geo_service.formats.limits import Limits
from geo_service.formats.reading import TableOptions, open_table
from geo_service.formats.refused import Purpose
from geo_service.formats.sniff import Kind, sniff
from geo_service.formats.vector import load
from geo_service.formats.xlsx import is_xlsx

_COLUMNS = ("id", "lon", "lat", "households", "residents", "kind", "address")
_WHAT = "The demand file"
_MOST_OF_ONE = 100_000.0  # households or residents of one building: more is a mistake


@dataclass(frozen=True, slots=True)
class DemandTable:
    """Where people live, as counts.

    Attributes
    ----------
    frame : GeoDataFrame
        One row a building or address: ``row`` (data row or feature, from 1), ``id`` (str, unique), ``lon``,
        ``lat`` (float64 degrees, EPSG:4326; a point inside the building's outline), ``households``,
        ``residents`` (float64 whole numbers, NaN where not given), ``kind``, ``address`` (str),
        ``attributes`` (dict), ``geometry`` (the outline, of several parts the largest, or the point;
        EPSG:4326).
    notes : tuple of str
        What was decided on the way.
    """

    frame: gpd.GeoDataFrame
    notes: tuple[str, ...]

    @property
    def lonlat_deg(self) -> NDArray[np.float64]:
        """(n, 2) positions."""
        return np.column_stack([self.frame["lon"], self.frame["lat"]]).astype(np.float64)


def read_demand(
    source: Path | bytes, *, layer: str | None = None, **how: Unpack[TableOptions]
) -> DemandTable:
    """Read demand from CSV or xlsx with coordinates, or from a vector file of points or outlines.

    Parameters
    ----------
    source : Path or bytes
        The file; which it is, its content says.
    layer : str or None
        Of a vector file with several.
    **how
        See :class:`~geo_service.formats.reading.TableOptions`; without ``crs`` a vector file's own word
        holds. Columns: ``id``, ``lon``, ``lat``, ``households``, ``residents``, ``kind``, ``address``.

    Raises
    ------
    InvalidInputError
        With every fault, by row and field; columns about persons are refused by name.
    NotFoundError, TooLargeError, TimedOutError
        No such file; larger or slower than the limits.
    """
    data = load(source, how.get("limits") or Limits())
    kind, _why = sniff(data)
    if kind is Kind.UNKNOWN or (kind is Kind.ZIP and is_xlsx(data)):
        table = open_table(data, _WHAT, **how)
        columns = table.columns(_COLUMNS, Purpose.DEMAND)
        columns.require("id", "lon", "lat")
        _require_places(columns)
        lonlat = columns.lonlat_deg(table.datum)
        shapes = shapely.points(lonlat)
    else:
        file = source if isinstance(source, Path) else data
        table, outlines = open_features(file, _WHAT, kinds=POINTS | POLYGONS, layer=layer, how=how)
        shapes = _largest_parts(outlines, table.notes)
        columns = table.columns([name for name in _COLUMNS if name not in ("lon", "lat")], Purpose.DEMAND)
        columns.require("id")
        lonlat = _inner_points(shapes)
    frame = _frame(columns, lonlat)
    notes = table.finish()
    return DemandTable(gpd.GeoDataFrame(frame, geometry=shapes, crs=4326), notes)


def _largest_parts(shapes: NDArray[np.object_], notes: list[str]) -> NDArray[np.object_]:
    """Keep of each outline its largest part: a building's counts stand at one place, inside its outline."""
    out = shapes.copy()
    for i in np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOLYGON):
        parts = shapely.get_parts(shapes[i])
        out[i] = parts[np.argmax(shapely.area(parts))]
    several = int((shapely.get_num_geometries(shapes) > 1).sum())
    if several:
        notes.append(f"{several} outlines have several parts: the largest stands for all, with their counts")
    return out


def _inner_points(geometry: NDArray[np.object_]) -> NDArray[np.float64]:
    inner = shapely.point_on_surface(geometry)
    return np.column_stack([shapely.get_x(inner), shapely.get_y(inner)]).astype(np.float64)


def _require_places(columns: Columns) -> None:
    if "lon" in columns and "lat" in columns:
        empty = (columns.text("lon") == "") & (columns.text("lat") == "")
        message = "is empty: demand without a place counts nowhere"
        for row in empty.index[empty]:
            columns.faults.add("no-place", "lon, lat", message, row=int(row))


def _frame(columns: Columns, lonlat: NDArray[np.float64]) -> pd.DataFrame:
    frame = pd.DataFrame({"row": columns.rows, "id": columns.identity("id").to_numpy()})
    frame["lon"], frame["lat"] = lonlat[:, 0], lonlat[:, 1]
    for name in ("households", "residents"):
        frame[name] = columns.count(name)
        for i in np.flatnonzero(frame[name].to_numpy() > _MOST_OF_ONE):
            message = "is more than any building holds"
            columns.faults.add(f"most {name}", columns.header_of[name], message, row=int(columns.rows[i]))
    for name in ("kind", "address"):
        frame[name] = columns.text(name).to_numpy()
    frame["attributes"] = columns.attributes()
    return frame
