"""How cells stand to each other: above, below, beside, and over the cells of another edition."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, NotFoundError, Words
from geo_service.geometry.lattice import is_thin
from geo_service.geometry.measure import area_m2, length_m
from geo_service.services.tiling import Tiling

#: A cell is covered when all but this share of it is: corners of two editions differ by a step.
_WHOLE = 1.0 - 1e-6


@dataclass(frozen=True)
class Overlap:
    """A cell of another edition that shares land with a cell.

    Attributes
    ----------
    row : dict
        Level, code and name of the other cell.
    land_m2 : float
        What both have.
    share_of_this, share_of_other : float
        The same in shares of either, in [0, 1].
    """

    row: dict[str, Any]
    land_m2: float
    share_of_this: float
    share_of_other: float


def find_cell(tiling: Tiling, code: str, level: str | None) -> int:
    """Return the position of a cell among those of a tiling.

    Raises
    ------
    NotFoundError
        There is none of this code, or several levels have one and ``level`` does not say which.
    """
    cells = tiling.cells
    is_it = cells["code"].to_numpy(dtype=object) == code
    if level is not None:
        is_it &= cells["level"].to_numpy(dtype=object) == level
    found = np.flatnonzero(is_it)
    if not len(found):
        edition = tiling.edition.id
        english = f"edition {edition} has no cell {code!r}" + (f" on level {level!r}" if level else "")
        on_level = f"在 {level} 层" if level else "中"
        message = Words(
            f"there is no cell {code}: look its code up under /v1/cells", f"没有网格 {code}，请核对编码"
        )
        advice = Fault("cell", message, value=code)
        raise NotFoundError(Words(english, f"第 {edition} 版{on_level}没有网格 {code}"), [advice])
    if len(found) > 1:
        levels = ", ".join(cells["level"].iloc[found])
        advice = Fault("level", Words(f"add one of {levels}", f"请加上其中一个层级：{levels}"))
        raise NotFoundError(
            Words(f"several levels have a cell {code!r}", f"有几个层级都有网格 {code}"), [advice]
        )
    return int(found[0])


def parents(tiling: Tiling, position: int) -> list[dict[str, Any]]:
    """Return the cells above one, the nearest first."""
    cells, above = tiling.cells, []
    place = {int(key): i for i, key in enumerate(cells["id"])}
    parent = cells["parent_id"].iloc[position]
    while pd.notna(parent):
        position = place[int(parent)]
        above.append(position)
        parent = cells["parent_id"].iloc[position]
    return [_row(tiling, one) for one in above]


def children(tiling: Tiling, position: int) -> list[dict[str, Any]]:
    """Return the cells directly below one, in order of code."""
    key = tiling.cells["id"].iloc[position]
    return _rows(tiling, np.flatnonzero((tiling.cells["parent_id"] == key).to_numpy(dtype=bool)))


def touches(tiling: Tiling, position: int) -> list[dict[str, Any]]:
    """Return the cells of the same level that meet one, with the length of border in common.

    Those that meet it in single points alone are there too, with a length of 0.
    """
    frame, row = _level_of(tiling, position)
    shapes = frame["geom"].to_numpy(dtype=object)
    near = shapely.STRtree(shapes).query(shapes[row], predicate="intersects")
    near = np.sort(near[near != row])
    common = shapely.intersection(shapely.boundary(shapes[near]), shapely.boundary(shapes[row]))
    lengths = length_m(common) if len(common) else np.empty(0)
    rows = [_described(frame.iloc[at]) for at in near.tolist()]
    for one, length in zip(rows, lengths.tolist(), strict=True):
        one["border_m"] = round(length, 1)
    return sorted(rows, key=lambda one: one["code"])


def overlaps(tiling: Tiling, position: int, other: Tiling, level: str) -> list[Overlap]:
    """Return the cells of a level of another tiling that share land with a cell, the most land first.

    Raises
    ------
    NotFoundError
        The other edition has no such level.
    """
    frame, row = _level_of(tiling, position)
    shape = frame["geom"].iloc[row]
    others = other.at_level(level)
    shapes = others["geom"].to_numpy(dtype=object)
    near = np.sort(shapely.STRtree(shapes).query(shape, predicate="intersects"))
    shared = shapely.intersection(shapes[near], shape)
    is_land = ~is_thin(shared)
    near, shared = near[is_land], shared[is_land]
    if not len(near):
        return []
    land: NDArray[np.float64] = area_m2(shared)
    own, whole = float(area_m2([shape])[0]), area_m2(shapes[near])
    found = [
        Overlap(_described(others.iloc[at]), land_m2, min(land_m2 / own, 1.0), min(land_m2 / all_m2, 1.0))
        for at, land_m2, all_m2 in zip(near.tolist(), land.tolist(), whole.tolist(), strict=True)
    ]
    return sorted(found, key=lambda one: (-one.land_m2, one.row["code"]))


def covers(tiling: Tiling, position: int, other: Tiling, level: str) -> list[Overlap]:
    """Return the cells of another tiling that lie wholly in a cell; see :func:`overlaps`."""
    return [one for one in overlaps(tiling, position, other, level) if one.share_of_other >= _WHOLE]


def _level_of(tiling: Tiling, position: int) -> tuple[pd.DataFrame, int]:
    cell = tiling.cells.iloc[position]
    frame = tiling.at_level(str(cell["level"]))
    return frame, int(np.flatnonzero(frame["id"].to_numpy() == cell["id"])[0])


def _rows(tiling: Tiling, positions: NDArray[np.intp]) -> list[dict[str, Any]]:
    return sorted((_row(tiling, int(at)) for at in positions), key=lambda one: one["code"])


def _row(tiling: Tiling, position: int) -> dict[str, Any]:
    return _described(tiling.cells.iloc[position])


def _described(cell: Any) -> dict[str, Any]:
    return {
        "level": cell["level"],
        "code": cell["code"],
        "name": cell["name"],
        "kind": cell["kind"],
        "parent_level": cell["parent_level"] if isinstance(cell["parent_level"], str) else None,
        "parent_code": cell["parent_code"] if isinstance(cell["parent_code"], str) else None,
    }
