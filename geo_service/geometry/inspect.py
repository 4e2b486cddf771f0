"""Inspecting a tiling: every gap, overlap, crossing, duplicate, hole and invalid shape, named and measured.

The way of a file of boundaries through here:

1. each shape alone: is it a polygon at all, and a valid one (:mod:`geo_service.geometry.shapes`)?
2. onto the lattice, by plain rounding;
3. all together as a fabric: if twins cancel and the border is sound, there is nothing to mend, and the shapes
   go out exactly as rounding left them;
4. otherwise all borders are laid over each other (:mod:`geo_service.geometry.arrangement`), what is narrower
   than the tolerance is mended (:mod:`geo_service.geometry.mend`), and what is wider is reported.

A strip of nobody's land that is open to the outside and wider than the tolerance is, for topology, a bay of
the outer border. Long ones up to the width of a street that lie between two cells are noted all the same
(:mod:`geo_service.geometry.strips`). Inspecting with a tolerance as wide as the strips one fears shows the
others: what would be closed is then the shape of the finding ``repaired``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, TooLargeError
from geo_service.geometry import lattice
from geo_service.geometry.layout import MENDABLE_M, Layout, duplicate
from geo_service.geometry.measure import area_m2
from geo_service.geometry.shapes import shape_faults
from geo_service.geometry.strips import open_strips
from geo_service.model import Finding, Severity

MAX_TOTAL_VERTICES = 2_000_000
MAX_TOLERANCE_M = 100.0

Geoms = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Inspection:
    """A tiling as it came out, and all that was found.

    Attributes
    ----------
    geoms : (n,) array of shapely Polygon or MultiPolygon
        On the lattice, mended; an empty polygon stands for a shape that could not be used.
    codes : tuple of str
        As given.
    findings : tuple of Finding
        Errors first, then warnings, then notes.
    """

    geoms: Geoms
    codes: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """No finding is an error: the cells are a tiling, possibly with gaps."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


def inspect_tiling(geoms: Geoms, codes: Sequence[str], *, tolerance_m: float = 0.0) -> Inspection:
    """Find all that keeps shapes from being a tiling, and mend what is narrow.

    Parameters
    ----------
    geoms : (n,) array of shapely geometries or None
        EPSG:4326 degrees.
    codes : (n,) sequence of str
        Code of each cell, to name it in findings.
    tolerance_m : float
        Gaps and overlaps up to this width are mended, up to :data:`MAX_TOLERANCE_M`. What rounding onto the
        lattice makes (4 cm) is mended in any case. At 0 a tiling whose edges match comes back exactly as
        rounding to the lattice leaves it, without findings.

    Returns
    -------
    Inspection
        If it is ``ok``, the shapes are a :class:`~geo_service.geometry.fabric.Fabric` without further checks.

    Raises
    ------
    InvalidInputError
        The tolerance is out of range, or there are not as many codes as shapes.
    TooLargeError
        More than :data:`MAX_TOTAL_VERTICES` vertices in all.
    """
    geoms = np.asarray(geoms, dtype=object)
    names = tuple(str(code) for code in codes)
    _check_arguments(geoms, names, tolerance_m)
    findings = _doubled_codes(names)
    out = np.full(len(geoms), shapely.Polygon(), dtype=object)
    invalid = _invalid_shapes(geoms, names)
    bad = np.zeros(len(geoms), dtype=bool)
    bad[[index for index, _ in invalid]] = True
    findings += [finding for _, finding in invalid]
    out[~bad] = lattice.snap(geoms[~bad])
    sound = ~bad & shapely.is_valid(out)  # rounding may fold a ring up; the arrangement sorts that out
    out[sound] = shapely.remove_repeated_points(out[sound])
    lost = ~bad & (shapely.area(out) == 0.0)
    findings += [_too_small(names[index], geoms[index]) for index in np.flatnonzero(lost).tolist()]
    out[lost] = shapely.Polygon()
    findings += _same_shapes(out, names)
    first = _first_of_each(out)
    layout = Layout(out[first], tuple(names[index] for index in first), tolerance_m)
    out[first], together = layout.inspect()
    findings += _without(together, geoms[bad])
    if all(finding.severity is not Severity.ERROR for finding in findings):
        findings += open_strips(out, names, width_m=MENDABLE_M)
    rank = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
    return Inspection(out, names, tuple(sorted(findings, key=lambda finding: rank[finding.severity])))


