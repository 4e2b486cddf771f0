"""Features that carry the same code because a file knows only single polygons: joined into one cell."""

from typing import Any

import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.formats.faults import FaultList

_OVERLAP_SHARE = 1e-9  # of the parts' area: what rounding alone can make of a shared edge


def merged_parts(
    frame: pd.DataFrame, faults: FaultList, notes: list[str], *, max_vertices: int, touching: bool
) -> pd.DataFrame:
    """Return one row a code; parts that overlap, or differ in name or parent, are noted as faults.

    Two cells with one code by mistake lie side by side more often than not, the parts of one cell never:
    unless ``touching`` parts are asked for, only parts that lie apart are joined.

    Parameters
    ----------
    frame : DataFrame
        Columns ``row``, ``code``, ``name``, ``parent_code``, ``attributes``, ``geometry``.
    faults, notes
        Where faults and remarks go.
    max_vertices : int
        Of a cell as a whole.
    touching : bool
        Join parts that touch each other too.
    """
    repeated = frame["code"].duplicated(keep=False) & (frame["code"] != "")
    if not repeated.any():
        return frame
    first_of_code: dict[str, Any] = {}
    for code, parts in frame[repeated].groupby("code", sort=False):
        first_of_code[str(code)] = _joined(parts, str(code), faults, max_vertices, touching=touching)
    kept = frame[~(repeated & frame["code"].duplicated())].copy()
    joined = kept["code"].map(first_of_code)
    kept["geometry"] = [
        shape if shape is not None else own
        for shape, own in zip(joined.where(joined.notna(), None), kept["geometry"], strict=True)
    ]
    for code, parts in frame[repeated].groupby("code", sort=False):
        rows = ", ".join(map(str, parts["row"]))
        notes.append(f"rows {rows} have the code {code}: taken as parts of one cell")
    return kept.reset_index(drop=True)


def _joined(
    parts: pd.DataFrame, code: str, faults: FaultList, max_vertices: int, *, touching: bool
) -> BaseGeometry | None:
    rows = [int(row) for row in parts["row"]]
    listed = ", ".join(map(str, rows[:10])) + (" ..." if len(rows) > 10 else "")
    for column in ("name", "parent_code"):
        if len(set(map(str, parts[column]))) > 1:
            message = f"rows {listed} have the same code but differ here: they are no parts of one cell"
            faults.add("duplicate-code", column, message, row=rows[-1], value=code)
    shapes = [shape for shape in parts["geometry"] if shape is not None and shape.is_valid]
    if len(shapes) < len(parts):
        return None  # noted already
    vertices = int(shapely.get_num_coordinates(shapes).sum())
    if vertices > max_vertices:
        message = f"rows {listed} together have {vertices:,} vertices; the limit is {max_vertices:,}"
        faults.add("vertices", "geometry", message, row=rows[-1], value=code)
        return None
    if not touching and not _lie_apart(shapes):
        message = (
            f"rows {listed} have the same code and meet: two cells with one code, or parts of one cell "
            "(then ask for parts to be merged)"
        )
        faults.add("duplicate-code", "code", message, row=rows[-1], value=code)
        return None
    together: BaseGeometry = shapely.multipolygons(
        [part for shape in shapes for part in shapely.get_parts(shape)]
    )
    if together.is_valid:
        return together
    union: BaseGeometry = shapely.union_all(shapes)
    if together.area - union.area > _OVERLAP_SHARE * together.area:
        message = f"rows {listed} have the same code and overlap: they are no parts of one cell"
        faults.add("duplicate-code", "geometry", message, row=rows[-1], value=code)
    return union


def _lie_apart(shapes: list[BaseGeometry]) -> bool:
    """Whether no two shapes have a point in common."""
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    return bool((left == right).all())
