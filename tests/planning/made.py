"""A small made place: two communities of two grids, each grid a row of micro-grids, with their redraw."""

import numpy as np

from geo_service.geometry.fabric import Fabric
from geo_service.geometry.stars import FabricStars
from geo_service.planning.redraw import Redraw
from geo_service.planning.register import CellRecord, Register
from tests.geometry.tilings import ORIGIN, square

LEVELS = ("community", "grid", "leaf")
COLUMNS = 4


def issue(level, parent, count, taken):
    """Codes below the parent, counted on."""
    stem = parent[1] if parent else "X"
    free = (f"{stem}.{k}" for k in range(1, 1000) if f"{stem}.{k}" not in taken)
    return [next(free) for _ in range(count)]


def place(x, y):
    """Degrees of a point so many steps from the origin of the test tilings."""
    return [(int(ORIGIN[0]) + x) / 2**23, (int(ORIGIN[1]) + y) / 2**23]


def line(*places):
    return [place(x, y) for x, y in places]


def made():
    """Communities A and B; grids A1, A2, B1, B2 from south to north; leaves A1a ... B2d from west to east."""
    records, keys, shapes = [], [], []
    for community, row in (("A", 0), ("B", 2)):
        records.append(CellRecord("community", community, name=f"Village {community}"))
        for k in (1, 2):
            grid = f"{community}{k}"
            records.append(CellRecord("grid", grid, name=f"Grid {grid}", parent=("community", community)))
            for column in range(COLUMNS):
                code = f"{grid}{'abcd'[column]}"
                records.append(CellRecord("leaf", code, name=code, parent=("grid", grid)))
                keys.append(("leaf", code))
                shapes.append(square(column * 10_000, (row + k - 1) * 10_000))
    base = FabricStars(Fabric.from_polygons(np.array(shapes, dtype=object)))
    return Redraw(base, keys, Register(LEVELS, records), issue)
