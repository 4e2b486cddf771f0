"""Edits of a tiling: each leaves an exactly valid one, or is refused with the reason and the place.

All places are lattice integers. An edit returns what it changed, edge by edge
(:class:`~geo_service.geometry.workspace.EdgeChange`); that undoes it, and repeats it elsewhere.
Cutting has a file of its own: :mod:`geo_service.geometry.cut`.
"""

from collections.abc import Sequence

import shapely

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import lattice
from geo_service.geometry.rings import Part, Ring, Vertex
from geo_service.geometry.stars import NOBODY
from geo_service.geometry.workspace import EdgeChange, Workspace


def refuse(message: str, at: Vertex | None = None, field: str = "") -> InvalidInputError:
    """Return the error of an edit that cannot be made; the caller raises it."""
    place = None
    if at is not None:
        lon, lat = lattice.to_degrees(at).tolist()
        place = (lon, lat)
    return InvalidInputError(
        Words("the edit cannot be made; nothing was changed", "不能这样修改，什么都没有改动"),
        [Fault(field, message, place=place)],
    )


def move_vertex(space: Workspace, start: Vertex, end: Vertex) -> list[EdgeChange]:
    """Move a vertex, and with it the borders of all cells that meet there.

    Raises
    ------
    InvalidInputError
        There is no vertex at ``start``, there is one at ``end``, or borders would cross.
    """
    return _move(space, {start: end})


def move_edge(space: Workspace, a: Vertex, b: Vertex, by: Vertex) -> list[EdgeChange]:
    """Move an edge by a lattice vector; the edges that meet it at its ends follow."""
    require_edge(space, a, b)
    return _move(space, {end: (end[0] + by[0], end[1] + by[1]) for end in (a, b)})


def _move(space: Workspace, to: dict[Vertex, Vertex]) -> list[EdgeChange]:
    for start, end in to.items():
        require_vertex(space, start)
        if end not in to and space.star(end):
            raise refuse(Words("another corner is there already", "这里已有另一个界点"), end, "to")
        require_on_globe(end)
    around = {(min(vertex, other), max(vertex, other)) for vertex in to for other in space.star(vertex)}
    sides = {(a, b): (space.star(a)[b], space.star(b)[a]) for a, b in sorted(around)}

    def edit() -> None:
        for a, b in sides:
            space.remove(a, b)
        for (a, b), (left, right) in sides.items():
            p, q = to.get(a, a), to.get(b, b)
            if p == q or space.left_of(p, q) is not None:
                raise refuse(Words("two borders would fall together", "两条边界会重叠"), q, "to")
            space.put(p, q, left, right)

    return space.run(edit)


def insert_vertex(space: Workspace, a: Vertex, b: Vertex, at: Vertex) -> list[EdgeChange]:
    """Put a vertex into an edge; it may lie beside it, the edge then bends."""
    require_edge(space, a, b)
    require_on_globe(at)
    if space.star(at):
        raise refuse(Words("a corner is there already", "这里已有一个界点"), at, "at")
    return space.run(lambda: part_edge(space, a, b, at))


def part_edge(space: Workspace, a: Vertex, b: Vertex, at: Vertex) -> None:
    """Let an edge go by way of ``at``: one step of a larger edit, not proved by itself."""
    left, right = space.star(a)[b], space.star(b)[a]
    space.remove(a, b)
    space.put(a, at, left, right)
    space.put(at, b, left, right)


def delete_vertex(space: Workspace, at: Vertex) -> list[EdgeChange]:
    """Take a vertex out of a border; its two neighbours are joined by a straight edge.

    Raises
    ------
    InvalidInputError
        Three or more borders meet there, or the straight edge would cross another border.
    """
    require_vertex(space, at)
    ends = sorted(space.star(at))
    if len(ends) != 2:
        raise refuse(
            Words(
                f"{len(ends)} borders meet here: move the corner instead, or merge the cells",
                f"这里有 {len(ends)} 条边界相交：请移动界点，或合并网格",
            ),
            at,
            "at",
        )
    a, b = ends
    if space.left_of(a, b) is not None:
        raise refuse(Words("the cell would have only two corners left", "网格只剩两个界点"), at, "at")

    def edit() -> None:
        left, right = space.star(a)[at], space.star(at)[a]
        space.remove(a, at)
        space.remove(at, b)
        space.put(a, b, left, right)

    return space.run(edit)


