"""The sites of the mesh: along lines, on buildings, and scattered over the open land."""

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.spatial import cKDTree

from geo_service.demo.buildings import Buildings
from geo_service.demo.cells import AVENUE, RAILWAY, RIVER, STREAM, STREET
from geo_service.demo.frame import Floats
from geo_service.demo.mesh import Ints, Mesh, build_mesh
from geo_service.demo.spec import DemoSpec
from geo_service.demo.terrain import Terrain, resample
from geo_service.demo.ways import offset, pieces

# how far from its line a mirrored pair stands, and how far apart pairs are, in metres
_PAIRING = {
    STREET: (3.0, 7.0),
    STREAM: (5.0, 17.0),
    AVENUE: (3.5, 8.0),
    RAILWAY: (6.0, 24.0),
    RIVER: (13.0, 19.0),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line that borders may follow, and its kind of barrier."""

    xy_m: Floats
    kind: int


def _line_sites(lines: list[Line]) -> tuple[Floats, NDArray[np.int8]]:
    """Return the mirrored pairs of all lines, without those that stand too close to another line."""
    points, owner, kind = [], [], []
    for number, line in enumerate(lines):
        reach, step = _PAIRING[line.kind]
        xy = resample(line.xy_m, step)
        xy = np.r_[(xy[1:] + xy[:-1]) / 2.0]
        if len(xy) < 2:
            continue
        side = np.full(len(xy), reach)
        points += [offset(xy, side), offset(xy, -side)]
        owner += [np.full(2 * len(xy), number)]
        kind += [np.full(2 * len(xy), line.kind, dtype=np.int8)]
    xy, own, of = np.concatenate(points), np.concatenate(owner), np.concatenate(kind)
    segments, line_of = pieces([line.xy_m for line in lines])
    away = np.array([_PAIRING[line.kind][0] for line in lines])
    near, seg = shapely.STRtree(segments).query(shapely.points(xy), predicate="dwithin", distance=12.5)
    gap = shapely.distance(shapely.points(xy[near]), segments[seg])
    bad = (line_of[seg] != own[near]) & (gap < 0.93 * np.minimum(away[line_of[seg]], away[own[near]]))
    bad |= (line_of[seg] == own[near]) & (gap < 0.75 * away[own[near]])
    keep = np.ones(len(xy), dtype=bool)
    keep[near[bad]] = False
    return xy[keep], of[keep]


def _building_sites(table: Buildings) -> tuple[Floats, Ints]:
    count = np.maximum(1, np.round(table.length_m / 13.0)).astype(np.int64)
    owner = np.repeat(np.arange(len(table)), count)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    along = ((nth + 0.5) / count[owner] - 0.5) * table.length_m[owner]
    u = np.stack([np.cos(table.angle_rad), np.sin(table.angle_rad)], axis=-1)[owner]
    return table.xy_m[owner] + u * along[:, None], owner


def _scatter(rng: np.random.Generator, frame: tuple[float, float, float, float], spacing: float) -> Floats:
    x = np.arange(frame[0], frame[2], spacing)
    y = np.arange(frame[1], frame[3], spacing * 0.87)
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    grid[1::2, :, 0] += spacing / 2.0
    return np.asarray((grid + rng.uniform(-0.42, 0.42, grid.shape) * spacing).reshape(-1, 2))


def _thin(points: Floats, others: Floats, apart: float) -> Floats:
    return np.asarray(points[cKDTree(others).query(points, distance_upper_bound=apart)[0] > apart])


def make_mesh(
    rng: np.random.Generator, spec: DemoSpec, terrain: Terrain, table: Buildings, lines: list[Line]
) -> tuple[Mesh, Ints, NDArray[np.bool_]]:
    """Return the mesh, the building under each site (-1: none), and the raw inside mark of each site."""
    rows, columns = terrain.height_m.shape
    frame = (
        terrain.x0_m,
        terrain.y0_m,
        terrain.x0_m + columns * terrain.spacing_m,
        terrain.y0_m + rows * terrain.spacing_m,
    )
    near = binary_dilation(terrain.inside, iterations=4).ravel()
    on_line, _ = _line_sites(lines)
    on_line = on_line[_within(on_line, frame) & near[terrain.cell_of(on_line)]]
    on_house, owner = _building_sites(table)
    on_line = _thin(on_line, on_house, 3.0)
    taken = np.r_[on_line, on_house]
    fine = _scatter(rng, frame, 33.0)
    fine = fine[cKDTree(on_house).query(fine, distance_upper_bound=95.0)[0] < 95.0]
    fine = _thin(fine, taken, 15.0)
    taken = np.r_[taken, fine]
    coarse = _scatter(rng, frame, spec.open_spacing_m)
    coarse = _thin(coarse[near[terrain.cell_of(coarse)]], taken, 0.42 * spec.open_spacing_m)
    rim = _scatter(rng, (frame[0] - 900, frame[1] - 900, frame[2] + 900, frame[3] + 900), 900.0)
    rim = rim[~_within(rim, frame) | ~near[terrain.cell_of(rim)]]
    sites = np.concatenate([on_line, on_house, fine, coarse, rim])
    building = np.full(len(sites), -1, dtype=np.int64)
    building[len(on_line) : len(on_line) + len(on_house)] = owner
    mesh = build_mesh(sites, frame)
    inside = terrain.inside.ravel()[terrain.cell_of(sites)] & _within(sites, frame)
    return replace(mesh, barrier=_barriers(mesh, lines)), building, inside


def _within(xy: Floats, frame: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    return np.asarray(
        (xy[:, 0] > frame[0]) & (xy[:, 0] < frame[2]) & (xy[:, 1] > frame[1]) & (xy[:, 1] < frame[3])
    )


def _barriers(mesh: Mesh, lines: list[Line]) -> NDArray[np.int8]:
    """Mark the mesh edges that step over a line with the dearest kind they step over."""
    segments, line_of = pieces([line.xy_m for line in lines])
    kind = np.array([line.kind for line in lines], dtype=np.int8)[line_of]
    steps = shapely.linestrings(np.stack([mesh.site_xy_m[mesh.p], mesh.site_xy_m[mesh.q]], axis=1))
    step, segment = shapely.STRtree(steps).query(segments, predicate="intersects")[::-1]
    out = np.zeros(len(mesh.p), dtype=np.int8)
    np.maximum.at(out, step, kind[segment])
    return out
