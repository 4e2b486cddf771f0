"""A made-up place for the browser: a tiling in four levels, streets, a river, incidents, responders."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.model import Level

SCALE = 2.0**23
ORIGIN_DEG = (120.60, 29.95)
LEVELS = (
    Level("township", 0, "乡镇", "Township"),
    Level("community", 1, "社区", "Community"),
    Level("grid", 2, "网格", "Grid"),
    Level("micro_grid", 3, "微网格", "Micro-grid"),
)
SIDES = {"township": 24, "community": 6, "grid": 3, "micro_grid": 1}  # leaves along one side of a cell


@dataclass(frozen=True)
class Town:
    """``side`` × ``side`` leaves, each some 400 m wide, with wavy borders that neighbours share."""

    side: int
    spacing_deg: float = 0.0045
    seed: int = 7

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        west, south, east, north = shapely.total_bounds(self.leaves)
        return float(west), float(south), float(east), float(north)

    @cached_property
    def nodes(self) -> NDArray[np.float64]:
        rng = np.random.default_rng(self.seed)
        at = np.stack(np.meshgrid(*[np.arange(self.side + 1)] * 2, indexing="ij"), axis=-1).astype(float)
        return np.asarray(ORIGIN_DEG + (at + rng.uniform(-0.24, 0.24, at.shape)) * self.spacing_deg)

    @cached_property
    def leaves(self) -> NDArray[np.object_]:
        """Leaves row by row; a border is made once, so both sides have the same vertices."""
        borders: dict[tuple[int, int, int, int], NDArray[np.float64]] = {}

        def border(*ends: int) -> NDArray[np.float64]:
            a, b = (ends[0], ends[1]), (ends[2], ends[3])
            if a > b:
                return border(*b, *a)[::-1]
            if ends not in borders:
                rng = np.random.default_rng((self.seed, *ends))
                share = np.linspace(0, 1, 9)[:, None]
                line = self.nodes[a] * (1 - share) + self.nodes[b] * share
                wave = np.cumsum(rng.normal(0, 0.022, (9, 2)), axis=0) * share * (1 - share) * 3
                line += wave * self.spacing_deg
                borders[ends] = np.rint(line * SCALE) / SCALE
            return borders[ends]

        out = np.empty(self.side**2, dtype=object)
        for i in range(self.side):
            for j in range(self.side):
                walk = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1), (i, j)]
                ring = np.concatenate([border(*a, *b)[:-1] for a, b in pairwise(walk)])
                out[i * self.side + j] = shapely.Polygon(ring)
        return out

    def cells(self, level: str) -> gpd.GeoDataFrame:
        """Cells of a level: blocks of leaves."""
        block = SIDES[level]
        i, j = np.divmod(np.arange(self.side**2), self.side)
        group = (i // block) * 1000 + j // block
        number, member = np.unique(group, return_inverse=True)
        geoms = (
            self.leaves
            if block == 1
            else [shapely.coverage_union_all(self.leaves[member == g]) for g in range(len(number))]
        )
        zh = next(one.name_zh for one in LEVELS if one.code == level)
        codes = [f"3306{LEVELS.index(next(x for x in LEVELS if x.code == level))}{n:06d}" for n in number]
        names = [f"第{k + 1}{zh}" for k in range(len(number))]
        return gpd.GeoDataFrame({"code": codes, "name": names}, geometry=list(geoms), crs=4326)

    def figures(self, level: str) -> dict[str, float | None]:
        """Something that varies smoothly over the place, with noise and some cells without data."""
        cells = self.cells(level)
        x, y = shapely.get_coordinates(shapely.centroid(cells.geometry.array)).T
        west, south, east, north = self.bounds
        u, v = (x - west) / (east - west), (y - south) / (north - south)
        rng = np.random.default_rng(self.seed)
        value = 6 * np.exp(-((u - 0.5) ** 2 + (v - 0.45) ** 2) * 9) + rng.gamma(2.0, 0.35, len(x))
        return {code: None if k % 41 == 7 else float(value[k]) for k, code in enumerate(cells["code"])}

    def incidents(self, count: int) -> NDArray[np.float64]:
        """Incidents in clusters."""
        rng = np.random.default_rng(self.seed)
        west, south, east, north = self.bounds
        middle = rng.uniform((west, south), (east, north), (12, 2))
        return middle[rng.integers(0, 12, count)] + rng.normal(0, (east - west) / 22, (count, 2))

    @cached_property
    def base(self) -> dict[str, gpd.GeoDataFrame]:
        """Streets along some of the borders, a river, woods."""
        west, south, east, north = self.bounds
        roads, kinds, names = [], [], []
        for k in range(0, self.side + 1, 2):
            kind = "primary" if k % 12 == 0 else "secondary" if k % 6 == 0 else "residential"
            for line, way in ((self.nodes[k], "路"), (self.nodes[:, k], "街")):
                roads.append(shapely.LineString(line))
                kinds.append(kind)
                names.append(f"{'东南西北中'[k % 5]}{'山河湖海'[k % 4]}{way}")
        t = np.linspace(0, 1, 60)
        river = np.column_stack(
            [west + t * (east - west), south + (0.6 + 0.12 * np.sin(t * 9)) * (north - south)]
        )
        shape = shapely.buffer(shapely.LineString(river), (north - south) * 0.012)
        rng = np.random.default_rng(3)
        woods = shapely.buffer(
            shapely.points(rng.uniform((west, south), (east, north), (9, 2))), (east - west) * 0.05
        )
        frame = gpd.GeoDataFrame
        return {
            "landuse": frame(
                {"kind": ["forest", "park", "residential"] * 3, "name": [""] * 9},
                geometry=list(woods),
                crs=4326,
            ),
            "water": frame(
                {"kind": ["river", "river"], "name": ["", "曹娥江"]},
                geometry=[shape, shapely.LineString(river)],
                crs=4326,
            ),
            "roads": frame({"kind": kinds, "name": names}, geometry=roads, crs=4326),
            "rail": frame(
                {"kind": ["rail"], "name": [""]},
                geometry=[shapely.LineString([(west, south), (east, north)])],
                crs=4326,
            ),
        }
