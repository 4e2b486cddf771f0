"""Buildings as turned rectangles: what stands in a block, what stands along a lane, and what may stay."""

from dataclasses import dataclass, fields

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.demo.frame import Floats, Valley
from geo_service.demo.streets import Blocks
from geo_service.demo.ways import Way, pieces

USES = ("flats", "shophouse", "public", "factory", "farmhouse")


@dataclass(frozen=True, slots=True)
class Buildings:
    """A table of buildings in local metres; ``place`` is the street or the village part it stands in."""

    xy_m: Floats
    angle_rad: Floats
    length_m: Floats
    depth_m: Floats
    floors: NDArray[np.int64]
    use: NDArray[np.object_]
    place: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.xy_m)

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "Buildings":
        """Return the rows chosen by an index or mask."""
        return Buildings(*(getattr(self, f.name)[which] for f in fields(self)))

    def footprints(self, margin_m: float = 0.0) -> NDArray[np.object_]:
        """Return the rectangles, each grown by a margin, as polygons in local metres."""
        u = np.stack([np.cos(self.angle_rad), np.sin(self.angle_rad)], axis=-1)
        v = np.stack([-u[:, 1], u[:, 0]], axis=-1)
        a = u * (self.length_m / 2.0 + margin_m)[:, None]
        b = v * (self.depth_m / 2.0 + margin_m)[:, None]
        corners = np.stack(
            [self.xy_m - a - b, self.xy_m + a - b, self.xy_m + a + b, self.xy_m - a + b], axis=1
        )
        return np.asarray(shapely.polygons(corners))


def join(tables: list[Buildings]) -> Buildings:
    """Put tables of buildings under one another."""
    return Buildings(
        *(np.concatenate([getattr(table, f.name) for table in tables]) for f in fields(Buildings))
    )


