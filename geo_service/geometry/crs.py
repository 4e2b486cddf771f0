"""Coordinates in any datum people hand us, to and from WGS84 (EPSG:4326), always as x = east, y = north.

A :class:`Datum` is one of our own names or an EPSG number; nothing else is taken, because a free-form CRS
text can name files on the server. A :class:`CityGrid` is a local grid of unknown definition, tied to the
earth by control points. Both are accepted by :func:`to_wgs84`, :func:`from_wgs84` and
:func:`transform_geometry`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, cast

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import chinese_datums
from geo_service.geometry.measure import metric_epsg

Array = NDArray[np.float64]
GridKind = Literal["similarity", "affine"]

_WGS84 = 4326
_CGCS2000 = 4490
#: CGCS2000 differs from WGS84 by centimetres at most; as WGS84 it is taken, because PROJ knows no way.
_SAME_AS_WGS84 = frozenset({_WGS84, _CGCS2000})
_MAX_FAULTS = 20


class DatumKind(StrEnum):
    """Where a datum's definition comes from."""

    EPSG = "EPSG"
    GCJ02 = "GCJ02"
    BD09 = "BD09"


@dataclass(frozen=True, slots=True)
class Datum:
    """A coordinate reference system that we can name: GCJ-02, BD-09, or an EPSG number."""

    kind: DatumKind
    epsg: int | None = None

    def __str__(self) -> str:
        """Label that :func:`parse_datum` reads back: ``GCJ02``, ``BD09``, ``WGS84`` or ``EPSG:n``."""
        if self.kind is not DatumKind.EPSG:
            return self.kind.value
        return "WGS84" if self.epsg == _WGS84 else f"EPSG:{self.epsg}"


WGS84 = Datum(DatumKind.EPSG, _WGS84)
CGCS2000 = Datum(DatumKind.EPSG, _CGCS2000)
GCJ02 = Datum(DatumKind.GCJ02)
BD09 = Datum(DatumKind.BD09)

_NAMED = {"WGS84": WGS84, "CGCS2000": CGCS2000, "GCJ02": GCJ02, "BD09": BD09}


def named_datum(text: str) -> Datum | None:
    """Return the datum of one of our own names, at once; None for anything else, EPSG codes too."""
    return _NAMED.get(re.sub(r"[\s_-]", "", text.upper()))


def parse_datum(text: str | int | Datum) -> Datum:
    """Read a datum's name.

    Parameters
    ----------
    text : str or int or Datum
        ``WGS84``, ``CGCS2000``, ``GCJ02``, ``BD09`` (hyphens, blanks and case do not matter), ``EPSG:n``,
        ``n``.

    Raises
    ------
    InvalidInputError
        Anything else, a number EPSG does not list, one that is not a horizontal system in two axes, or one
        from which no transformation is known.
    """
    if isinstance(text, Datum):
        return text
    words = str(text).strip().upper()
    if (named := named_datum(words)) is not None:
        return named
    match = re.fullmatch(r"(?:EPSG:)?([0-9]{4,6})", words)
    if match is None:
        words = Words(
            "use WGS84, CGCS2000, GCJ02, BD09 or an EPSG code such as EPSG:4549",
            "可用：WGS84、CGCS2000、GCJ02、BD09，或 EPSG 编号，如 EPSG:4549",
        )
        raise _unknown(text, words)
    number = int(match.group(1))
    _transformer(number, inverse=False)  # refuses what EPSG does not list
    return Datum(DatumKind.EPSG, number)


def _unknown(value: object, what_to_do: str) -> InvalidInputError:
    return InvalidInputError(
        Words("Unknown coordinate reference system.", "未知的坐标系。"),
        [Fault(field="crs", message=what_to_do, value=value)],
    )


