"""Points counted by leaf while a tiling is redrawn: households, residents, buildings, incidents.

After an edit only the points of the leaves that were touched, and those in no leaf, are looked at again. So
the sums of a county follow each edit in milliseconds.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.geometry.workspace import Workspace

Counts = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PointLayer:
    """Points with figures to add up.

    Attributes
    ----------
    lonlat_deg : (n, 2) float64
        EPSG:4326.
    figures : mapping of str to (n,) float64
        What each point counts for, by name.
    """

    lonlat_deg: NDArray[np.float64]
    figures: Mapping[str, NDArray[np.float64]]


class Tally:
    """Sums of point layers by leaf.

    Parameters
    ----------
    layers : sequence of PointLayer
    leaf : sequence of (n,) int arrays
        The leaf of each point of each layer in the tiling that the redraw starts from, -1 for none.
    n_leaves : int
    """

    def __init__(
        self, layers: Sequence[PointLayer], leaf: Sequence[NDArray[np.integer]], n_leaves: int
    ) -> None:
        self._layers = layers
        self._leaf = [np.array(numbers, dtype=np.int64) for numbers in leaf]
        self.names = tuple(name for layer in layers for name in layer.figures)
        self._sums: dict[str, NDArray[np.float64]] = {}
        for layer, numbers in zip(layers, self._leaf, strict=True):
            inside = numbers >= 0
            for name, values in layer.figures.items():
                counted = np.bincount(numbers[inside], values[inside], minlength=n_leaves)
                self._sums[name] = counted.astype(np.float64)

    def copy(self) -> "Tally":
        """Return a tally that goes its own way from here."""
        return Tally(self._layers, self._leaf, self._size)

    def counted(self, name: str) -> float:
        """Return the sum of a figure over all points, those in no leaf as well."""
        return float(sum(layer.figures[name].sum() for layer in self._layers if name in layer.figures))

    def of(self, leaves: Iterable[int]) -> dict[str, float]:
        """Return the sum of each figure over some leaves."""
        numbers = [leaf for leaf in leaves if leaf < self._size]
        return {name: float(self._sums[name][numbers].sum()) for name in self.names}

    def by_leaf(self, name: str, n_leaves: int) -> NDArray[np.float64]:
        """Return one figure of every leaf."""
        self._grow(n_leaves)
        return self._sums[name][:n_leaves]

    def follow(self, space: Workspace, touched: Iterable[int]) -> None:
        """Count again where an edit has touched the leaves."""
        self._grow(space.next_leaf)
        for layer, numbers, at, found in self._looked_at_again(space, touched):
            self._add(layer, numbers, at, -1.0)
            numbers[at] = found
            self._add(layer, numbers, at, 1.0)

    def ahead(self, space: Workspace, touched: Iterable[int]) -> "Ahead":
        """Count as :meth:`follow` will, without following: for an edit that is under way."""
        change: dict[str, defaultdict[int, float]] = {name: defaultdict(float) for name in self.names}
        for layer, numbers, at, found in self._looked_at_again(space, touched):
            for leaf, sign in ((numbers[at], -1.0), (found, 1.0)):
                for name, values in layer.figures.items():
                    for number in np.unique(leaf[leaf >= 0]).tolist():
                        change[name][number] += sign * float(values[at[leaf == number]].sum())
        return Ahead(self, change)

    def _looked_at_again(
        self, space: Workspace, touched: Iterable[int]
    ) -> Iterator[tuple[PointLayer, NDArray[np.int64], NDArray[np.intp], NDArray[np.int64]]]:
        """Give for each layer the points that an edit may have moved: positions, and the leaf of each now."""
        leaves = sorted({leaf for leaf in touched if leaf >= 0})
        if not leaves:
            return
        marked = np.zeros(max(self._size, space.next_leaf) + 1, dtype=bool)  # the last: points in no leaf
        marked[[*leaves, -1]] = True
        shapes = [space.polygon(leaf) for leaf in leaves]
        bounds = shapely.total_bounds(np.array(shapes, dtype=object))
        for layer, numbers in zip(self._layers, self._leaf, strict=True):
            at = np.flatnonzero(marked[numbers])
            xy = layer.lonlat_deg[at]
            near = (numbers[at] >= 0) | ((xy >= bounds[:2]) & (xy <= bounds[2:])).all(axis=1)
            at, xy = at[near], xy[near]
            found = np.full(len(at), -1, dtype=np.int64)
            for leaf, shape in zip(leaves, shapes, strict=True):
                if shape.is_empty:
                    continue
                shapely.prepare(shape)
                free = np.flatnonzero(found < 0)
                found[free[shapely.intersects_xy(shape, xy[free, 0], xy[free, 1])]] = leaf
            yield layer, numbers, at, found

    @property
    def _size(self) -> int:
        return len(next(iter(self._sums.values()))) if self._sums else 0

    def _grow(self, n_leaves: int) -> None:
        for name, sums in self._sums.items():
            if len(sums) < n_leaves:
                self._sums[name] = np.append(sums, np.zeros(n_leaves - len(sums)))

    def _add(self, layer: PointLayer, numbers: NDArray[np.int64], at: NDArray[np.intp], sign: float) -> None:
        inside = at[numbers[at] >= 0]
        for name, values in layer.figures.items():
            np.add.at(self._sums[name], numbers[inside], sign * values[inside])


@dataclass(frozen=True, slots=True)
class Ahead:
    """Sums by leaf as they will be after an edit that is under way."""

    tally: Tally
    change: Mapping[str, Mapping[int, float]]

    def of(self, leaves: Iterable[int]) -> dict[str, float]:
        """Return the sum of each figure over some leaves."""
        numbers = list(leaves)
        now = self.tally.of(numbers)
        return {name: now[name] + sum(self.change[name].get(leaf, 0.0) for leaf in numbers) for name in now}
