"""Locating: the cell of a point at every level, how sure that is, and who is near the border."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.model import How
from geo_service.services.placing import NEAR_GAP_M
from geo_service.services.tiling import Tiling


def locate_one(tiling: Tiling, lon: float, lat: float) -> dict[str, Any]:
    """Return cell, path and how, for one point in EPSG:4326; no distances: this is the fast answer."""
    leaf, on_edge = tiling.index.leaf_of_one(lon, lat)
    if leaf < 0:
        return {"cell_code": None, "level": None, "how": How.NONE.value, "path": []}
    how = How.ON_EDGE if on_edge else How.INSIDE
    path = tiling.named_path(leaf)
    return {"cell_code": path[-1]["code"], "level": path[-1]["level"], "how": how.value, "path": path}


def locate_closely(tiling: Tiling, lon: float, lat: float, accuracy_m: float | None = None) -> dict[str, Any]:
    """Return :func:`locate_one` and what is near: border, runner-up, nearest cell, candidates.

    ``accuracy_m`` is the radius that holds the true place with a probability of 68 %.
    """
    at = np.array([[lon, lat]])
    found = tiling.index.locate(at, border=True, near_gap_m=NEAR_GAP_M)
    answer = locate_one(tiling, lon, lat) | {"how": str(found.how[0])}
    answer["border_m"] = _rounded(found.border_m[0])
    answer["runner_up_code"] = _code(tiling, found.runner_up[0])
    if found.cell[0] < 0:
        answer["nearest_code"] = _code(tiling, found.nearest[0])
        answer["nearest_m"] = _rounded(found.nearest_m[0])
    if accuracy_m is not None:
        answer["candidates"] = [
            {"cell_code": _code(tiling, cell), "probability": round(probability, 4)}
            for cell, probability in tiling.index.candidates(lon, lat, accuracy_m)
        ]
    return answer


def assign(tiling: Tiling, lonlat_deg: NDArray[np.float64]) -> pd.DataFrame:
    """Return for each point ``cell_code_<level>`` of every level, ``how`` and ``border_m``.

    Points without coordinates (NaN) or in no cell have None for codes.
    """
    found = tiling.index.locate(lonlat_deg, border=True, near_gap_m=NEAR_GAP_M, nearest=False)
    codes = np.array([*tiling.cells["code"], None], dtype=object)
    ancestry = np.vstack((tiling.ancestry, np.full(len(tiling.levels), -1, dtype=np.int32)))
    columns: dict[str, Any] = {
        f"cell_code_{level}": codes[ancestry[found.cell, i]] for i, level in enumerate(tiling.levels)
    }
    return pd.DataFrame({**columns, "how": found.how, "border_m": np.round(found.border_m, 2)})


def leaf_codes(tiling: Tiling, placed: pd.DataFrame) -> list[str | None]:
    """Return the code of the lowest cell of each row that :func:`assign` gave."""
    codes = pd.Series(None, index=placed.index, dtype=object)
    for level in tiling.levels:
        column = placed[f"cell_code_{level}"]
        codes = codes.where(column.isna(), column)
    return [None if pd.isna(code) else str(code) for code in codes]


def _code(tiling: Tiling, leaf: int) -> str | None:
    return str(tiling.leaf_codes[leaf]) if leaf >= 0 else None


def _rounded(value: float) -> float | None:
    return round(float(value), 2) if np.isfinite(value) else None
