"""Dividing cells of upper levels: along a line, or into groups of leaves. Shapes follow, they are derived.

A cell above the leaves is divided by saying which of its leaves belong to which side. Cells in between that
have leaves on both sides are divided in the same way; those on one side only are handed over whole.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import shapely

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry.codes import order_by_place
from geo_service.geometry.cut import Cut
from geo_service.geometry.rings import Edge
from geo_service.planning.redraw import Step
from geo_service.planning.register import CellKey, CellRecord

_NUMBERED = re.compile(r"(.+)-[1-9][0-9]*")


def name_pieces(step: Step, found: Cut, code: str | None, name: str | None) -> None:
    """Enter the new pieces of leaves that were cut into the register, beside the leaf they came from."""
    for leaf, pieces in found.pieces.items():
        old = step.register.require(step.redraw.key_of(leaf))
        fresh = pieces[1:]
        for k, at in enumerate(by_place([step.space.polygon(piece) for piece in fresh])):
            piece = fresh[at]
            own = code if k == 0 else None
            own_name = name if name and k == 0 else fresh_name(step, old.level, old.parent, name or old.name)
            record = step.new_cell(old.level, old.parent, code=own, name=own_name, like=old)
            step.name_leaf(piece, record.key)


def fresh_name(step: Step, level: str, parent: CellKey | None, name: str) -> str:
    """Return a name for a piece of a cell that no sibling has: that of the cell with -2, -3 and so on.

    A piece of a piece is numbered on: what is cut out of 溪坞8号微网格-2 becomes 溪坞8号微网格-3.
    """
    siblings = step.register.children(parent) if parent else [record.key for record in step.register]
    taken = {step.register.require(key).name for key in siblings if key[0] == level}
    numbered = _NUMBERED.fullmatch(name)
    stem = numbered[1] if numbered and numbered[1] in taken else name
    number = 2
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def divide_along(
    step: Step, record: CellRecord, along: set[Edge], code: str | None, name: str | None
) -> None:
    """Divide an upper cell where its leaves were cut: what lies across the line becomes a cell of its own.

    The largest piece that touches the line keeps the code; pieces that do not touch it stay with it.

    Raises
    ------
    InvalidInputError
        One can still walk round the line inside the cell: it is not parted.
    """
    leaves = step.redraw.leaves_of(record.key)
    component = _components(step, leaves, along)
    touching = sorted({component[leaf] for leaf in leaves if _touches(step, leaf, along)})
    area = {c: sum(step.space.area2(leaf) for leaf in leaves if component[leaf] == c) for c in touching}
    order = sorted(touching, key=lambda c: (-area[c], c))
    if len(order) < 2:
        message = Words(
            f"the line does not part {record.level} {record.code}: its two sides still hang together",
            f"线没有把 {record.code} 分开：两侧仍然相连",
        )
        raise InvalidInputError(message, [Fault("line", message)])
    side = {leaf: order.index(component[leaf]) if component[leaf] in area else 0 for leaf in leaves}
    _divide(step, record, side, code=code, name=name)


def regroup(step: Step, record: CellRecord, level: str, assignment: Mapping[CellKey, int]) -> None:
    """Give the leaves of a cell to new groups on a level directly below it.

    Each group takes the code of the cell on that level with which it shares most land, if no other group has
    a better claim to it; the other groups get new codes, and cells that are left without leaves are retired.
    """
    depth = step.register.depth(record.level)
    if step.register.depth(level) != depth + 1:
        message = Words(f"{level} is not the level below {record.level}", "所选层级不是它的下一层")
        raise InvalidInputError(message, [Fault("level", message, value=level)])
    leaves = {step.redraw.key_of(leaf): leaf for leaf in step.redraw.leaves_of(record.key)}
    _require_same(set(leaves), set(assignment), record)
    if step.register.depth(next(iter(leaves))[0]) != depth + 2:
        message = Words(
            f"the leaves of {record.code} are not on the level below {level}",
            f"{record.code} 的最小网格不在所选层级的下一层",
        )
        raise InvalidInputError(message, [Fault("level", message, value=level)])
    today = {key: step.register.require(key).parent for key in leaves}
    claims: dict[tuple[int, CellKey], int] = {}
    for key, leaf in leaves.items():
        parent = today[key]
        if parent is not None:
            claim = (assignment[key], parent)
            claims[claim] = claims.get(claim, 0) + step.space.area2(leaf)
    owner: dict[int, CellKey] = {}
    for group, cell in sorted(claims, key=lambda claim: (-claims[claim], claim)):
        if group not in owner and cell not in owner.values():
            owner[group] = cell
    model = step.register.require(next(iter(owner.values())))
    new = sorted(set(assignment.values()) - set(owner))
    members = [[leaf for key, leaf in sorted(leaves.items()) if assignment[key] == group] for group in new]
    land = [shapely.GeometryCollection([step.space.polygon(leaf) for leaf in own]) for own in members]
    for group in (new[k] for k in by_place(land)):
        own_name = fresh_name(step, level, record.key, model.name)
        fresh = step.new_cell(level, record.key, code=None, name=own_name, like=model)
        owner[group] = fresh.key
    for key in sorted(leaves):
        step.register.put(replace(step.register.require(key), parent=owner[assignment[key]]))
    for child in step.register.children(record.key):
        if not step.register.children(child):
            step.register.remove(child)


def _divide(
    step: Step,
    record: CellRecord,
    side: Mapping[int, int],
    *,
    kept: int = 0,
    above: Mapping[int, CellRecord] | None = None,
    code: str | None = None,
    name: str | None = None,
) -> None:
    """Divide a cell by the sides of its leaves.

    The side ``kept`` stays with the cell; each other one gets a cell of its own, beside it or below the cell
    that ``above`` has for that side. Children go with their largest side, and are divided likewise.
    """
    cells = {kept: record}
    for k in sorted(set(side.values()) - {kept}):
        parent = above[k].key if above else record.parent
        own_name = name if name and len(cells) == 1 else None
        own_name = own_name or fresh_name(step, record.level, parent, name or record.name)
        cells[k] = step.new_cell(record.level, parent, code=code, name=own_name, like=record)
        code = None
    for child in step.register.children(record.key):
        below = {leaf: side[leaf] for leaf in step.redraw.leaves_of(child)}
        own = min(set(below.values()), key=lambda k: (-_area(step, below, k), k), default=kept)
        child_record = step.register.require(child)
        if own != kept:
            child_record = replace(child_record, parent=cells[own].key)
            step.register.put(child_record)
        if len(set(below.values())) > 1:
            _divide(step, child_record, below, kept=own, above=cells)


def _area(step: Step, side: Mapping[int, int], k: int) -> int:
    return sum(step.space.area2(leaf) for leaf, at in side.items() if at == k)


def _components(step: Step, leaves: Sequence[int], along: set[Edge]) -> dict[int, int]:
    """Return a number for each piece of a cell that hangs together without crossing the line."""
    inside, component = set(leaves), dict[int, int]()
    for start in leaves:
        if start in component:
            continue
        component[start] = start
        stack = [start]
        while stack:
            leaf = stack.pop()
            for a, b in step.space.edges(leaf):
                other = step.space.star(b)[a]
                if other in inside and other not in component and (min(a, b), max(a, b)) not in along:
                    component[other] = start
                    stack.append(other)
    return component


def _touches(step: Step, leaf: int, along: set[Edge]) -> bool:
    return any((min(edge), max(edge)) in along for edge in step.space.edges(leaf))


def by_place(shapes: Sequence[shapely.Geometry]) -> list[int]:
    """Return the order in which new cells get their codes and names: line by line, as one reads a page."""
    if not shapes:
        return []
    middle = shapely.centroid(np.array(list(shapes), dtype=object))
    order: list[int] = order_by_place(shapely.get_coordinates(middle)).tolist()
    return order


def _require_same(leaves: set[CellKey], assigned: set[CellKey], record: CellRecord) -> None:
    if leaves == assigned:
        return
    missing, strange = sorted(leaves - assigned), sorted(assigned - leaves)
    words = []
    if missing:
        words.append(f"{len(missing)} of its leaves have no group ({missing[0][1]}, …)")
    if strange:
        words.append(f"{len(strange)} are not among its leaves ({strange[0][1]}, …)")
    message = Words(
        f"the groups do not fit {record.level} {record.code}: {'; '.join(words)}",
        f"划分与 {record.code} 现在的网格不符：网格在此期间有改动，请重新划分",
    )
    raise InvalidInputError(message, [Fault("assignment", message)])
