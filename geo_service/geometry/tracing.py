"""Tracing: a line drawn by hand is taken to the street, river or railway that it was drawn along.

The features near the drawn line are noded with each other on the lattice and made a graph. Of all ways
through it, from where the drawn line comes near a feature first to where it leaves the last one, that is
taken whose length, weighted by ``1 + distance from the drawn line / within``, is least. Straight pieces join
it to the ends that were drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import lattice
from geo_service.geometry.measure import metres_per_degree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Geoms = NDArray[np.object_]

MAX_WITHIN_M = 200.0
#: A metre off the features costs as much as so many along them: the way joins them where they are near.
_OFF_FEATURE = 4.0
#: Features must be near so much of the drawn line; and most of the way must run along them.
_LEAST_SHARE = 0.5
_NO_LENGTH = 1e-9
_SLACK_M = 0.05  # places are rounded to the lattice, and a buffer's arcs are polygons


@dataclass(frozen=True, slots=True)
class Trace:
    """A line along features.

    Attributes
    ----------
    ij : (n, 2) int64
        Lattice integers, from the drawn line's first place to its last; no place twice in a row.
    on_feature : (n - 1,) bool
        Which steps run along a feature; the others join it to the ends that were drawn.
    feature_m, straight_m : float
        Length of either kind of step.
    farthest_m : float
        How far the line gets from the drawn one.
    """

    ij: Ints
    on_feature: NDArray[np.bool_]
    feature_m: float
    straight_m: float
    farthest_m: float


def trace(features: Sequence[Any], drawn_deg: ArrayLike, within_m: float) -> Trace:
    """Return the line that follows features near a drawn line.

    Parameters
    ----------
    features : sequence of shapely LineString or MultiLineString
        EPSG:4326; they are joined wherever they meet or cross.
    drawn_deg : (n, 2) array_like
        At least two places, lon and lat.
    within_m : float
        No part of a feature farther than this from the drawn line is taken.

    Raises
    ------
    InvalidInputError
        No feature runs along the line, or the features break off on the way; the fault has the place.
    """
    if not 0.0 < within_m <= MAX_WITHIN_M:
        message = Words(
            f"give a distance above 0 and at most {MAX_WITHIN_M:g} metres",
            f"距离须大于 0，不超过 {MAX_WITHIN_M:g} 米",
        )
        raise InvalidInputError(message, [Fault("within_m", message, value=within_m)])
    drawn = _Drawn.of(np.asarray(drawn_deg, dtype=np.float64), within_m)
    lines = drawn.near(features)
    first, last = drawn.reach(lines)
    return _Graph(lines, drawn).way(first, last)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The drawn line, in metres from its first place, and how near features must come."""

    ij: Ints
    line_m: shapely.LineString
    within_m: float
    origin_deg: Floats
    scale: Floats

    @classmethod
    def of(cls, deg: Floats, within_m: float) -> "_Drawn":
        ij = lattice.to_lattice(deg).astype(np.int64)
        ij = ij[np.append(True, (np.diff(ij, axis=0) != 0).any(axis=1))]
        if len(ij) < 2:
            raise _refusal(Words("a line needs two different places", "线至少要有两个不同的点"), deg[0])
        deg = lattice.to_degrees(ij)
        scale = np.array(metres_per_degree(float(deg[:, 1].mean())))
        return cls(ij, shapely.LineString((deg - deg[0]) * scale), within_m, deg[0], scale)

    def metres(self, deg: Floats) -> Floats:
        return (deg - self.origin_deg) * self.scale

    def degrees(self, xy_m: Floats) -> Floats:
        return xy_m / self.scale + self.origin_deg

    def near(self, features: Sequence[Any]) -> Geoms:
        """Return what of the features lies near the line, noded on the lattice, in degrees."""
        band = shapely.transform(self.line_m.buffer(self.within_m), self.degrees)
        shapely.prepare(band)
        known = np.array([line for line in features if line is not None], dtype=object)
        met = known[shapely.intersects(band, known)] if len(known) else known
        inside = shapely.get_parts(shapely.intersection(met, band))
        inside = inside[shapely.get_dimensions(inside) == 1]
        noded = shapely.union_all(inside, grid_size=lattice.UNIT_DEG)
        parts = shapely.get_parts(noded)
        lines: Geoms = parts[(shapely.get_dimensions(parts) == 1) & ~shapely.is_empty(parts)]
        if len(lines) == 0:
            raise _refusal(
                Words(
                    f"nothing of the kind runs within {self.within_m:g} m of the line",
                    f"线的 {self.within_m:g} 米范围内没有所选的街道、水系或铁路",
                ),
                self.origin_deg,
            )
        return lines

    def reach(self, lines: Geoms) -> tuple[float, float]:
        """Return from where to where, in metres along the drawn line, features are near it."""
        band = shapely.union_all(shapely.transform(lines, self.metres)).buffer(self.within_m)
        along = shapely.get_parts(shapely.intersection(self.line_m, band))
        ends = np.concatenate([shapely.get_coordinates(part)[[0, -1]] for part in along])
        at = shapely.line_locate_point(self.line_m, shapely.points(ends))
        first, last = float(at.min()), float(at.max())
        if last - first < _LEAST_SHARE * self.line_m.length:
            gap = last if self.line_m.length - last > first else 0.0
            message = Words(
                f"nothing of the kind runs along the line from here on, within {self.within_m:g} m",
                f"从这里起，线的 {self.within_m:g} 米范围内没有所选的街道、水系或铁路",
            )
            raise _refusal(message, self.place(gap))
        return first, last

    def place(self, along_m: float) -> Floats:
        at: Floats = self.degrees(shapely.get_coordinates(self.line_m.interpolate(along_m)))[0]
        return at

    def until(self, along_m: float) -> Ints:
        """Return the corners of the drawn line before a place on it, and that place."""
        at = shapely.line_locate_point(self.line_m, shapely.points(shapely.get_coordinates(self.line_m)))
        corners = (
            self.ij[:1] if along_m <= 0.0 else self.ij[: int((np.maximum.accumulate(at) < along_m).sum())]
        )
        return np.concatenate((corners, lattice.to_lattice(self.place(along_m)[None]).astype(np.int64)))

    def since(self, along_m: float) -> Ints:
        """Return a place on the drawn line and the corners behind it."""
        back = _Drawn(self.ij[::-1], self.line_m.reverse(), self.within_m, self.origin_deg, self.scale)
        return back.until(self.line_m.length - along_m)[::-1]


