"""Ways: the lines people travel on, before they become a network; and small helpers on lines."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Point

from geo_service.demo.frame import Floats, Valley, Waves
from geo_service.demo.names import ordinal_name
from geo_service.demo.spec import DemoSpec
from geo_service.demo.terrain import resample, smooth_line
from geo_service.demo.water import Water

POKE_M = 1.6


@dataclass(frozen=True, slots=True)
class Way:
    """One way: its line in local metres, its class in OSM's words, and its name."""

    xy_m: Floats
    road_class: str
    name: str


def pieces(lines: list[Floats]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Cut polylines into two-point lines; return them and the index of the line each came from."""
    ends = np.concatenate([np.stack([xy[:-1], xy[1:]], axis=1) for xy in lines])
    owner = np.repeat(np.arange(len(lines)), [len(xy) - 1 for xy in lines])
    return np.asarray(shapely.linestrings(ends)), owner


def offset(xy_m: Floats, distance_m: Floats) -> Floats:
    """Shift each vertex sideways (left is positive)."""
    tangent = np.gradient(xy_m, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)[:, None]
    return np.asarray(xy_m + np.stack([-tangent[:, 1], tangent[:, 0]], axis=-1) * distance_m[:, None])


def railway_line(rng: np.random.Generator, spec: DemoSpec, valley: Valley) -> Floats:
    """Lay the railway along the north side of the valley, just outside the seat."""
    s = np.arange(-0.62 * spec.frame_w_m, 0.62 * spec.frame_w_m, 40.0)
    sway = Waves.draw(rng, 40.0, spec.frame_w_m * 0.3, 3)(s)
    near = np.exp(-((s / (1.6 * spec.seat_half_m)) ** 2))
    t = spec.rail_t_m * (0.72 + 0.28 * near) + sway * (1.0 - near)
    return smooth_line(resample(valley.to_xy(s, t), 30.0), 8.0)


def poke(xy_m: Floats, *, both: bool = False) -> Floats:
    """Lengthen a line a little at its start (or both ends), so that it surely meets the way it leaves."""
    first = xy_m[0] - (xy_m[1] - xy_m[0]) / np.hypot(*(xy_m[1] - xy_m[0])) * POKE_M
    last = xy_m[-1] - (xy_m[-2] - xy_m[-1]) / np.hypot(*(xy_m[-2] - xy_m[-1])) * POKE_M
    return np.asarray(np.r_[[first], xy_m, [last]] if both else np.r_[[first], xy_m])


def river_roads(
    spec: DemoSpec, valley: Valley, avenue_t: tuple[float, float], half_m: tuple[float, float]
) -> list[Way]:
    """Return the valley roads that carry the seat's two avenues on, up and down the river."""
    step, reach = 25.0, 0.56 * spec.frame_w_m
    out = []
    for t, half, kind, label in (
        (avenue_t[0], half_m[0], "secondary", "S318 省道"),
        (avenue_t[1], half_m[1], "tertiary", "X402 县道"),
    ):
        for low, high in ((-reach, -half), (half, reach)):
            s = np.linspace(low, high, round((high - low) / step) + 1)
            out.append(Way(valley.to_xy(s, np.full_like(s, t)), kind, label))
    return out


def stream_roads(rng: np.random.Generator, water: Water, trunk: list[Way]) -> list[Way]:
    """Return one road beside each stream, joined to the road of the valley below it."""
    roads: list[Way] = []
    trunk_lines = [LineString(way.xy_m) for way in trunk]
    for number, stream in enumerate(water.streams):
        side = 1.0 if rng.random() < 0.5 else -1.0
        axis = smooth_line(resample(stream.xy_m, 25.0), 4.0)
        keep = max(6, round(len(axis) * rng.uniform(0.82, 0.93)))
        axis = axis[2:keep] if len(axis) > 12 else axis
        away = 30.0 + Waves.draw(rng, 9.0, 900.0, 3)(np.arange(len(axis), dtype=np.float64) * 25.0)
        line = smooth_line(resample(offset(axis, side * away), 25.0), 2.0)
        below = [LineString(roads[stream.parent].xy_m)] if stream.parent >= 0 else trunk_lines
        line = _tie(line, below)
        grand = "tertiary" if stream.parent < 0 else "unclassified"
        roads.append(Way(poke(line), grand, ordinal_name(number)))
    return roads


def _tie(line: Floats, below: list[LineString]) -> Floats:
    """Start a road on the nearest road below; what runs past that road is cut off."""
    own = LineString(line)
    met = [p for road in below for p in shapely.get_coordinates(shapely.intersection(own, road))]
    if met:
        start = max(own.project(Point(p)) for p in met)
        length = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
        first = own.interpolate(start)
        return np.asarray(np.r_[[[first.x, first.y]], line[np.searchsorted(length, start + 2.0) :]])
    start_point = Point(line[0])
    road = min(below, key=start_point.distance)
    foot = road.interpolate(road.project(start_point))
    link = resample(np.array([[foot.x, foot.y], line[0]]), 25.0)
    return np.asarray(np.r_[link[:-1], line])


def pass_paths(rng: np.random.Generator, roads: list[Way], longest_m: float) -> list[Way]:
    """Return footpaths over the passes, from the head of a valley to the next valley's road."""
    lines = np.array([LineString(way.xy_m) for way in roads], dtype=object)
    out = []
    for number, way in enumerate(roads):
        head = Point(way.xy_m[-1])
        far = shapely.distance(lines, head)
        far[number] = np.inf
        goal = int(np.argmin(far))
        if not 60.0 < far[goal] < longest_m:
            continue
        foot = lines[goal].interpolate(lines[goal].project(head))
        line = resample(np.array([way.xy_m[-1], [foot.x, foot.y]]), 20.0)
        at = np.arange(len(line), dtype=np.float64) * 20.0
        swing = Waves.draw(rng, 22.0, 420.0, 4)(at) * np.sin(np.linspace(0, np.pi, len(line)))
        line = poke(offset(line, swing), both=True)
        out.append(Way(line, "path", f"{way.name[:-1]}古道"))
    return out