def merge(space: Workspace, leaves: Sequence[int], into: int, *, apart: bool = False) -> list[EdgeChange]:
    """Give all land of some leaves to another one.

    With ``apart`` the result may lie in several pieces (an exclave); otherwise that is refused.
    """
    if into in leaves or not leaves:
        raise refuse(
            Words(
                "name the cells to merge, and another one that they become part of",
                "请指明要合并的网格，以及并入哪个网格",
            ),
            field="cells",
        )
    for leaf in (*leaves, into):
        require_leaf(space, leaf)
    pieces = sum(len(space.parts(leaf)) for leaf in (*leaves, into)) if apart else None
    return space.run(lambda: _give_all(space, leaves, into), parts=pieces)


def _give_all(space: Workspace, leaves: Sequence[int], into: int) -> None:
    for leaf in leaves:
        for a, b in list(space.edges(leaf)):
            space.put_left(a, b, into)


def give_away(space: Workspace, leaves: Sequence[int]) -> list[EdgeChange]:
    """Make the land of some leaves nobody's: it becomes a gap, or lies outside from now on."""
    for leaf in leaves:
        require_leaf(space, leaf)
    return space.run(lambda: _give_all(space, leaves, NOBODY))


def gap_at(space: Workspace, place: Vertex) -> Part:
    """Return the gap that holds a place.

    Raises
    ------
    InvalidInputError
        The place lies in a cell, or outside of the whole tiling, where there is no gap to take in.
    """
    point = shapely.Point(lattice.to_degrees(place))
    near = (part for part in space.parts(NOBODY) if _is_in_box(place, part.shell))
    holding = [part for part in near if part.polygon().covers(point)]
    if not holding:
        raise refuse(
            Words(
                "there is no gap here: it must be enclosed by cells", "这里没有空白地带：空白地带须被网格围住"
            ),
            place,
            "at",
        )
    return min(holding, key=lambda part: part.area2)


def _is_in_box(place: Vertex, ring: Ring) -> bool:
    columns, rows = [x for x, _ in ring], [y for _, y in ring]
    return min(columns) <= place[0] <= max(columns) and min(rows) <= place[1] <= max(rows)


def adopt_gap(space: Workspace, place: Vertex, into: int | None) -> list[EdgeChange]:
    """Take the gap at a place into a leaf; None: into a new leaf, which gets the next number."""
    gap = gap_at(space, place)
    if into is not None:
        require_leaf(space, into)

    def edit() -> None:
        leaf = space.new_leaf() if into is None else into
        for a, b in gap.edges():
            space.put_left(a, b, leaf)

    return space.run(edit)


def require_vertex(space: Workspace, at: Vertex) -> None:
    """Raise unless borders meet at this place."""
    if not space.star(at):
        raise refuse(
            Words(
                "there is no corner here: take one of a border, or insert one first",
                "这里没有界点：请拖动边界上的界点，或先增加一个",
            ),
            at,
            "from",
        )


def require_edge(space: Workspace, a: Vertex, b: Vertex) -> None:
    """Raise unless there is an edge between the two places."""
    if space.left_of(a, b) is None:
        raise refuse(Words("there is no border between these two corners", "这两个界点之间没有边界"), a, "a")


def require_leaf(space: Workspace, leaf: int) -> None:
    """Raise unless the leaf holds land."""
    if leaf == NOBODY or not space.exists(leaf):
        raise refuse(Words("this cell holds no land (any more)", "这个网格已没有土地"), field="cell")


def require_on_globe(at: Vertex) -> None:
    """Raise unless the place is on the globe."""
    if abs(at[0]) > lattice.MAX_I or abs(at[1]) > lattice.MAX_J:
        raise refuse(Words("the place is not on the globe", "位置超出范围"), field="to")