@lru_cache(maxsize=64)
def _transformer(epsg: int, *, inverse: bool) -> Transformer:
    """Build, once, the transformation from (or with ``inverse`` to) an EPSG system, x = east first.

    Where no transformation between two datums is known, PROJ would take their degrees for the same: a shift
    of a hundred metres and more, and no word of it.
    """
    try:
        crs = CRS.from_epsg(epsg)
    except CRSError:
        raise _unknown(epsg, "EPSG lists no coordinate reference system of this number") from None
    if not (crs.is_projected or crs.is_geographic) or len(crs.axis_info) != 2:
        raise _unknown(epsg, "give a horizontal (projected or geographic) system in two axes")
    base = crs.geodetic_crs
    target = _CGCS2000 if base is not None and base.to_epsg() == _CGCS2000 else _WGS84
    pair = (target, epsg) if inverse else (epsg, target)
    try:
        return Transformer.from_crs(*pair, always_xy=True, allow_ballpark=False)
    except ProjError:
        message = (
            f"no transformation to WGS 84 is known for EPSG:{epsg} here; give control points of a city grid"
        )
        raise _unknown(epsg, message) from None


@dataclass(frozen=True, slots=True)
class CityGrid:
    """A local grid in metres, tied to the earth by control points.

    Attributes
    ----------
    epsg : int
        Metric system (Gauss–Krüger or UTM) in which the fit was made.
    matrix : (2, 2) float64
        Local to metric coordinates, about the centres: ``metric = (local - local_origin) @ matrix.T +
        origin``.
    local_origin, origin : (2,) float64
        Centre of the control points in the grid and in the metric system.
    residuals_m : (n,) float64
        Distance by which each control point is missed.
    """

    epsg: int
    matrix: Array
    local_origin: Array
    origin: Array
    residuals_m: Array

    @property
    def rms_m(self) -> float:
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residuals_m**2)))

    @classmethod
    def fit(cls, local_xy: ArrayLike, lonlat_deg: ArrayLike, kind: GridKind = "similarity") -> "CityGrid":
        """Fit a grid to control points by least squares.

        Parameters
        ----------
        local_xy : (n, 2) array_like
            East and north in the local grid, metres.
        lonlat_deg : (n, 2) array_like
            The same points in WGS84 degrees.
        kind : {"similarity", "affine"}
            Shift, turn and one scale (at least two points), or six free parameters (at least three points
            that are not in one line).

        Raises
        ------
        InvalidInputError
            Too few points, points that coincide or stand in one line, or axes given in the order north, east.
        """
        local, lonlat = _pairs(local_xy), _pairs(lonlat_deg)
        need = {"similarity": 2, "affine": 3}.get(kind)
        if need is None:
            raise InvalidInputError("The kind of a city grid is 'similarity' or 'affine'.")
        if len(local) != len(lonlat) or len(local) < need:
            raise _bad_control(f"a {kind} grid needs at least {need} control points, each in both systems")
        bounds = (*lonlat.min(axis=0), *lonlat.max(axis=0))
        epsg = metric_epsg(cast("tuple[float, float, float, float]", bounds))
        metric = from_wgs84(lonlat, Datum(DatumKind.EPSG, epsg))
        local_origin, origin = local.mean(axis=0), metric.mean(axis=0)
        u, v = local - local_origin, metric - origin
        _require_spread(u, 1 if kind == "similarity" else 2)
        _require_spread(v, 1 if kind == "similarity" else 2)
        solve = _similarity if kind == "similarity" else _affine
        matrix = solve(u, v)
        residuals = np.hypot(*(v - u @ matrix.T).T)
        if kind == "similarity" and len(local) > need:
            _require_east_first(u, v, residuals)
        return cls(epsg, matrix, local_origin, origin, residuals)

    def to_wgs84(self, local_xy: Array) -> Array:
        """Return WGS84 degrees of (n, 2) local metres."""
        metric = (local_xy - self.local_origin) @ self.matrix.T + self.origin
        return to_wgs84(metric, Datum(DatumKind.EPSG, self.epsg))

    def from_wgs84(self, lonlat_deg: Array) -> Array:
        """Return local metres of (n, 2) WGS84 degrees."""
        metric = from_wgs84(lonlat_deg, Datum(DatumKind.EPSG, self.epsg))
        return (metric - self.origin) @ np.linalg.inv(self.matrix).T + self.local_origin


