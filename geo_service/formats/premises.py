"""Premises from a vector file of polygons: campuses, factories, compounds, and the unit that answers."""

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
from geo_service.formats.geojson_geometry import POLYGONS
from geo_service.formats.reading import TableOptions
from geo_service.formats.refused import Purpose
from geo_service.formats.times import DEFAULT_TIMEZONE

_WORDS = ("premises_code", "premises_name", "premises_kind", "responsible_unit", "valid_from", "valid_until")
_MOMENTS = ("valid_from", "valid_until")
_LONGEST = {"premises_code": 64}
_LONGEST_OTHER = 200
_WHAT = "The file of premises"


@dataclass(frozen=True, slots=True)
class PremisesTable:
    """Premises, ready to be stored.

    Attributes
    ----------
    frame : GeoDataFrame
        One row a unit's ground: ``code``, ``name``, ``kind``, ``responsible_unit``, ``valid_from`` and
        ``valid_until`` (UTC; NaT: always), ``attributes`` (dict), ``geometry`` (MultiPolygon, EPSG:4326).
        A code stands there once, or once for each ``valid_from``.
    notes : tuple of str
        What was decided on the way.
    """

    frame: gpd.GeoDataFrame
    notes: tuple[str, ...]


def read_premises(
    source: Path | bytes,
    *,
    layer: str | None = None,
    timezone: str = DEFAULT_TIMEZONE,
    **how: Unpack[TableOptions],
) -> PremisesTable:
    """Read premises from a vector file such as GeoJSON.

    Parameters
    ----------
    source : Path or bytes
        The file; which it is, its content says.
    layer : str or None
        Of a file with several.
    timezone : str
        IANA zone of moments written without one.
    **how
        See :class:`~geo_service.formats.reading.TableOptions`; without ``crs`` the file's own word holds.
        Attributes: ``premises_code`` (or code, id, 编号), ``premises_name`` (名称), ``premises_kind``,
        ``responsible_unit`` (责任单位); a unit without one answers under its own name. ``valid_from``,
        ``valid_until`` (生效时间、失效时间): empty is always.

    Raises
    ------
    InvalidInputError
        With every fault; data of persons are refused by name.
    NotFoundError, TooLargeError, TimedOutError
        No such file; larger or slower than the limits.
    """
    table, shapes = open_features(source, _WHAT, kinds=POLYGONS, layer=layer, how=how)
    columns = table.columns(_WORDS, Purpose.BOUNDARIES)
    columns.require("premises_code", "premises_name")
    for name in _WORDS[: -len(_MOMENTS)]:
        _require_short(columns, name)
    _check_shapes(columns, shapes)
    terms = {name: columns.moments(name, timezone) for name in _MOMENTS}
    frame = gpd.GeoDataFrame({"code": _codes(columns, terms)})
    for name, moments in terms.items():
        frame[name] = moments.array
    frame["name"] = columns.text("premises_name", required=True).to_numpy()
    frame["kind"] = columns.text("premises_kind").to_numpy()
    unit = columns.text("responsible_unit").to_numpy()
    frame["responsible_unit"] = np.where(unit == "", frame["name"].to_numpy(), unit)
    frame["attributes"] = columns.attributes()
    notes = table.finish()
    return PremisesTable(frame.set_geometry(_multi(shapes), crs=4326), notes)


def _codes(columns: Columns, terms: dict[str, pd.Series]) -> NDArray[np.object_]:
    """Return the codes; the same one twice only with terms that follow each other."""
    if not terms["valid_from"].notna().any():
        return columns.identity("premises_code").to_numpy(dtype=object)
    codes = columns.text("premises_code", required=True)
    begin, end = terms["valid_from"], terms["valid_until"]
    for row in codes.index[(begin >= end).to_numpy()]:
        columns.faults.add("term", "valid_until", "must be later than valid_from", row=int(str(row)))
    for row in codes.index[pd.DataFrame({"code": codes, "begin": begin}).duplicated().to_numpy()]:
        columns.faults.add(
            "twice", "valid_from", "this code begins at this moment already", row=int(str(row))
        )
    return codes.to_numpy(dtype=object)


def _multi(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    out = np.empty(len(shapes), dtype=object)
    out[:] = [shapely.multipolygons(shapely.get_parts(shape)) for shape in shapes]
    return out


def _require_short(columns: Columns, name: str) -> None:
    if name not in columns:
        return
    most = _LONGEST.get(name, _LONGEST_OTHER)
    for row, text in columns.text(name).items():
        if len(text) > most:
            message = f"is longer than {most} characters"
            columns.faults.add(f"long {name}", columns.header_of[name], message, row=int(str(row)))


def _check_shapes(columns: Columns, shapes: NDArray[np.object_]) -> None:
    """Refuse grounds whose border crosses itself: what lies inside could not be said."""
    for i, shape in enumerate(shapes):
        if shape is not None and not shapely.is_valid(shape):
            why = shapely.is_valid_reason(shape)
            columns.faults.add("invalid", "geometry", f"is no valid area ({why})", row=int(columns.rows[i]))