def _check_arguments(geoms: Geoms, names: tuple[str, ...], tolerance_m: float) -> None:
    if len(geoms) != len(names):
        raise InvalidInputError(f"{len(geoms)} shapes but {len(names)} codes.")
    if not (math.isfinite(tolerance_m) and 0.0 <= tolerance_m <= MAX_TOLERANCE_M):
        message = f"must be between 0 and {MAX_TOLERANCE_M:g} metres"
        raise InvalidInputError(
            "The tolerance is out of range.", [Fault("tolerance_m", message, value=tolerance_m)]
        )
    total = int(shapely.get_num_coordinates(geoms).sum())
    if total > MAX_TOTAL_VERTICES:
        raise TooLargeError(
            f"{total:,} vertices are more than {MAX_TOTAL_VERTICES:,}; split the file or simplify the shapes."
        )


def _doubled_codes(names: tuple[str, ...]) -> list[Finding]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names, start=1):
        rows.setdefault(name, []).append(row)
    return [
        Finding(
            rule="duplicate_code",
            severity=Severity.ERROR,
            message=f"code {name!r} is given {len(found)} times, in rows {', '.join(map(str, found[:20]))}",
            cells=(name,),
            numbers={"count": float(len(found))},
            remedy="give each cell a code of its own, or join the rows into one MultiPolygon",
        )
        for name, found in rows.items()
        if len(found) > 1
    ]


def _invalid_shapes(geoms: Geoms, names: tuple[str, ...]) -> list[tuple[int, Finding]]:
    found = []
    for fault in shape_faults(geoms):
        what, _, remedy = fault.message.partition("; ")
        kind = fault.kind.replace("_", " ")
        finding = Finding(
            rule="invalid_shape",
            severity=Severity.ERROR,
            message=f"row {fault.index + 1}: {kind}: {what}",
            cells=(names[fault.index],),
            shape=None if fault.place is None else shapely.Point(fault.place),
            remedy=remedy or "correct the shape in the source, then inspect again",
        )
        found.append((fault.index, finding))
    return found


def _too_small(name: str, geom: shapely.Geometry) -> Finding:
    return Finding(
        rule="invalid_shape",
        severity=Severity.ERROR,
        message="the shape is smaller than one step of the lattice (1.3 cm)",
        cells=(name,),
        shape=shapely.Point(shapely.get_coordinates(geom)[0]),
        numbers={"area_m2": float(area_m2([geom])[0])},
        remedy="remove it, or join it to a neighbour",
    )


def _same_keys(geoms: Geoms) -> list[bytes]:
    """One key for each shape, equal for equal shapes wherever their rings start; empty for empty ones."""
    keys: list[bytes] = shapely.to_wkb(shapely.normalize(geoms)).tolist()
    return [b"" if empty else key for key, empty in zip(keys, shapely.is_empty(geoms), strict=True)]


def _first_of_each(geoms: Geoms) -> NDArray[np.intp]:
    """Return the indices of the shapes that are not empty, each shape once."""
    seen: dict[bytes, int] = {}
    for index, key in enumerate(_same_keys(geoms)):
        seen.setdefault(key, index)
    return np.array(sorted(index for key, index in seen.items() if key), dtype=np.intp)


def _same_shapes(geoms: Geoms, names: tuple[str, ...]) -> list[Finding]:
    groups: dict[bytes, list[int]] = {}
    for index, key in enumerate(_same_keys(geoms)):
        groups.setdefault(key, []).append(index)
    groups.pop(b"", None)
    return [
        duplicate(tuple(names[index] for index in found), geoms[found[0]])
        for found in groups.values()
        if len(found) > 1
    ]


def _without(findings: list[Finding], bad: Geoms) -> list[Finding]:
    """Drop gaps that a shape which could not be used leaves: they are its fault, not the tiling's."""
    frames = shapely.envelope(bad[~shapely.is_missing(bad)])
    frames = frames[~shapely.is_empty(frames)]
    return [
        finding
        for finding in findings
        if finding.rule not in {"gap", "hole"} or not shapely.intersects(frames, finding.shape).any()
    ]
