"""Villages: where they lie in the valleys, their lanes, and the houses along them."""

from dataclasses import dataclass

import numpy as np
import shapely
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
    cells = terrain.cell_of(xy)
    rim = terrain.cell_of(xy + [[0.0, 260.0]]), terrain.cell_of(xy - [[0.0, 260.0]])
    inside = terrain.inside.ravel()
    good = inside[cells] & inside[rim[0]] & inside[rim[1]] & ~seat & (np.abs(s) < spec.river_half_m - 250.0)
    keep = np.flatnonzero(good)
    return Spots(xy[keep], road[keep], vertex[keep])


def spread(rng: np.random.Generator, xy_m: Floats, n: int) -> NDArray[np.int64]:
    """Choose ``n`` points far apart: the largest spacing at which darts thrown in random order give n."""
    order = rng.permutation(len(xy_m))
    tree = cKDTree(xy_m)
    low, high, best = 0.0, 20_000.0, order[:n]
    for _ in range(22):
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


def _cut_at_obstacles(line: Floats, obstacles: shapely.STRtree, terrain: Terrain) -> Floats:
    """Keep the part of a lane before the first water, railway or steep slope."""
    rise = terrain.height_at(line) - terrain.height_at(line[:1])
    steep = np.flatnonzero(rise > 22.0)
    stop = int(steep[0]) if len(steep) else len(line)
    segments = shapely.linestrings(np.stack([line[:-1], line[1:]], axis=1))
    hit = obstacles.query(segments, predicate="dwithin", distance=9.0)[0]
    if len(hit):
        stop = min(stop, int(hit.min()))
    return line[:stop]


def _stretch(road: Floats, vertex: int, length: float) -> Floats:
    """Return the part of a road within ``length`` of one of its vertices, along the road."""
    step = np.r_[0.0, np.cumsum(np.hypot(*np.diff(road, axis=0).T))]
    near = np.flatnonzero(np.abs(step - step[vertex]) <= max(length, 30.0))
    return road[near[0] : near[-1] + 1]


def settle(
    rng: np.random.Generator,
    roads: list[Way],
    spot: tuple[int, int],
    houses: int,
    place: str,
    obstacles: shapely.STRtree,
    terrain: Terrain,
) -> tuple[list[Way], Buildings]:
    """Build one natural village at a road vertex: lanes off the road and houses along both."""
    road = roads[spot[0]].xy_m
    front = resample(_stretch(road, spot[1], 22.0 + 2.1 * houses), 14.0)
    lanes: list[Way] = []
    tables = [frontage(rng, front, place, 0.86)]
    n_lanes = int(np.clip(houses / 7.5, 0, 22))
    if n_lanes and len(front) > 3:
        at = np.sort(rng.choice(np.arange(1, len(front) - 1), min(n_lanes, len(front) - 2), replace=False))
        for k in at.tolist():
            along = front[k + 1] - front[k - 1]
            side = 1.0 if rng.random() < 0.5 else -1.0
            angle = float(np.arctan2(along[1], along[0])) + side * np.pi / 2.0 + rng.normal(0.0, 0.16)
            middle = 1.0 - abs(2.0 * k / len(front) - 1.0)
            line = _curve(rng, front[k], angle, (50.0 + 1.3 * houses * middle) * rng.uniform(0.6, 1.2))
            line = _cut_at_obstacles(line, obstacles, terrain)
            if len(line) >= 3:
                lanes.append(Way(poke(line), "residential" if len(line) > 9 else "service", f"{place}路"))
                tables.append(frontage(rng, line, place, 0.9))
    return lanes, join(tables)


def make_villages(
    rng: np.random.Generator,
    spec: DemoSpec,
    valley: Valley,
    terrain: Terrain,
    water: Water,
    roads: list[Way],
    rail_xy_m: Floats,
    names: list[str],
) -> tuple[list[Village], list[Way], Buildings]:
    """Place the villages with their hamlets along the roads and build them."""
    spots = find_spots(spec, valley, terrain, roads)
    seats = spots.take(_village_spots(rng, spec, valley, spots))
    seat_tree = cKDTree(seats.xy_m)
    rail = shapely.LineString(rail_xy_m)
    obstacles = shapely.STRtree(np.r_[water.stream_banks, [water.river, rail]])
    owner = seat_tree.query(spots.xy_m)[1]
    markets = set(_market_villages(spec, seats).tolist())
    villages, ways, tables = [], [], []
    for k in range(spec.n_villages):
        houses = int(rng.integers(55, 135)) + (150 if k in markets else 0)
        if spec.size == "town":
            houses = int(rng.integers(150, 190))
        sites = [(int(seats.road[k]), int(seats.vertex[k]), houses, names[k])]
        sites += _hamlets(rng, spots, np.flatnonzero(owner == k), seats.xy_m[k], names[k])
        parts = []
        for road, vertex, count, place in sites:
            lanes, table = settle(rng, roads, (road, vertex), count, place, obstacles, terrain)
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
    for number, k in enumerate(spread(rng, spots.xy_m[own], n).tolist()):
        at = own[k]
        place = (
            village + ("上", "下", "里", "外", "东", "西", "前")[number % 7] + ("坞", "垄", "湾")[number % 3]
        )
        out.append((int(spots.road[at]), int(spots.vertex[at]), int(rng.integers(10, 46)), place))
    return out
