"""Villages: where they lie in the valleys, their lanes, and the houses along them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo_service.demo.buildings import Buildings, frontage, join
from geo_service.demo.frame import Floats, Valley
from geo_service.demo.spec import DemoSpec
from geo_service.demo.terrain import Terrain, resample
from geo_service.demo.water import Water
from geo_service.demo.ways import Way, poke


@dataclass(frozen=True, slots=True)
class Spots:
    """Places along the valley roads where a village or hamlet can stand: point, road and where on it."""

    xy_m: Floats
    road: NDArray[np.int64]
    vertex: NDArray[np.int64]

    def take(self, which: NDArray[np.int64]) -> "Spots":
        """Return the chosen spots."""
        return Spots(self.xy_m[which], self.road[which], self.vertex[which])


@dataclass(frozen=True, slots=True)
class Village:
    """One village community: its name, its middle, whether it is a market town, its built parts."""

    name: str
    xy_m: Floats
    market: bool
    hamlets: tuple[tuple[str, float, float], ...]


def find_spots(spec: DemoSpec, valley: Valley, terrain: Terrain, roads: list[Way]) -> Spots:
    """Return every road vertex inside the county and outside the seat."""
    xy = np.concatenate([way.xy_m for way in roads])
    road = np.repeat(np.arange(len(roads)), [len(way.xy_m) for way in roads])
    vertex = np.concatenate([np.arange(len(way.xy_m)) for way in roads])
    s, t = valley.to_st(xy)
    margin = 260.0 if spec.size == "town" else 500.0
    seat = (np.abs(s) < spec.seat_half_m + margin) & (t > -spec.seat_south_m - margin)
    seat &= t < spec.rail_t_m + margin * 0.6
    cells, up = terrain.cell_of(xy), np.array([0.0, 260.0])
    rim = terrain.cell_of(xy + up), terrain.cell_of(xy - up)
    inside = terrain.inside.ravel()
    good = inside[cells] & inside[rim[0]] & inside[rim[1]] & ~seat & (np.abs(s) < spec.river_half_m - 250.0)
    keep = np.flatnonzero(good)
    return Spots(xy[keep], road[keep], vertex[keep])


def spread(rng: np.random.Generator, xy_m: Floats, n: int) -> NDArray[np.int64]:
    """Choose ``n`` points far apart: the largest spacing at which darts thrown in random order give n."""
    order = rng.permutation(len(xy_m))
    tree = cKDTree(xy_m)
    low, high, best = 0.0, 20_000.0, order[:n]
    for _ in range(15):
        middle = (low + high) / 2.0
        taken = _darts(tree, xy_m, order, middle)
        if len(taken) >= n:
            low, best = middle, taken
        else:
            high = middle
    return np.sort(np.array(best[:n], dtype=np.int64))


def _darts(tree: cKDTree, xy_m: Floats, order: NDArray[np.int64], radius: float) -> NDArray[np.int64]:
    free = np.ones(len(xy_m), dtype=bool)
    taken = []
    for k in order.tolist():
        if free[k]:
            taken.append(k)
            free[tree.query_ball_point(xy_m[k], radius)] = False
    return np.array(taken, dtype=np.int64)


def _curve(rng: np.random.Generator, start: Floats, angle: float, length: float) -> Floats:
    n = max(3, round(length / 14.0) + 1)
    turn = np.cumsum(rng.normal(0.0, 0.07, n)) + rng.normal(0.0, 0.012) * np.arange(n)
    heading = angle + turn
    step = length / (n - 1) * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    return np.asarray(start + np.r_[[[0.0, 0.0]], np.cumsum(step[:-1], axis=0)])


@dataclass(frozen=True, slots=True)
class Obstacles:
    """Points along water and railway, and how far from each a lane has to stop."""

    tree: cKDTree
    clearance_m: Floats

    @staticmethod
    def of(water: Water, rail_xy_m: Floats) -> "Obstacles":
        """Sample the river, the streams and the railway."""
        lines = [water.river_xy_m, rail_xy_m, *(stream.xy_m for stream in water.streams)]
        half = [float(water.river_half_width_m.max()), 8.0]
        half += [float(stream.half_width_m.max()) for stream in water.streams]
        points = [resample(xy, 9.0) for xy in lines]
        clearance = [np.full(len(xy), width + 11.0) for xy, width in zip(points, half, strict=True)]
        return Obstacles(cKDTree(np.concatenate(points)), np.concatenate(clearance))


def _cut_at_obstacles(line: Floats, obstacles: Obstacles, terrain: Terrain) -> Floats:
    """Keep the part of a lane before the first water, railway or steep slope."""
    rise = terrain.height_at(line) - terrain.height_at(line[:1])
    away, nearest = obstacles.tree.query(line)
    stop = np.flatnonzero((rise > 22.0) | (away < obstacles.clearance_m[nearest]))
    return line[: int(stop[0])] if len(stop) else line


def _stretch(road: Floats, vertex: int, length: float) -> Floats:
    """Return the part of a road within ``length`` of one of its vertices, along the road."""
    step = np.r_[0.0, np.cumsum(np.hypot(*np.diff(road, axis=0).T))]
    near = np.flatnonzero(np.abs(step - step[vertex]) <= max(length, 30.0))
    return road[near[0] : near[-1] + 1]


def settle(
    rng: np.random.Generator,
    roads: list[Way],
    spot: tuple[int, int],
    *,
    houses: int,
    place: str,
    obstacles: Obstacles,
    terrain: Terrain,
) -> tuple[list[Way], Buildings]:
    """Build one natural village at a road vertex: lanes off the road and houses along both."""
    road = roads[spot[0]].xy_m
    front = resample(_stretch(road, spot[1], 22.0 + 1.9 * houses), 14.0)
    lanes: list[Way] = []
    tables = [frontage(rng, front, place, 0.86)]
    if len(front) > 3 and houses > 8:
        for number, k in enumerate(range(1 + int(rng.integers(0, 2)), len(front) - 1, 3)):
            if rng.random() < 0.15:
                continue
            along = front[k + 1] - front[k - 1]
            side = 1.0 if (number % 2 == 0) == (rng.random() < 0.85) else -1.0
            angle = float(np.arctan2(along[1], along[0])) + side * np.pi / 2.0 + rng.normal(0.0, 0.09)
            middle = 1.0 - abs(2.0 * k / len(front) - 1.0)
            length = (50.0 + 1.25 * min(houses, 210) * middle) * rng.uniform(0.5, 1.25)
            line = _cut_at_obstacles(_curve(rng, front[k], angle, length), obstacles, terrain)
            if len(line) < 3:
                continue
            lanes.append(Way(poke(line), "residential" if len(line) > 9 else "service", f"{place}路"))
            tables.append(frontage(rng, line, place, 0.9))
            for fork in range(4, len(line) - 2, 6):
                turn = (1.0 if rng.random() < 0.5 else -1.0) * (np.pi / 2.0 + rng.normal(0.0, 0.2))
                branch = _curve(rng, line[fork], angle + turn, rng.uniform(30.0, 75.0))
                branch = _cut_at_obstacles(branch, obstacles, terrain)
                if len(branch) >= 3:
                    lanes.append(Way(poke(branch), "service", f"{place}弄"))
                    tables.append(frontage(rng, branch, place, 0.9))
    return lanes, join(tables)


def make_villages(
    rng: np.random.Generator,
    spec: DemoSpec,
    valley: Valley,
    terrain: Terrain,
    *,
    water: Water,
    roads: list[Way],
    rail_xy_m: Floats,
    names: list[str],
) -> tuple[list[Village], list[Way], Buildings]:
    """Place the villages with their hamlets along the roads and build them."""
    spots = find_spots(spec, valley, terrain, roads)
    seats = spots.take(_village_spots(rng, spec, valley, spots))
    seat_tree = cKDTree(seats.xy_m)
    obstacles = Obstacles.of(water, rail_xy_m)
    owner = seat_tree.query(spots.xy_m)[1]
    markets = set(_market_villages(spec, seats).tolist())
    villages, ways, tables = [], [], []
    for k in range(spec.n_villages):
        houses = int(rng.integers(90, 210)) + (220 if k in markets else 0)
        if spec.size == "town":
            houses = int(rng.integers(190, 240))
        sites = [(int(seats.road[k]), int(seats.vertex[k]), houses, names[k])]
        sites += _hamlets(rng, spots, np.flatnonzero(owner == k), seats.xy_m[k], names[k])
        parts = []
        for road, vertex, count, place in sites:
            lanes, table = settle(
                rng, roads, (road, vertex), houses=count, place=place, obstacles=obstacles, terrain=terrain
            )
            ways += lanes
            tables.append(table)
            parts.append((place, float(roads[road].xy_m[vertex][0]), float(roads[road].xy_m[vertex][1])))
        villages.append(Village(names[k], seats.xy_m[k], k in markets, tuple(parts)))
    return villages, ways, join(tables)


def _village_spots(
    rng: np.random.Generator, spec: DemoSpec, valley: Valley, spots: Spots
) -> NDArray[np.int64]:
    if spec.size == "county":
        return spread(rng, spots.xy_m, spec.n_villages)
    s, t = valley.to_st(spots.xy_m)
    east = np.argmin(np.hypot(s - spec.seat_half_m - 620.0, t - 330.0))
    west = np.argmin(np.hypot(s + spec.seat_half_m + 620.0, t - 330.0))
    return np.array([west, east], dtype=np.int64)


def _market_villages(spec: DemoSpec, seats: Spots) -> NDArray[np.int64]:
    """Market towns lie apart from each other and from the seat, first found first served."""
    distance = np.hypot(*seats.xy_m.T)
    chosen: list[int] = []
    for _ in range(spec.n_market_towns):
        chosen.append(int(np.argmax(distance)) if chosen else int(np.argsort(distance)[len(distance) // 2]))
        distance = np.minimum(distance, np.hypot(*(seats.xy_m - seats.xy_m[chosen[-1]]).T))
    return np.array(chosen, dtype=np.int64)


def _hamlets(
    rng: np.random.Generator, spots: Spots, own: NDArray[np.int64], middle: Floats, village: str
) -> list[tuple[int, int, int, str]]:
    away = np.hypot(*(spots.xy_m[own] - middle).T)
    own = own[(away > 330.0) & (away < 2400.0)]
    if not len(own):
        return []
    n = min(int(rng.integers(2, 6)), len(own))
    out = []
    taken = [int(rng.integers(len(own)))]
    for _ in range(n - 1):
        apart = np.hypot(*(spots.xy_m[own][:, None] - spots.xy_m[own[taken]][None]).transpose(2, 0, 1)).min(
            axis=1
        )
        taken.append(int(np.argmax(apart * rng.uniform(0.5, 1.0, len(own)))))
    for number, k in enumerate(taken):
        at = own[k]
        place = (
            village + ("上", "下", "里", "外", "东", "西", "前")[number % 7] + ("坞", "垄", "湾")[number % 3]
        )
        out.append((int(spots.road[at]), int(spots.vertex[at]), int(rng.integers(14, 64)), place))
    return out
