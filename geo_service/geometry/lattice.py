"""The lattice of 2⁻²³ degree: degrees in, integers out, and the two predicates all exactness rests on.

A boundary vertex is a pair of integers ``(i, j)``: longitude and latitude in EPSG:4326 times 2²³. One step is
1.3 cm or less. The spacing is a power of two, so that scaling is exact in binary floating point: a lattice
point is one float64 and goes out and in unchanged, and 180·2²³ < 2³¹ fits int32.

Limits of exactness. For points of the globe (|i| ≤ 180·2²³, |j| ≤ 90·2²³) a difference of longitudes is at
most 360·2²³ and one of latitudes at most 180·2²³; a product of the two is at most 4.56·10¹⁸ and a cross
product at most 9.12·10¹⁸ < 2⁶³ = 9.22·10¹⁸. So :func:`orientation` is exact in int64 for *any* three points
of the globe. Integers outside it are refused.
"""

from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geo_service.errors import Fault, InvalidInputError

SCALE = 2**23
UNIT_DEG = 1.0 / SCALE
UNIT_M = 111_320.0 * UNIT_DEG  # length of one step along a meridian or the equator, rounded up
MAX_I = 180 * SCALE
MAX_J = 90 * SCALE
_MAX_FAULTS = 20


def to_lattice(lonlat_deg: ArrayLike) -> NDArray[np.int32]:
    """Round to the nearest lattice point (half a step goes to the even one).

    Parameters
    ----------
    lonlat_deg : (n, 2) array_like of float
        Longitude and latitude in degrees, EPSG:4326.

    Returns
    -------
    (n, 2) int32
        Lattice integers.

    Raises
    ------
    InvalidInputError
        A coordinate is not finite, or off the globe; each (up to twenty) is named by its row.
    """
    deg = np.asarray(lonlat_deg, dtype=np.float64)
    if deg.ndim != 2 or deg.shape[1] != 2:
        raise InvalidInputError("Coordinates must be an array of pairs (lon, lat).")
    good = (np.abs(deg[:, 0]) <= 180.0) & (np.abs(deg[:, 1]) <= 90.0)  # False for NaN as well
    if not good.all():
        raise InvalidInputError("Coordinates are not on the globe.", _faults(deg, np.flatnonzero(~good)))
    return np.rint(deg * SCALE).astype(np.int32)


def _faults(deg: NDArray[np.float64], rows: NDArray[np.intp]) -> list[Fault]:
    return [
        Fault(
            field="lonlat_deg",
            message="longitude must lie in [-180, 180] latitude in [-90, 90] degrees; check order and CRS",
            row=int(row) + 1,
            value=f"{deg[row, 0]}, {deg[row, 1]}",
        )
        for row in rows[:_MAX_FAULTS]
    ]


def to_degrees(ij: ArrayLike) -> NDArray[np.float64]:
    """Return lattice integers of any shape as degrees: exact, the inverse of :func:`to_lattice`."""
    return np.asarray(ij, dtype=np.float64) / SCALE


def snap(geoms: Any) -> Any:
    """Move every coordinate of a geometry, or of an array of them, to its nearest lattice point.

    Plain rounding, vertex by vertex, so equal vertices stay equal; z is dropped, ``None`` stays. A shape
    thinner than a step may come out invalid, or cross its neighbour: :mod:`geo_service.geometry.inspect`
    finds and mends that.
    """
    return shapely.transform(geoms, lambda deg: to_degrees(to_lattice(deg)))


def is_on_lattice(geoms: Any) -> bool:
    """Tell whether every coordinate of the geometries is a lattice point of the globe."""
    deg = shapely.get_coordinates(geoms)
    on_globe = (np.abs(deg[:, 0]) <= 180.0) & (np.abs(deg[:, 1]) <= 90.0)
    steps = deg * SCALE
    return bool(on_globe.all() and (steps == np.rint(steps)).all())


def orientation(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> NDArray[np.int8]:
    """Tell on which side of the directed line a → b the point c lies: exactly.

    Parameters
    ----------
    a, b, c : (..., 2) array_like of int
        Lattice integers; they broadcast against each other.

    Returns
    -------
    (...) int8
        1 to the left (counter-clockwise), -1 to the right, 0 on the line.

    Raises
    ------
    InvalidInputError
        A point is off the globe, where int64 might overflow.
    """
    pa, pb, pc = _checked(a), _checked(b), _checked(c)
    ab, ac = pb - pa, pc - pa
    cross = ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]
    return np.asarray(np.sign(cross), dtype=np.int8)


def on_segment(p: ArrayLike, a: ArrayLike, b: ArrayLike) -> NDArray[np.bool_]:
    """Tell whether p lies on the closed segment from a to b: exactly. Arguments as in :func:`orientation`."""
    pp, pa, pb = _checked(p), _checked(a), _checked(b)
    in_box = ((np.minimum(pa, pb) <= pp) & (pp <= np.maximum(pa, pb))).all(axis=-1)
    return np.asarray(in_box & (orientation(pa, pb, pp) == 0))


def _checked(points: ArrayLike) -> NDArray[np.int64]:
    ij = np.asarray(points)
    if ij.dtype.kind not in "iu":
        raise InvalidInputError(
            "Exact predicates take lattice integers; convert degrees with to_lattice first."
        )
    ij = ij.astype(np.int64, copy=False)
    if ij.size and (
        max(ij[..., 0].max(), -ij[..., 0].min()) > MAX_I or max(ij[..., 1].max(), -ij[..., 1].min()) > MAX_J
    ):
        raise InvalidInputError("A lattice point lies off the globe, where predicates are not exact.")
    return ij


def is_thin(geoms: ArrayLike) -> NDArray[np.bool_]:
    """Tell which shapes are no more than what rounding to the lattice makes: strips narrower than two steps.

    So wide is a strip whose area is half its length's worth; lines, points and nothing at all are thin too.
    Where a border gains a corner that lay between lattice points, such strips lie on either side of it.
    """
    shapes = np.asarray(geoms, dtype=object)
    area: NDArray[np.float64] = shapely.area(shapes)
    thin: NDArray[np.bool_] = (area <= 0) | (area < UNIT_DEG * shapely.length(shapes))
    return thin
