"""How firmly a place is covered: by whom, by how many, and what becomes blind when one of them is sent."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_service.errors import Fault, NotFoundError, Words
from geo_service.roads.kernels import NONE
from geo_service.services.coverage_places import PEOPLE
from geo_service.services.coverage_question import Measure
from geo_service.services.coverage_readings import LOW_WORD, Setting, travelled
from geo_service.services.ground import Ground


@dataclass(frozen=True, eq=False)
class Sole:
    """Places that exactly one person covers, by person.

    Attributes
    ----------
    person : (k,) int64
        Number of the person who alone covers each of these points.
    point : (k,) int64
        The points.
    """

    person: NDArray[np.int64]
    point: NDArray[np.int64]


def sole_cover(held: Ground, setting: Setting) -> Sole:
    """Return which points are covered by exactly one, and by whom."""
    within = travelled(held, setting)[PEOPLE].within
    point = np.flatnonzero((within[:, 0] != NONE) & (within[:, 1] == NONE))
    return Sole(within[point, 0] & LOW_WORD, point)


def whom_to_keep(held: Ground, setting: Setting) -> pd.DataFrame:
    """Tell of each who alone covers anybody what becomes blind when he is sent, most households first.

    Columns: code, households, residents, cells (leaves concerned).
    """
    sole, places = sole_cover(held, setting), setting.places[PEOPLE]
    n = len(setting.people)
    sums = {
        measure.value: np.bincount(sole.person, weights=places.weights[measure][sole.point], minlength=n)
        for measure in (Measure.HOUSEHOLDS, Measure.RESIDENTS)
    }
    pairs = np.unique(np.stack([sole.person, places.leaf[sole.point]], axis=1), axis=0)
    cells = np.bincount(pairs[:, 0], minlength=n)
    frame = pd.DataFrame({"code": setting.people.codes, **sums, "cells": cells})
    frame = frame[frame["cells"] > 0]
    return frame.sort_values(["households", "code"], ascending=[False, True]).reset_index(drop=True)


def if_sent(held: Ground, setting: Setting, code: str) -> dict[str, Any]:
    """Tell what becomes blind when one of them is sent: households and residents by leaf.

    Raises
    ------
    NotFoundError
        Nobody of this code counts at the moment.
    """
    if code not in setting.people.codes:
        words = Words("nobody of this code counts at the moment", "此刻没有这个编号的可用人员")
        raise NotFoundError(words, [Fault("code", words, value=code)])
    number = setting.people.codes.index(code)
    sole, places, tiling = sole_cover(held, setting), setting.places[PEOPLE], setting.tiling
    point = sole.point[sole.person == number]
    leaf = places.leaf[point]
    households = places.weights[Measure.HOUSEHOLDS][point]
    residents = places.weights[Measure.RESIDENTS][point]
    rows = np.unique(leaf)
    names = tiling.cells["name"].to_numpy(dtype=object)[tiling.leaves]
    blind = [
        {
            "code": str(tiling.leaf_codes[row]),
            "name": str(names[row]),
            "households": float(households[leaf == row].sum()),
            "residents": float(residents[leaf == row].sum()),
        }
        for row in rows.tolist()
    ]
    blind.sort(key=_most_first)
    return {
        "code": code,
        "households": float(households.sum()),
        "residents": float(residents.sum()),
        "cells": blind,
    }


def _most_first(one: dict[str, Any]) -> tuple[float, str]:
    return -float(one["households"]), str(one["code"])
