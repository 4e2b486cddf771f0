"""Between frames and arrays: coordinates to WGS 84 and back, columns that must be there, names that must not.

What is wrong is told as in the rest of geo_service: a :class:`~geo_service.errors.Fault` for each thing, with
its column, its row (counted from 1) and what to do.
"""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError
from geo_service.geometry import crs as datums

Floats = NDArray[np.float64]
Geoms = NDArray[np.object_]

MAX_FAULTS = 20
_POINT = int(shapely.GeometryType.POINT)
_AREAS = [int(shapely.GeometryType.POLYGON), int(shapely.GeometryType.MULTIPOLYGON)]


class LibraryWarning(UserWarning):
    """Something is left out of an answer, and the answer is right for the rest."""


def require_frame(frame: Any, role: str) -> gpd.GeoDataFrame:
    """Return a frame that has shapes and says in which CRS.

    Raises
    ------
    InvalidInputError
        It is no GeoDataFrame (or GeoSeries), or has no CRS.
    """
    if isinstance(frame, gpd.GeoSeries):
        frame = frame.to_frame("geometry").set_geometry("geometry")
    if not isinstance(frame, gpd.GeoDataFrame):
        message = "give a GeoDataFrame; of a table with lon and lat make one with geopandas.points_from_xy"
        raise InvalidInputError(f"The {role} are no frame of shapes.", [Fault(role, message)])
    if frame.active_geometry_name is None:
        message = "say which column holds the shapes: frame.set_geometry(…)"
        raise InvalidInputError(f"The {role} have no geometry.", [Fault(role, message)])
    if frame.crs is None:
        message = (
            "say in which system the coordinates are: frame.set_crs(4326) for GPS; "
            "from_datum(frame, 'GCJ02') for those of a Chinese web map"
        )
        raise InvalidInputError(f"The {role} have no CRS.", [Fault(role, message)])
    return frame


def shapes_deg(frame: gpd.GeoDataFrame, role: str) -> Geoms:
    """Return the shapes in EPSG:4326 degrees; z is dropped.

    Raises
    ------
    InvalidInputError
        A coordinate is not finite, or outside what the CRS can represent.
    """
    geoms: Geoms = np.asarray(frame.geometry.array, dtype=object)
    _finite(geoms, role)
    epsg = frame.crs.to_epsg(min_confidence=100)
    if epsg is None:
        geoms = np.asarray(shapely.force_2d(frame.geometry.to_crs(4326).array), dtype=object)
        _finite(geoms, role)
        return geoms
    converted: Geoms = datums.transform_geometry(geoms, datums.parse_datum(epsg))
    return converted


def _finite(geoms: Geoms, role: str) -> None:
    """Name the rows that have a coordinate which is no number: deeper down only vertices are counted."""
    xy, owner = shapely.get_coordinates(geoms, return_index=True)
    bad = np.unique(owner[~np.isfinite(xy).all(axis=1)])[:MAX_FAULTS]
    if len(bad):
        faults = [
            Fault(
                f"{role}.geometry", "a coordinate is no number in this CRS; correct it, or the CRS", row + 1
            )
            for row in bad.tolist()
        ]
        raise InvalidInputError(f"Some coordinates of the {role} are not numbers.", faults)


def points_deg(frame: gpd.GeoDataFrame, role: str, *, middles: bool = False) -> Floats:
    """Return lon and lat of points, (n, 2); NaN for rows without a place (no shape, empty, or NaN).

    Parameters
    ----------
    middles : bool
        Take polygons too, by their centroid.

    Raises
    ------
    InvalidInputError
        A shape is no point.
    """
    geoms: Geoms = np.asarray(frame.geometry.array, dtype=object)
    types = shapely.get_type_id(geoms)
    there = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    drawn = (types == _POINT) & there  # points_from_xy makes points of NaN
    there[drawn] = ~np.isnan(shapely.get_coordinates(geoms[drawn])).any(axis=1)
    good = (types == _POINT) | ~there
    if middles:
        good |= np.isin(types, _AREAS)
    bad = np.flatnonzero(~good)[:MAX_FAULTS]
    if len(bad):
        message = "give points; of other shapes take frame.representative_point() or .centroid"
        faults = [
            Fault(f"{role}.geometry", message, int(row) + 1, frame.geometry.iloc[row].geom_type)
            for row in bad
        ]
        raise InvalidInputError(f"The {role} are not points.", faults)
    out = np.full((len(frame), 2), np.nan)
    if there.any():
        geoms = shapes_deg(frame[there], role)
        areas = np.isin(types[there], _AREAS)
        geoms[areas] = shapely.centroid(geoms[areas])
        out[there] = shapely.get_coordinates(geoms)
    return out


