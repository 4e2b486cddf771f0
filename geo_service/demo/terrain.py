"""Hills and the way water runs off them: a raster of heights and the drainage tree it gives.

The tree is the shortest-path tree from the river (and from the frame's edges, which belong to the
neighbours) over a raster in which high ground is dear. Its branches are the valleys, its divides the
ridges: streams, roads and the county boundary are all read from it, so they fit each other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from geo_service.demo.frame import Floats, Valley
from geo_service.demo.spec import DemoSpec

COLUMNS = 520


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, int], spacing_m: float, wavelength_m: float, slope: float
) -> Floats:
    """Return a random field of mean 0 and deviation 1 with a power-law spectrum below ``wavelength_m``."""
    white = np.fft.rfft2(rng.standard_normal(shape))
    ky = np.fft.fftfreq(shape[0], spacing_m)[:, None]
    kx = np.fft.rfftfreq(shape[1], spacing_m)[None, :]
    power = (kx**2 + ky**2 + wavelength_m**-2) ** (-slope / 2.0)
    field = np.fft.irfft2(white * power, shape)
    return np.asarray((field - field.mean()) / field.std())


@dataclass(frozen=True, slots=True)
class Terrain:
    """Heights on a raster of square cells, and the drainage tree over it.

    ``height_m`` is ``(rows, columns)`` with row 0 in the south; ``down`` is the flat index of the cell
    each cell drains to (-1 at a root), ``inside`` marks what drains to the county's reach of the river,
    ``upstream`` counts the cells that drain through each.
    """

    x0_m: float
    y0_m: float
    spacing_m: float
    height_m: Floats
    down: NDArray[np.int64]
    inside: NDArray[np.bool_]
    upstream: NDArray[np.int64]

    def cell_of(self, xy_m: Floats) -> NDArray[np.int64]:
        """Return the flat raster index of points, clipped to the raster."""
        rows, columns = self.height_m.shape
        column = np.clip(((xy_m[..., 0] - self.x0_m) / self.spacing_m).astype(np.int64), 0, columns - 1)
        row = np.clip(((xy_m[..., 1] - self.y0_m) / self.spacing_m).astype(np.int64), 0, rows - 1)
        return np.asarray(row * columns + column)

    def centre_of(self, cell: NDArray[np.int64]) -> Floats:
        """Return the middle of raster cells in local metres."""
        row, column = np.divmod(cell, self.height_m.shape[1])
        return np.stack(
            [self.x0_m + (column + 0.5) * self.spacing_m, self.y0_m + (row + 0.5) * self.spacing_m], axis=-1
        )

    def height_at(self, xy_m: Floats) -> Floats:
        """Return bilinear heights in metres."""
        rows, columns = self.height_m.shape
        u = np.clip((xy_m[..., 0] - self.x0_m) / self.spacing_m - 0.5, 0.0, columns - 1.001)
        v = np.clip((xy_m[..., 1] - self.y0_m) / self.spacing_m - 0.5, 0.0, rows - 1.001)
        j, i = u.astype(np.int64), v.astype(np.int64)
        fu, fv, h = u - j, v - i, self.height_m
        low = h[i, j] * (1 - fu) + h[i, j + 1] * fu
        high = h[i + 1, j] * (1 - fu) + h[i + 1, j + 1] * fu
        return np.asarray(low * (1 - fv) + high * fv)


def _heights(rng: np.random.Generator, spec: DemoSpec, s: Floats, t: Floats, spacing_m: float) -> Floats:
    shape = (s.shape[0], s.shape[1])
    folds = fractal_noise(rng, shape, spacing_m, spec.relief_wavelength_m, 3.2)
    rough = fractal_noise(rng, shape, spacing_m, spec.relief_wavelength_m / 5.0, 2.6)
    spurs = 1.0 - np.minimum(np.abs(folds), 1.6) / 1.6
    seat = np.exp(-((s / (spec.seat_half_m * 1.6)) ** 2))
    plain = spec.plain_m * (0.55 + 0.75 * seat) * (1.0 + 0.35 * folds)
    rise = np.clip((np.abs(t) - plain) / (spec.frame_h_m * 0.42), 0.0, 1.2)
    edge = 1.0 - np.exp(-rise * 9.0)
    relief = 0.012 * spec.frame_h_m if spec.size == "county" else 0.035 * spec.frame_h_m
    hills = edge * relief * (0.30 + 0.95 * spurs**1.4 + 0.16 * rough)
    return np.asarray(np.maximum(hills + rise * relief * 0.5, 0.0) + 0.5 * edge * np.abs(rough) + 60.0)


def _raster_graph(height_m: Floats, spacing_m: float, jitter: Floats) -> coo_matrix:
    rows, columns = height_m.shape
    index = np.arange(rows * columns).reshape(rows, columns)
    relative = (height_m - height_m.min()) / (height_m.max() - height_m.min())
    dear = (0.06 + relative) * jitter
    parts = []
    for di, dj in ((0, 1), (1, 0), (1, 1), (1, -1)):
        lo, hi = max(0, -dj), columns - max(0, dj)
        a = index[: rows - di, lo:hi].ravel()
        b = index[di:, lo + dj : hi + dj].ravel()
        climb = np.abs(relative.ravel()[a] - relative.ravel()[b]) * 4.0
        cost = np.hypot(di, dj) * spacing_m * (dear.ravel()[a] + dear.ravel()[b] + climb)
        parts.append((a, b, cost))
    a, b, cost = (np.concatenate(column) for column in zip(*parts, strict=True))
    n = rows * columns
    return coo_matrix((np.r_[cost, cost], (np.r_[a, b], np.r_[b, a])), shape=(n, n))


def _count_upstream(down: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    count = [1] * len(down)
    parent = down.tolist()
    for cell in order.tolist():
        if parent[cell] >= 0:
            count[parent[cell]] += count[cell]
    return np.array(count, dtype=np.int64)


def make_terrain(rng: np.random.Generator, spec: DemoSpec, valley: Valley) -> Terrain:
    """Make the heights and the drainage tree of the frame."""
    spacing = spec.frame_w_m / COLUMNS
    rows = round(spec.frame_h_m / spacing)
    x0, y0 = -spec.frame_w_m / 2.0, -spec.frame_h_m / 2.0
    x = x0 + (np.arange(COLUMNS) + 0.5) * spacing
    y = y0 + (np.arange(rows) + 0.5) * spacing
    s, t = valley.to_st(np.stack(np.meshgrid(x, y), axis=-1))
    height = _heights(rng, spec, s, t, spacing)
    jitter = np.exp(0.55 * fractal_noise(rng, height.shape, spacing, spec.relief_wavelength_m / 3.0, 1.6))
    river = np.abs(t) < spacing
    reach = np.abs(s) < spec.river_half_m
    border = np.zeros_like(river)
    border[[0, -1], :] = True
    roots = np.flatnonzero((river | border).ravel())
    graph = _raster_graph(height, spacing, jitter).tocsr()
    distance, parent, source = dijkstra(graph, indices=roots, min_only=True, return_predecessors=True)
    down = np.where(parent < 0, -1, parent).astype(np.int64)
    inside = (river & reach & ~border).ravel()[source].reshape(height.shape)
    upstream = _count_upstream(down, np.argsort(-distance, kind="stable"))
    return Terrain(x0, y0, spacing, height, down, inside, upstream)


def smooth_line(xy_m: Floats, sigma: float) -> Floats:
    """Smooth a polyline along its length, its ends held fixed."""
    if len(xy_m) < 4:
        return xy_m
    out = gaussian_filter1d(xy_m, sigma, axis=0, mode="nearest")
    fade = np.clip(np.minimum(np.arange(len(xy_m)), np.arange(len(xy_m))[::-1]) / (1.5 * sigma), 0.0, 1.0)
    return np.asarray(xy_m * (1 - fade[:, None]) + out * fade[:, None])


def resample(xy_m: Floats, step_m: float) -> Floats:
    """Put vertices on a polyline at equal steps of about ``step_m``."""
    length = np.r_[0.0, np.cumsum(np.hypot(*np.diff(xy_m, axis=0).T))]
    at = np.linspace(0.0, length[-1], max(2, round(length[-1] / step_m) + 1))
    return np.stack([np.interp(at, length, xy_m[:, 0]), np.interp(at, length, xy_m[:, 1])], axis=-1)