class _Graph:
    """Features as a graph: corners, and the steps between them."""

    def __init__(self, lines: Geoms, drawn: _Drawn) -> None:
        self.drawn = drawn
        xy, line = shapely.get_coordinates(lines, return_index=True)
        ij = lattice.to_lattice(xy).astype(np.int64)
        follows = line[1:] == line[:-1]
        steps = np.stack((ij[:-1][follows], ij[1:][follows]), axis=1)
        self.steps = steps[(steps[:, 0] != steps[:, 1]).any(axis=1)]

    def way(self, first_m: float, last_m: float) -> Trace:
        """Return the best way between two places of the drawn line."""
        head, tail = self.drawn.until(first_m), self.drawn.since(last_m)
        start, end = head[-1], tail[0]
        self._take_in(start)
        self._take_in(end)
        node, number = np.unique(self.steps.reshape(-1, 2), axis=0, return_inverse=True)
        step = number.reshape(-1, 2)
        xy = self.drawn.metres(lattice.to_degrees(node))
        found = self._shortest(xy, step, *self.drawn.metres(lattice.to_degrees(np.stack((start, end)))))
        core = node[found]
        core = _from_last_crossing(head, core)
        core = _from_last_crossing(tail[::-1], core[::-1])[::-1]
        made = self._measured(head, core, tail)
        if made.feature_m <= made.straight_m:
            message = Words(
                f"nothing of the kind runs along the line for most of it, within {self.drawn.within_m:g} m",
                f"线的大部分在 {self.drawn.within_m:g} 米范围内没有所选的街道、水系或铁路",
            )
            raise _refusal(message, self.drawn.place(first_m))
        return made

    def _take_in(self, place: Ints) -> None:
        """Make the nearest point of each step near a place a corner of it: there the way may join."""
        ends = self.drawn.metres(lattice.to_degrees(self.steps))
        at = self.drawn.metres(lattice.to_degrees(place))
        lines = shapely.linestrings(ends)
        point = shapely.Point(at)
        near = np.flatnonzero(shapely.distance(lines, point) <= self.drawn.within_m + _SLACK_M)
        if near.size == 0:
            return
        foot_m = shapely.line_interpolate_point(lines[near], shapely.line_locate_point(lines[near], point))
        foot = lattice.to_lattice(self.drawn.degrees(shapely.get_coordinates(foot_m))).astype(np.int64)
        a, b = self.steps[near, 0], self.steps[near, 1]
        inner = (foot != a).any(axis=1) & (foot != b).any(axis=1)
        kept = np.delete(self.steps, near[inner], axis=0)
        parted = [np.stack((a[inner], foot[inner]), axis=1), np.stack((foot[inner], b[inner]), axis=1)]
        self.steps = np.concatenate((kept, *parted))

    def _shortest(self, xy: Floats, step: Ints, start_m: Floats, end_m: Floats) -> Ints:
        """Return the corners of the best way; start and end are nodes of their own past the others."""
        n = len(xy)
        cost = self._cost(xy[step])
        off = [_OFF_FEATURE * np.hypot(*(xy - at).T) for at in (start_m, end_m)]
        reach = [np.flatnonzero(far <= _OFF_FEATURE * (self.drawn.within_m + _SLACK_M)) for far in off]
        one = np.concatenate((step[:, 0], np.full(len(reach[0]), n), reach[1]))
        other = np.concatenate((step[:, 1], reach[0], np.full(len(reach[1]), n + 1)))
        weight = np.concatenate((cost, off[0][reach[0]], off[1][reach[1]])) + _NO_LENGTH
        graph = _graph(n + 2, one, other, weight)
        time, before = dijkstra(graph, directed=False, indices=n, return_predecessors=True)
        if not np.isfinite(time[n + 1]):
            raise self._break(xy[np.isfinite(time[:n])])
        way = [int(before[n + 1])]
        while before[way[-1]] != n:
            way.append(int(before[way[-1]]))
        return np.array(way[::-1], dtype=np.int64)

    def _cost(self, ends_m: Floats) -> Floats:
        """Return length × (1 + distance / within), the distance after Simpson from ends and middle."""
        middle = ends_m.mean(axis=1)
        far = [
            shapely.distance(shapely.points(at), self.drawn.line_m)
            for at in (ends_m[:, 0], middle, ends_m[:, 1])
        ]
        length = np.hypot(*(ends_m[:, 1] - ends_m[:, 0]).T)
        return np.asarray(length * (1.0 + (far[0] + 4.0 * far[1] + far[2]) / 6.0 / self.drawn.within_m))

    def _break(self, reached_m: Floats) -> InvalidInputError:
        """Return the error for features that do not lead to the end; its place is the last one reached."""
        at = shapely.line_locate_point(self.drawn.line_m, shapely.points(reached_m))
        last = self.drawn.degrees(reached_m[[int(np.argmax(at))]])[0]
        message = Words(
            f"what the line follows breaks off here, within {self.drawn.within_m:g} m of it: "
            "draw up to here, or allow more distance",
            f"线所跟随的街道或水系在这里中断（{self.drawn.within_m:g} 米范围内）：请画到这里为止，或放宽距离",
        )
        return _refusal(message, last)

    def _measured(self, head: Ints, core: Ints, tail: Ints) -> Trace:
        ij = np.concatenate((head, core, tail))
        on = np.zeros(len(ij) - 1, dtype=bool)
        on[len(head) : len(head) + len(core) - 1] = True
        moves = (np.diff(ij, axis=0) != 0).any(axis=1)
        ij, on = ij[np.append(True, moves)], on[moves]
        xy = self.drawn.metres(lattice.to_degrees(ij))
        length = np.hypot(*np.diff(xy, axis=0).T)
        farthest = float(shapely.distance(shapely.points(xy), self.drawn.line_m).max())
        return Trace(ij, on, float(length[on].sum()), float(length[~on].sum()), farthest)


