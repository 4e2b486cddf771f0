"""Retiling: the land of some leaves is given new borders inside, all at once and exactly.

The new polygons must tile the same land. Their outer border may have further corners on the old one, within a
step of the lattice (where a new border meets it); the cells outside get the same corners.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import Words
from geo_service.geometry.edit import refuse, require_leaf
from geo_service.geometry.rings import Edge, Vertex
from geo_service.geometry.segments import directed_edges
from geo_service.geometry.workspace import EdgeChange, Workspace

#: How far, in lattice steps, a further corner may lie off the old border.
_OFF_BORDER = 1.0


def retile(
    space: Workspace, leaves: Sequence[int], shapes: Sequence[Any], keep: Sequence[int | None]
) -> tuple[list[EdgeChange], list[int]]:
    """Put new polygons in the place of leaves.

    Parameters
    ----------
    space : Workspace
    leaves : sequence of int
        Leaves that go, or go on in another shape.
    shapes : sequence of shapely Polygon
        On the lattice, EPSG:4326 degrees; together they cover the land of ``leaves``.
    keep : sequence of int or None
        The leaf that each polygon goes on as, None for a new one; each leaf at most once.

    Returns
    -------
    changes : list of EdgeChange
    numbers : list of int
        The leaf of each polygon.

    Raises
    ------
    InvalidInputError
        The polygons do not tile the land of the leaves; the fault has a place where they do not.
    """
    for leaf in leaves:
        require_leaf(space, leaf)
    named = [leaf for leaf in keep if leaf is not None]
    if len(set(named)) < len(named) or not set(named) <= set(leaves):
        raise refuse(
            Words(
                "each new piece goes on as one of the leaves that are divided, and each leaf once",
                "每一块须沿用一个原有的网格，每个网格只能沿用一次",
            )
        )
    pieces = _pieces(shapes)
    numbers: list[int] = []

    def edit() -> None:
        numbers.extend(space.new_leaf() if leaf is None else leaf for leaf in keep)
        _replace(space, set(leaves), {edge: numbers[k] for edge, k in pieces.items()})

    return space.run(edit), numbers


def _pieces(shapes: Sequence[Any]) -> dict[Edge, int]:
    """Return the polygon to the left of each directed edge."""
    geoms: NDArray[np.object_] = np.empty(len(shapes), dtype=object)
    geoms[:] = list(shapes)
    edges = directed_edges(geoms)
    out: dict[Edge, int] = {}
    for a, b, cell in zip(edges.a.tolist(), edges.b.tolist(), edges.cell.tolist(), strict=True):
        edge = ((a[0], a[1]), (b[0], b[1]))
        if edge in out:
            raise refuse(Words("two of the pieces overlap here", "两块在这里重叠"), edge[0], "pieces")
        out[edge] = cell
    return out


def _replace(space: Workspace, old: set[int], left: Mapping[Edge, int]) -> None:
    rim, inner = _borders(space, old)
    new_rim = {(a, b) for a, b in left if (b, a) not in left}
    for a, b in inner:
        space.remove(a, b)
    onward: dict[Vertex, list[Vertex]] = {}
    for a, b in new_rim:
        onward.setdefault(a, []).append(b)
    for edge in rim:
        for a, b in _parted(space, edge, new_rim, onward):
            space.put_left(a, b, left[a, b])
            new_rim.discard((a, b))
    if new_rim:
        raise refuse(
            Words("the pieces reach beyond the land here", "划分的块在这里超出了网格"),
            min(new_rim)[0],
            "pieces",
        )
    for (a, b), number in left.items():
        if a < b and (b, a) in left:
            space.put(a, b, number, left[b, a])


def _borders(space: Workspace, old: set[int]) -> tuple[list[Edge], list[Edge]]:
    """Return the outer border of some leaves, the leaves to the left, and the borders between them."""
    rim, inner = [], []
    for leaf in sorted(old):
        for a, b in sorted(space.edges(leaf)):
            if space.star(b)[a] not in old:
                rim.append((a, b))
            elif a < b:
                inner.append((a, b))
    return rim, inner


def _parted(
    space: Workspace, edge: Edge, new_rim: set[Edge], onward: Mapping[Vertex, list[Vertex]]
) -> list[Edge]:
    """Give an edge of the outer border the corners that the new pieces have on it; return what it became."""
    if edge in new_rim:
        return [edge]
    a, b = edge
    chain = [a]
    while chain[-1] != b:
        ahead = [at for at in onward.get(chain[-1], ()) if at == b or _between(chain[-1], at, b, edge)]
        if not ahead:
            raise refuse(
                Words("the pieces leave land over here", "划分的块在这里没有盖满网格"), chain[-1], "pieces"
            )
        chain.append(min(ahead, key=lambda at: (_off(at, edge), at)))
    left, right = space.star(a)[b], space.star(b)[a]
    space.remove(a, b)
    for p, q in pairwise(chain):
        if q != b and space.star(q):
            raise refuse(Words("another corner is there already", "这里已有另一个界点"), q, "pieces")
        space.put(p, q, left, right)
    return list(pairwise(chain))


def _between(start: Vertex, at: Vertex, end: Vertex, edge: Edge) -> bool:
    """Tell whether a corner lies on an edge, all but, and farther along it than another."""
    (ax, ay), (bx, by) = edge
    ahead = (at[0] - start[0]) * (bx - ax) + (at[1] - start[1]) * (by - ay)
    left = (end[0] - at[0]) * (bx - ax) + (end[1] - at[1]) * (by - ay)
    return ahead > 0 and left > 0 and _off(at, edge) <= _OFF_BORDER


def _off(at: Vertex, edge: Edge) -> float:
    (ax, ay), (bx, by) = edge
    cross = (bx - ax) * (at[1] - ay) - (by - ay) * (at[0] - ax)
    return float(abs(cross) / np.hypot(bx - ax, by - ay))
