"""The river and the streams: centre lines that follow the drainage tree, and banks with a real width."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Point

from geo_service.demo.frame import Floats, Valley, Waves
from geo_service.demo.spec import DemoSpec
from geo_service.demo.terrain import Terrain, resample, smooth_line

STEP_M = 22.0


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream from its mouth (first vertex, on its parent's line) up to its head.

    ``parent`` is the index of the stream it joins, -1 for the river.
    """

    xy_m: Floats
    parent: int
    half_width_m: Floats


@dataclass(frozen=True, slots=True)
class Water:
    """The river's centre line and banks, the streams, and all water as polygons (local metres)."""

    river_xy_m: Floats
    river_half_width_m: Floats
    river: shapely.Polygon
    streams: tuple[Stream, ...]
    stream_banks: NDArray[np.object_]


def ribbon(xy_m: Floats, half_width_m: Floats) -> shapely.Polygon:
    """Return the polygon swept along a line with a width that changes from vertex to vertex."""
    tangent = np.gradient(xy_m, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)[:, None]
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=-1)
    left, right = xy_m + normal * half_width_m[:, None], xy_m - normal * half_width_m[:, None]
    polygon = shapely.Polygon(np.r_[left, right[::-1]])
    return (
        polygon
        if polygon.is_valid
        else shapely.union_all(
            [LineString(xy_m[i : i + 2]).buffer(half_width_m[i]) for i in range(len(xy_m) - 1)]
        )
    )


def _stems(terrain: Terrain, least: int) -> list[NDArray[np.int64]]:
    """Cut the drainage tree into stems, each from its mouth cell up, largest first."""
    inside, up, down = terrain.inside.ravel(), terrain.upstream, terrain.down
    active = np.flatnonzero(inside & (up >= least) & (down >= 0))
    order = active[np.lexsort((active, up[active]))]
    main_child: dict[int, int] = {}
    for cell in order.tolist():
        main_child[int(down[cell])] = cell
    stems = []
    for cell in order[::-1].tolist():
        parent = int(down[cell])
        if main_child.get(parent) == cell and down[parent] >= 0:
            continue
        path = [parent, cell]
        while path[-1] in main_child:
            path.append(main_child[path[-1]])
        stems.append(np.array(path, dtype=np.int64))
    return stems


def _choose(stems: list[NDArray[np.int64]], terrain: Terrain, spec: DemoSpec) -> list[NDArray[np.int64]]:
    """Keep the stems worth drawing: long ones, and never two mouths side by side."""
    apart = 12.0 * terrain.spacing_m if spec.size == "county" else 900.0
    least_cells = 11 if spec.size == "county" else 40
    chosen: list[NDArray[np.int64]] = []
    held: set[int] = set()
    mouths = np.empty((0, 2))
    for stem in stems:
        mouth = terrain.centre_of(stem[:1])
        rooted = terrain.down[stem[0]] < 0
        large = terrain.upstream[stem[1]] * terrain.spacing_m**2 > 7e6
        reach = apart if rooted else apart * 0.55
        near = not large and len(mouths) and np.hypot(*(mouths - mouth).T).min() < reach
        if len(stem) < least_cells or near or not (rooted or int(stem[0]) in held):
            continue
        chosen.append(stem)
        held.update(stem.tolist())
        mouths = np.r_[mouths, mouth]
        if len(chosen) == spec.n_streams:
            break
    return chosen


def make_water(rng: np.random.Generator, spec: DemoSpec, valley: Valley, terrain: Terrain) -> Water:
    """Draw the river along the valley and the streams along the largest branches of the drainage tree."""
    s = np.arange(-0.62 * spec.frame_w_m, 0.62 * spec.frame_w_m, STEP_M)
    river_xy = resample(valley.to_xy(s, np.zeros_like(s)), STEP_M)
    breadth = Waves.draw(rng, 0.2, 1400.0, 4)
    half = 0.5 * spec.river_width_m * (1.0 + breadth(np.arange(len(river_xy), dtype=np.float64) * STEP_M))
    least = round((2.2e6 if spec.size == "county" else 0.25e6) / terrain.spacing_m**2)
    stems = _choose(_stems(terrain, least), terrain, spec)
    owner: dict[int, int] = {}
    streams: list[Stream] = []
    lines: list[LineString] = []
    river_line = LineString(river_xy)
    for number, stem in enumerate(stems):
        parent = owner.get(int(stem[0]), -1)
        below = lines[parent] if parent >= 0 else river_line
        line = _stream_line(rng, terrain, stem, below)
        owner.update({int(cell): number for cell in stem[1:].tolist()})
        area = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(stem)), terrain.upstream[stem])
        area[0] = area[1] if len(area) > 1 else area[0]
        km2 = np.minimum(area * terrain.spacing_m**2 / 1e6, 90.0)
        streams.append(Stream(line, parent, 2.6 + 1.25 * np.sqrt(km2)))
        lines.append(LineString(line))
    banks = np.array([ribbon(x.xy_m, x.half_width_m) for x in streams], dtype=object)
    return Water(river_xy, half, ribbon(river_xy, half), tuple(streams), banks)


def _stream_line(
    rng: np.random.Generator, terrain: Terrain, stem: NDArray[np.int64], below: LineString
) -> Floats:
    cells = terrain.centre_of(stem)
    step = min(STEP_M, terrain.spacing_m)
    line = resample(smooth_line(resample(cells, step), 3.2 * terrain.spacing_m / step), step)
    at = np.arange(len(line), dtype=np.float64) * step
    swing = Waves.draw(rng, 9.0, 260.0, 4)(at) + Waves.draw(rng, 16.0, 700.0, 3)(at)
    tangent = np.gradient(line, axis=0)
    tangent /= np.hypot(tangent[:, 0], tangent[:, 1])[:, None]
    fade = np.clip(at / 120.0, 0.0, 1.0)
    line = line + np.stack([-tangent[:, 1], tangent[:, 0]], axis=-1) * (swing * fade)[:, None]
    return _join(line, below)


def _join(line: Floats, below: LineString) -> Floats:
    """End a stream on the line it flows into: cut what crosses it, then bend the mouth onto it."""
    crossing = shapely.intersection(LineString(line), below)
    if not crossing.is_empty:
        points = shapely.get_coordinates(crossing)
        last = max(LineString(line).project(Point(p)) for p in points)
        length = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
        line = line[np.searchsorted(length, last + 1.0) :]
    mouth = below.interpolate(below.project(Point(line[0])))
    if len(line) < 3:
        line = np.repeat(line[-1:], 2, axis=0)
    return np.asarray(np.r_[[[mouth.x, mouth.y]], line[1:]])