def _rows(low: float, high: float, depth: float, gap: float) -> Floats:
    """Return the middles of as many equal rows as fit between two lines, the first and last at the edge."""
    n = max(1, int((high - low + gap) // (depth + gap)))
    if n == 1:
        return np.array([(low + high) / 2.0])
    return np.linspace(low + depth / 2.0, high - depth / 2.0, n)


def _along(
    rng: np.random.Generator, low: float, high: float, size: float, gap: float
) -> tuple[Floats, Floats]:
    """Return middles and lengths of houses of about ``size`` set in a row."""
    n = max(1, int((high - low + gap) // (size + gap)))
    share = rng.uniform(0.8, 1.2, n)
    length = share / share.sum() * (high - low - gap * (n - 1))
    start = low + np.r_[0.0, np.cumsum(length[:-1] + gap)]
    return start + length / 2.0, length


def _block_rows(
    rng: np.random.Generator, use: str, box: tuple[float, float, float, float]
) -> list[list[float]]:
    """Return rows ``s, t, length, depth, floors`` of the buildings of one block in valley coordinates."""
    s0, s1, t0, t1 = box
    out: list[list[float]] = []
    if use == "flats":
        tall = rng.random() < 0.22
        depth, gap, size = (15.0, 24.0, 30.0) if tall else (11.5, 13.0, rng.uniform(24.0, 44.0))
        floors = float(rng.integers(11, 18) if tall else rng.integers(5, 8))
        middle = (t0 + t1) / 2.0
        for low, high in ((t0, middle - 4.5), (middle + 4.5, t1)):
            for t in _rows(low, high, depth, gap):
                s, length = _along(rng, s0, s1, size, 9.0)
                out += [[a, t, min(b, size * 1.3), depth, floors] for a, b in zip(s, length, strict=True)]
    elif use == "shophouses":
        middle = (t0 + t1) / 2.0
        for low, high in ((t0, middle - 3.8), (middle + 3.8, t1)):
            for t in _rows(low, high, 12.0, 4.5):
                s, length = _along(rng, s0, s1, rng.uniform(8.5, 11.0), 1.2)
                keep = rng.random(len(s)) > 0.07
                out += [
                    [a, t + rng.uniform(-0.5, 0.5), b, rng.uniform(10.0, 12.0), float(rng.integers(2, 6))]
                    for a, b in zip(s[keep], length[keep], strict=True)
                ]
    elif use == "campus":
        width, height = s1 - s0, t1 - t0
        out.append([s0 + width * 0.5, t0 + height * 0.18, width * 0.62, 14.0, 4])
        out.append([s0 + width * 0.16, t0 + height * 0.64, width * 0.22, 16.0, 4])
        out.append([s0 + width * 0.80, t0 + height * 0.70, width * 0.26, 24.0, 2])
    elif use == "factory":
        for t in _rows(t0, t1, 24.0, 12.0):
            s, length = _along(rng, s0, s1, 46.0, 12.0)
            out += [[a, t, b, 24.0, float(rng.integers(1, 3))] for a, b in zip(s, length, strict=True)]
    return out


_BLOCK_TO_BUILDING = {"flats": "flats", "shophouses": "shophouse", "campus": "public", "factory": "factory"}


def block_buildings(rng: np.random.Generator, valley: Valley, blocks: Blocks) -> Buildings:
    """Fill the blocks of the seat, set back from the street."""
    rows: list[list[float]] = []
    use: list[str] = []
    place: list[str] = []
    for k in range(len(blocks)):
        back = 7.5 if blocks.use[k] == "shophouses" else 11.0
        box = (blocks.s0[k] + back, blocks.s1[k] - back, blocks.t0[k] + back, blocks.t1[k] - back)
        here = _block_rows(rng, blocks.use[k], (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
        rows += here
        use += [_BLOCK_TO_BUILDING.get(blocks.use[k], "public")] * len(here)
        place += [blocks.street[k]] * len(here)
    table = np.array(rows, dtype=float).reshape(-1, 5)
    xy = valley.to_xy(table[:, 0], table[:, 1])
    angle = valley.heading(table[:, 0], table[:, 1]) + rng.normal(0.0, 0.008, len(table))
    return Buildings(
        xy,
        angle,
        table[:, 2],
        table[:, 3],
        table[:, 4].astype(np.int64),
        np.array(use, dtype=object),
        np.array(place, dtype=object),
    )


def frontage(rng: np.random.Generator, xy_m: Floats, place: str, fill: float) -> Buildings:
    """Set farmhouses along both sides of a lane; ``fill`` is the share of plots that are built on."""
    step = np.hypot(*np.diff(xy_m, axis=0).T)
    length = np.r_[0.0, np.cumsum(step)]
    parts = []
    for side in (1.0, -1.0):
        n = max(0, int(length[-1] / 15.5))
        at = (np.arange(n) + rng.uniform(0.2, 0.8)) * 15.5 + rng.uniform(-2.0, 2.0, n)
        at = at[(rng.random(n) < fill) & (at > 5.0) & (at < length[-1] - 2.0)]
        n = len(at)
        k = np.clip(np.searchsorted(length, at) - 1, 0, len(step) - 1)
        along = (xy_m[k + 1] - xy_m[k]) / np.maximum(step[k], 1e-9)[:, None]
        foot = xy_m[k] + along * (at - length[k])[:, None]
        depth, width = rng.uniform(8.5, 12.0, n), rng.uniform(8.5, 12.5, n)
        out = side * (4.2 + rng.exponential(2.2, n) + depth / 2.0)
        xy = foot + np.stack([-along[:, 1], along[:, 0]], axis=-1) * out[:, None]
        angle = np.arctan2(along[:, 1], along[:, 0]) + rng.normal(0.0, 0.06, n)
        names = np.full(n, place, dtype=object)
        use = np.full(n, "farmhouse", dtype=object)
        parts.append(Buildings(xy, angle, width, depth, rng.integers(2, 5, n), use, names))
    return join(parts)


def clear(table: Buildings, ways: list[Way], keep_off: NDArray[np.object_], rail_xy_m: Floats) -> Buildings:
    """Drop what stands on a way, on water, on the railway, or on an earlier building."""
    n = len(table)
    bad = np.zeros(n, dtype=bool)
    footprints = table.footprints(0.4)
    tree = shapely.STRtree(footprints)
    lines, _ = pieces([way.xy_m for way in ways])
    bad[np.unique(tree.query(lines, predicate="dwithin", distance=2.2)[1])] = True
    rail, _ = pieces([rail_xy_m])
    bad[np.unique(tree.query(rail, predicate="dwithin", distance=14.0)[1])] = True
    bad[np.unique(tree.query(keep_off, predicate="dwithin", distance=5.0)[1])] = True
    first, second = tree.query(footprints, predicate="intersects")
    pairs = np.stack([first, second])[:, first < second]
    gone = bad.tolist()
    for a, b in pairs[:, np.lexsort((pairs[1], pairs[0]))].T.tolist():
        if not gone[a] and not gone[b]:
            gone[b] = True
    return table.take(~np.array(gone))