def _graph(n: int, one: Ints, other: Ints, weight: Floats) -> csr_array:
    """Return a graph in which, of steps between the same two corners, the cheapest counts."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((weight, high, low))
    low, high, weight = low[order], high[order], weight[order]
    first = np.append(True, (np.diff(low) != 0) | (np.diff(high) != 0))
    return csr_array(coo_array((weight[first], (low[first], high[first])), shape=(n, n)))


def _from_last_crossing(head: Ints, core: Ints) -> Ints:
    """Leave out the beginning of a way up to where the straight piece that leads to it meets it again."""
    lead = np.concatenate((head, core[:1]))
    lead = lead[np.append(True, (np.diff(lead, axis=0) != 0).any(axis=1))]
    if len(lead) < 2 or len(core) < 2:
        return core
    way = shapely.LineString(core)
    met = shapely.get_coordinates(shapely.intersection(shapely.LineString(lead), way))
    if len(met) == 0:
        return core
    last = float(shapely.line_locate_point(way, shapely.points(met)).max())
    passed = shapely.line_locate_point(way, shapely.points(core)) <= last + 0.5
    passed &= np.cumsum(passed) == np.arange(1, len(core) + 1)  # a way that turns back is not passed yet
    if passed.sum() <= 1:
        return core
    place = np.rint(shapely.get_coordinates(way.interpolate(last))).astype(np.int64)
    return np.concatenate((place, core[passed.sum() :]))


def _refusal(message: str, at_deg: Floats) -> InvalidInputError:
    place = (float(at_deg[0]), float(at_deg[1]))
    return InvalidInputError(
        Words("the line cannot follow what it was drawn along", "线无法沿所画的方向跟随"),
        [Fault("line", message, place=place)],
    )
