"""Small places to judge: squares in rows, and the demo town as a scene."""

import numpy as np
import shapely

from geo_service.geometry import rules
from geo_service.geometry.rules_ground import Ground
from geo_service.geometry.rules_scene import Scene, SceneCell
from geo_service.geometry.rules_settings import RuleSetting, RuleSettings
from geo_service.model import Level, Severity
from tests.geometry.tilings import square, units

LEVELS = (
    Level("community", 0, "社区", "Community"),
    Level("grid", 1, "网格", "Grid"),
    Level("micro_grid", 2, "微网格", "Micro-grid"),
)
SIZE = 10_000  # lattice steps: about 116 by 132 m


def point(x, y):
    """A point so many squares from the corner."""
    return shapely.centroid(square(round(x * SIZE) - 1, round(y * SIZE) - 1, 2))


def line(*places):
    """A line through places given in squares."""
    return shapely.LineString([shapely.get_coordinates(point(*place))[0] for place in places])


def house(x, y, size=0.1):
    """A square footprint round a place given in squares."""
    half = round(size * SIZE / 2)
    a, b = round(x * SIZE), round(y * SIZE)
    return units([(a - half, b - half), (a + half, b - half), (a + half, b + half), (a - half, b + half)])


def rows(owner, *, households=10, kinds=None):
    """Cells for a table of letters: each a square leaf, in the grid of its letter; all in community 1.

    The first row is the southern one.
    """
    leaves = [
        SceneCell(
            "micro_grid",
            f"{letter}{r}{c}",
            kind=(kinds or {}).get(f"{letter}{r}{c}", "regular"),
            parent=("grid", letter),
            shape=square(c * SIZE, r * SIZE),
            households=households,
            residents=3 * households,
        )
        for r, row in enumerate(owner)
        for c, letter in enumerate(row)
        if letter != " "
    ]
    letters = sorted({letter for row in owner for letter in row} - {" "})
    grids = [SceneCell("grid", letter, parent=("community", "1"), area_class="urban") for letter in letters]
    return [SceneCell("community", "1", name="一社区"), *grids, *leaves]


def scene(owner, ground=None, **more):
    return Scene.of(LEVELS, rows(owner), ground, **more)


def demo_scene(demo):
    """The demo county as a scene."""
    above = dict(
        zip(
            [level.code for level in demo.levels],
            [None, *[level.code for level in demo.levels]],
            strict=False,
        )
    )
    table = demo.cells.rename(columns={"class": "area_class"})
    cells = [
        SceneCell(
            row.level,
            row.code,
            row.name_,
            row.kind,
            parent=None if above[row.level] is None else (above[row.level], row.parent_code),
            area_class=row.area_class,
            shape=row.geometry if row.level == "micro_grid" else None,
            households=row.households if row.level == "micro_grid" else None,
            residents=row.residents if row.level == "micro_grid" else None,
        )
        for row in table.rename(columns={"name": "name_"}).itertuples()
    ]
    return Scene.of(
        demo.levels,
        cells,
        demo_ground(demo),
        owned=frozenset(("grid", code) for code in demo.responders["cell_code"] if len(code) == 15),
        base=frozenset(cell.key for cell in cells),
        codes_used=frozenset(cell.key for cell in cells),
    )


def demo_ground(demo):
    return Ground.build(
        buildings=demo.demand.geometry.to_numpy(),
        building_names=demo.demand["address"].tolist(),
        households=demo.demand["households"].to_numpy(),
        residents=demo.demand["residents"].to_numpy(),
        barriers=demo.barriers.geometry.to_numpy(),
        barrier_kinds=demo.barriers["kind"].tolist(),
        barrier_names=demo.barriers["name"].tolist(),
        crossings=demo.crossings.geometry.to_numpy(),
    )


def one_by_one(geoms):
    out = np.empty(len(geoms), dtype=object)
    out[:] = list(geoms)
    return out


def only(rule, severity=Severity.ERROR, **numbers):
    """Settings with one rule alone, for every cell."""
    return RuleSettings((RuleSetting(rule, severity, numbers=numbers),))


def found(place, rule, cells=None, **numbers):
    return rules.check(place, cells, only(rule, **numbers))
