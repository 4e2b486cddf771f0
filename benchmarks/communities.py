"""Seeded communities: streets, a river, buildings with households; what a planner would divide."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.demo.county import generate
from geo_service.geometry import lattice

ORIGIN_DEG = np.array([119.17, 29.03])
DEG_PER_M = np.array([1 / 97_460, 1 / 110_870])
PLOT_M = 28.0
#: Three communities of the demo county that lie together on both banks of its river.
RIVERSIDE = ("339801001004", "339801001009", "339801001011")


@dataclass(frozen=True)
class Community:
    land: shapely.Geometry
    footprints: NDArray[np.object_]
    households: NDArray[np.int64]
    lines: dict[str, list[shapely.Geometry]]
    crossings: NDArray[np.float64]


def community(seed: int, n_buildings: int, households: int, *, river: bool = True) -> Community:
    """A square community of plots, a street every few plots, and a river that winds from west to east."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(1.1 * n_buildings)))
    width_m = side * PLOT_M
    x = np.linspace(-1.0, width_m + 1.0, 60)
    bed = shapely.LineString(np.column_stack((x, width_m * (0.38 + 0.05 * np.sin(x / width_m * 7.0)))))
    column, row = np.divmod(np.arange(side * side), side)
    middle = (np.column_stack((column, row)) + 0.5) * PLOT_M
    dry = np.flatnonzero(shapely.distance(shapely.points(middle), bed) > PLOT_M / 2.0)
    middle = middle[np.sort(rng.choice(dry, n_buildings, replace=False))]
    half = rng.uniform(4.0, 9.0, (n_buildings, 2))
    middle += rng.uniform(-1.0, 1.0, (n_buildings, 2)) * (PLOT_M / 2.0 - 3.0 - half)
    footprints = _degrees(shapely.box(*(middle - half).T, *(middle + half).T))
    weight = rng.lognormal(0.0, 1.0, n_buildings)
    count = rng.multinomial(households, weight / weight.sum())
    streets = []
    for axis in (0, 1):
        at = 0
        while (at := at + int(rng.integers(3, 7))) < side:
            ends = np.array([[at * PLOT_M, -1.0], [at * PLOT_M, width_m + 1.0]])
            streets.append(shapely.LineString(ends if axis == 0 else ends[:, ::-1]))
    lines = {"street": list(_degrees(np.array(streets)))}
    if river:
        lines["river"] = [_degrees(bed)]
    land = lattice.snap(_degrees(shapely.segmentize(shapely.box(0, 0, width_m, width_m), 40.0)))
    return Community(land, footprints, count.astype(np.int64), lines, np.empty((0, 2)))


def riverside() -> Community:
    """Three communities of the demo county as one: both banks of the river, and bridges beside them."""
    county = generate("county")
    leaves = county.cells[county.cells["code"].str.startswith(RIVERSIDE) & county.cells.geometry.notna()]
    land = shapely.coverage_union_all(leaves.geometry.to_numpy())
    box = shapely.box(*land.buffer(0.001).bounds)

    def near(geoms):
        return geoms[shapely.intersects(geoms, box)]

    barriers = {kind: table.geometry.to_numpy() for kind, table in county.barriers.groupby("kind")}
    lines = {kind: list(near(barriers[kind])) for kind in ("river", "railway", "stream")}
    lines["street"] = list(near(county.network.edge_shape))
    lines["leaf"] = list(shapely.boundary(leaves.geometry.to_numpy()))
    homes = county.demand[county.demand["cell_code"].str.startswith(RIVERSIDE)]
    crossings = shapely.get_coordinates(near(county.crossings.geometry.to_numpy()))
    return Community(land, homes.geometry.to_numpy(), homes["households"].to_numpy(), lines, crossings)


def _degrees(geoms):
    return lattice.snap(shapely.transform(geoms, lambda xy: xy * DEG_PER_M + ORIGIN_DEG))