def _similarity(u: Array, v: Array) -> Array:
    size = (u**2).sum()
    a = (u * v).sum() / size
    b = (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum() / size
    return np.array([[a, -b], [b, a]])


def _affine(u: Array, v: Array) -> Array:
    return np.asarray(np.linalg.lstsq(u, v, rcond=None)[0].T, dtype=np.float64)


def _require_spread(centred: Array, rank: int) -> None:
    """Refuse points that coincide (rank 1) or stand in one line (rank 2), to one part in a million."""
    singular = np.linalg.svd(centred, compute_uv=False)
    if singular[0] < 1.0:
        raise _bad_control("the control points coincide; give points far apart")
    if rank == 2 and singular[1] < 1e-6 * singular[0]:
        raise _bad_control("the control points stand in one line; add one to the side of it")


def _require_east_first(u: Array, v: Array, residuals: Array) -> None:
    swapped = u[:, ::-1]
    other = np.hypot(*(v - swapped @ _similarity(swapped, v).T).T)
    if residuals.max() > 1.0 and other.max() < residuals.max() / 10.0:
        raise _bad_control(
            "the points fit only with the axes exchanged; give local coordinates as east, north"
        )


def _bad_control(message: str) -> InvalidInputError:
    return InvalidInputError("The control points do not define a grid.", [Fault("control_points", message)])


def to_wgs84(xy: ArrayLike, datum: Datum | CityGrid) -> Array:
    """Convert coordinates to WGS84 degrees.

    Parameters
    ----------
    xy : (n, 2) array_like
        East (or lon) and north (or lat) in ``datum``, in its unit.

    Returns
    -------
    (n, 2) float64
        Lon, lat, EPSG:4326.

    Raises
    ------
    InvalidInputError
        A coordinate is not finite or outside what the system can represent; rows are named.
    """
    points = _pairs(xy)
    if isinstance(datum, CityGrid):
        return datum.to_wgs84(points)
    if datum.kind is DatumKind.EPSG:
        return _by_epsg(points, datum, inverse=False)
    gcj = chinese_datums.bd09_to_gcj02(points) if datum.kind is DatumKind.BD09 else points
    return chinese_datums.gcj02_to_wgs84(gcj)


def from_wgs84(lonlat_deg: ArrayLike, datum: Datum | CityGrid) -> Array:
    """Convert WGS84 degrees to another datum; the inverse of :func:`to_wgs84`."""
    points = _pairs(lonlat_deg)
    if isinstance(datum, CityGrid):
        return datum.from_wgs84(points)
    if datum.kind is DatumKind.EPSG:
        return _by_epsg(points, datum, inverse=True)
    gcj = chinese_datums.wgs84_to_gcj02(points)
    return chinese_datums.gcj02_to_bd09(gcj) if datum.kind is DatumKind.BD09 else gcj


def transform_geometry(geoms: Any, datum: Datum | CityGrid, *, inverse: bool = False) -> Any:
    """Convert a shapely geometry, or an array of them, to WGS84, or with ``inverse`` from it. Drops z."""
    convert = from_wgs84 if inverse else to_wgs84
    return shapely.transform(geoms, lambda xy: convert(xy, datum))


def _by_epsg(points: Array, datum: Datum, *, inverse: bool) -> Array:
    epsg = cast("int", datum.epsg)
    if epsg in _SAME_AS_WGS84:
        return points.copy()
    x, y = _transformer(epsg, inverse=inverse).transform(points[:, 0], points[:, 1])
    out = np.column_stack((x, y))
    _require_finite(out, points, f"lies outside what {datum} can represent; check the CRS and the axis order")
    return out


def _pairs(xy: ArrayLike) -> Array:
    points = np.asarray(xy, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InvalidInputError("Coordinates must be an array of pairs (x, y).")
    _require_finite(points, points, "is not a finite number")
    return points


def _require_finite(result: Array, given: Array, message: str) -> None:
    bad = np.flatnonzero(~np.isfinite(result).all(axis=1))
    if bad.size:
        faults = [
            Fault("coordinates", message, row=int(row) + 1, value=f"{given[row, 0]}, {given[row, 1]}")
            for row in bad[:_MAX_FAULTS]
        ]
        raise InvalidInputError("Coordinates cannot be converted.", faults)