def in_crs_of(frame: gpd.GeoDataFrame, geoms: Any) -> gpd.GeoSeries:
    """Return shapes in degrees as a series in the CRS of a frame."""
    series = gpd.GeoSeries(np.asarray(geoms, dtype=object), crs=4326)
    epsg = frame.crs.to_epsg(min_confidence=100)
    if epsg is None:
        return series.to_crs(frame.crs)
    shapes = datums.transform_geometry(
        np.asarray(series.array, dtype=object), datums.parse_datum(epsg), inverse=True
    )
    return gpd.GeoSeries(shapes, crs=frame.crs)


def new_columns(frame: gpd.GeoDataFrame, columns: Mapping[str, Any], role: str) -> gpd.GeoDataFrame:
    """Return the frame with columns added; its own are never written over.

    Raises
    ------
    InvalidInputError
        A column of that name is there already.
    """
    taken = [name for name in columns if name in frame.columns]
    if taken:
        message = "is there already: rename it, or drop it (frame.drop(columns=…)) if it is of a run before"
        raise InvalidInputError(
            f"The {role} have columns that the answer needs.", [Fault(name, message) for name in taken]
        )
    return frame.assign(**{name: pd.Series(values, index=frame.index) for name, values in columns.items()})


def require_column(frame: pd.DataFrame, column: str, role: str, *, argument: str) -> pd.Series:
    """Return a column.

    Raises
    ------
    InvalidInputError
        There is none of that name: the message names those that there are.
    """
    if column in frame.columns:
        return frame[column]
    there = ", ".join(map(str, frame.columns))
    message = f"name a column of the {role}; there are: {there}"
    raise InvalidInputError(
        f"The {role} have no column {column!r}.", [Fault(argument, message, value=column)]
    )


def amounts(
    frame: pd.DataFrame, column: str, role: str, *, argument: str, missing: float | None = None
) -> Floats:
    """Return a column of numbers of 0 or more.

    Parameters
    ----------
    missing : float, optional
        What stands for a missing one; without it a missing one is a fault.

    Raises
    ------
    InvalidInputError
        There is no such column, or a value is negative, infinite or no number.
    """
    values = pd.to_numeric(require_column(frame, column, role, argument=argument), errors="coerce")
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    if missing is not None:
        numbers[frame[column].isna().to_numpy()] = missing
    good = np.isfinite(numbers) & (numbers >= 0)
    if missing is not None and np.isnan(missing):
        good |= frame[column].isna().to_numpy()
    refuse_rows(
        ~good,
        f"{role}.{column}",
        "give a number of 0 or more",
        title=f"Some numbers of the {role} are not in order.",
        values=frame[column],
    )
    return numbers


def refuse_rows(
    bad: NDArray[np.bool_], field: str, message: str, *, title: str, values: Iterable[Any] | None = None
) -> None:
    """Refuse rows, each with its number and its value.

    Raises
    ------
    InvalidInputError
        Any row is bad.
    """
    rows = np.flatnonzero(bad)
    if len(rows) == 0:
        return
    shown = list(values) if values is not None else None
    faults = [
        Fault(field, message, int(row) + 1, None if shown is None else shown[row])
        for row in rows[:MAX_FAULTS]
    ]
    raise InvalidInputError(title, faults)


def warn_of(frame: pd.DataFrame, rows: NDArray[np.bool_], what: str) -> None:
    """Say which rows an answer leaves out."""
    count = int(rows.sum())
    if not count:
        return
    labels = ", ".join(map(str, frame.index[rows][:5]))
    more = ", …" if count > 5 else ""
    warnings.warn(f"{count} of {len(frame)} {what} (rows {labels}{more})", LibraryWarning, stacklevel=4)


def labels_at(values: pd.Index | pd.Series, rows: NDArray[Any]) -> Any:
    """Return labels by position, missing for -1, in a type that can miss."""
    array = pd.Series(values.to_numpy() if isinstance(values, pd.Index) else values.array)
    if isinstance(array.dtype, np.dtype) and array.dtype.kind in "iub":
        array = array.astype("boolean" if array.dtype.kind == "b" else "Int64")
    return array.array.take(np.asarray(rows, dtype=np.int64), allow_fill=True)
