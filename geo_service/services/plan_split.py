"""Draw for me: a cell of a plan divided into groups of leaves or of buildings, or small cells merged."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import lattice
from geo_service.geometry.atoms import BARRIER_KINDS, NO_BUILDING, Atoms, make_atoms
from geo_service.geometry.derive import outlines
from geo_service.geometry.partition import Alternative, Band, merge_underloaded, possible_counts, split
from geo_service.geometry.pieces import NO_GROUP, Pieces, components
from geo_service.geometry.segments import directed_edges
from geo_service.planning.register import CellKey
from geo_service.services.plan_drafting import Stop
from geo_service.services.plan_state import PlanState
from geo_service.store import linework
from geo_service.store.database import Connection, Database

Geoms = NDArray[np.object_]

_SMALL_SHARE = 0.2  # a part of a leaf with less of its land and of its households joins its neighbour
_POINT_M = 3.0  # half the side of a building known by a point alone
_MARGIN_DEG = 0.001
_METRES_PER_DEG = 111_320.0


@dataclass(frozen=True)
class Wish:
    """What a division should be like; see :func:`geo_service.geometry.partition.split`."""

    count: int | None = None
    band: Band | None = None
    alternatives: int = 3
    keep_lines: float = 0.0
    seed: int = 0
    strict: bool | None = None

    @property
    def is_strict(self) -> bool:
        """Refuse what cannot be in the band; unless told otherwise only a band that was given is so kept."""
        return self.band is not None if self.strict is None else self.strict


@dataclass(frozen=True)
class Draft:
    """One division: how to carry it out, and what it is worth.

    Attributes
    ----------
    verb, arguments
        The change that makes it so.
    found : Alternative
        Its figures.
    shapes : (k,) array of shapely Polygon or MultiPolygon
        Outline of each group.
    warnings : list of dict
        Land that a barrier cuts off and that cannot be in the band: JSON-able.
    """

    verb: str
    arguments: dict[str, Any]
    found: Alternative
    shapes: Geoms
    warnings: list[dict[str, Any]]


@dataclass(frozen=True)
class _Lines:
    """Lines near a cell by kind, and the places where barriers are crossed."""

    by_kind: dict[str, list[Any]]
    crossings_deg: NDArray[np.float64]

    def of(self, *, barred: bool) -> list[Any]:
        return [
            line for kind, some in self.by_kind.items() if (kind in BARRIER_KINDS) is barred for line in some
        ]


@dataclass(frozen=True)
class Subject:
    """What of a plan a division needs: copied while the plan is held, used when it is free again.

    Attributes
    ----------
    cell : (level, code)
    level : str
        Level of the groups.
    depth : int
        How many levels below it the leaves stand; negative where they stand above.
    keys, parents : list
        The leaves, and the cell above each.
    shapes : (n,) array of shapely Polygon
    households : (n,) int64
    land : shapely geometry
        Outline of the cell.
    """

    cell: CellKey
    level: str
    depth: int
    keys: list[CellKey]
    parents: list[CellKey | None]
    shapes: Geoms
    households: NDArray[np.int64]
    land: shapely.Geometry


@dataclass(frozen=True)
class Siblings:
    """Children of a cell that may be merged, copied in the same way."""

    keys: list[CellKey]
    shapes: Geoms
    households: list[float]
    land: shapely.Geometry


def subject_of(state: PlanState, cell: CellKey) -> Subject:
    """Copy what a division of a cell needs.

    Raises
    ------
    InvalidInputError
        There is no such cell, no level below it, or it holds no land.
    """
    register, level = state.redraw.register, _level_below(state, cell)
    leaves = state.redraw.leaves_of(cell)
    if not leaves:
        message = Words(
            f"{cell[1]} holds no land that could be divided into {level}s", f"{cell[1]} 没有可以划分的土地"
        )
        raise InvalidInputError(message, [Fault("cell", message, value=" ".join(cell))])
    keys = [state.redraw.key_of(leaf) for leaf in leaves]
    return Subject(
        cell,
        level,
        register.depth(keys[0][0]) - register.depth(level),
        keys,
        [register.require(key).parent for key in keys],
        _shapes(state, leaves),
        np.rint(state.tally.by_leaf("households", state.redraw.space.next_leaf)[leaves]).astype(np.int64),
        state.outline(cell),
    )


def siblings_of(state: PlanState, parent: CellKey) -> Siblings:
    """Copy what a merge of the children of a cell needs."""
    children = [key for key in state.redraw.register.children(parent) if state.redraw.leaves_of(key)]
    if not children:
        raise InvalidInputError(
            Words("there is nothing to merge", "没有可以合并的"),
            [Fault("cell", Words("it has no children with land", "它没有带土地的下级"))],
        )
    shapes: Geoms = np.empty(len(children), dtype=object)
    shapes[:] = [state.outline(key) for key in children]
    households = [state.figures(key)["households"] for key in children]
    return Siblings(children, shapes, households, state.outline(parent))


def by_leaves(database: Database, subject: Subject, wish: Wish, stop: Stop) -> list[Draft]:
    """Divide a cell into groups of its leaves.

    Raises
    ------
    InvalidInputError
        The leaves are not two levels below the cell; or no such division can be: the faults say why.
    DraftStoppedError
        Nobody waits any more.
    """
    if subject.depth != 1:
        message = Words(
            f"{subject.cell[1]} has no cells below its {subject.level}s to divide by; divide it by building",
            f"{subject.cell[1]} 的下级之下没有微网格：请改为按楼栋划分",
        )
        raise InvalidInputError(message, [Fault("unit", message, value="leaf")])
    with database.reading() as connection:
        lines = _lines(connection, subject.land)
    pieces = Pieces.from_tiling(
        subject.shapes,
        subject.households,
        current=_numbers(subject.parents),
        barriers=lines.of(barred=True),
        lines=lines.of(barred=False),
        crossings=lines.crossings_deg,
    )
    out = []
    for found in _split(pieces, wish, stop):
        assignment = [
            [*key, group] for key, group in zip(subject.keys, found.assignment.tolist(), strict=True)
        ]
        arguments = {"cell": list(subject.cell), "level": subject.level, "assignment": assignment}
        shapes = outlines(subject.shapes, found.assignment, len(found))
        out.append(Draft("split_into", arguments, found, shapes, _cut_off(pieces, found)))
    return out


def by_buildings(database: Database, subject: Subject, wish: Wish, stop: Stop) -> list[Draft]:
    """Divide a cell along streets and water between its buildings, none of which is cut.

    Raises
    ------
    InvalidInputError
        No such division can be: the faults say why, and which can.
    DraftStoppedError
        Nobody waits any more.
    """
    cell, level, keys, shapes = subject.cell, subject.level, subject.keys, subject.shapes
    if subject.depth not in (0, 1):
        message = Words(
            f"{cell[1]} holds no land that could be divided into {level}s", f"{cell[1]} 没有可以划分的土地"
        )
        raise InvalidInputError(message, [Fault("cell", message, value=" ".join(cell))])
    with database.reading() as connection:
        lines = _lines(connection, subject.land)
        footprints, households = linework.buildings(connection, _box(subject.land))
    stop.check()
    kept = subject.depth == 1
    known = {**lines.by_kind, "leaf": _inner_borders(shapes)} if kept else lines.by_kind
    atoms = make_atoms(subject.land, _footprints(footprints), known, crossings=lines.crossings_deg)
    stop.check()
    home = _home(atoms, shapes)
    today = [subject.parents[leaf] if kept else keys[leaf] for leaf in home.tolist()]
    pieces = atoms.weighed(households, current=_numbers(today))
    out = []
    for found in _split(pieces, wish, stop):
        stop.check()
        part = _parts(atoms, pieces, found, home) if kept else found.assignment
        arguments = {"cell": list(cell), "level": level, "pieces": _listed(atoms, found, home, part, keys)}
        groups = outlines(atoms.geoms, found.assignment, len(found))
        out.append(Draft("divide_into", arguments, found, groups, _cut_off(pieces, found)))
    return out


def merge_small(
    database: Database, siblings: Siblings, band: Band, stop: Stop
) -> tuple[list[dict[str, Any]], Alternative]:
    """Propose merges of the children of a cell until as few as can be are below a band of households."""
    children = siblings.keys
    with database.reading() as connection:
        lines = _lines(connection, siblings.land)
    pieces = Pieces.from_tiling(
        siblings.shapes,
        [round(count) for count in siblings.households],
        barriers=lines.of(barred=True),
        crossings=lines.crossings_deg,
        current=range(len(children)),
    )
    stop.check()
    found = merge_underloaded(pieces, band)
    out = []
    for group in range(len(found)):
        members = np.flatnonzero(found.assignment == group).tolist()
        if len(members) > 1:
            into = max(members, key=lambda k: (siblings.households[k], children[k]))
            gone = [list(children[k]) for k in members if k != into]
            out.append({"verb": "merge", "arguments": {"cells": gone, "into": list(children[into])}})
    return out, found


def _cut_off(pieces: Pieces, found: Alternative) -> list[dict[str, Any]]:
    """Tell of the land across a barrier that cannot be in the band, whatever is done."""
    counts = possible_counts(pieces, found.band)
    low, high = found.band
    return [
        {
            "message": bank.reason,
            "message_zh": f"此处与其余部分不相通的土地共 {bank.weight} 户，无法分成每组 {low}–{high} 户",
            "households": bank.weight,
            "unit": "households",
            "pieces": len(bank.pieces),
            "groups": sorted(set(found.assignment[bank.pieces].tolist())),
            "place": [round(value, 7) for value in bank.place],
        }
        for bank in counts.banks
        if bank.reason
    ]


def _split(pieces: Pieces, wish: Wish, stop: Stop) -> list[Alternative]:
    return split(
        pieces,
        count=wish.count,
        band=wish.band,
        seed=wish.seed,
        alternatives=wish.alternatives,
        keep_lines=wish.keep_lines,
        strict=wish.is_strict,
        progress=stop.check,
    )


def _level_below(state: PlanState, cell: CellKey) -> str:
    register = state.redraw.register
    depth = register.depth(register.require(cell).level) + 1
    if depth == len(register.levels):
        message = Words(f"there is no level below {cell[0]}", "这一层没有下级")
        raise InvalidInputError(message, [Fault("cell", message, value=" ".join(cell))])
    return register.levels[depth]


def _numbers(groups: list[CellKey | None]) -> NDArray[np.int32]:
    order = {key: k for k, key in enumerate(dict.fromkeys(groups))}
    return np.array([NO_GROUP if key is None else order[key] for key in groups], dtype=np.int32)


def _shapes(state: PlanState, leaves: list[int]) -> Geoms:
    out: Geoms = np.empty(len(leaves), dtype=object)
    out[:] = [state.redraw.space.polygon(leaf) for leaf in leaves]
    return out


def _box(land: shapely.Geometry) -> linework.Box:
    west, south, east, north = land.bounds
    return west - _MARGIN_DEG, south - _MARGIN_DEG, east + _MARGIN_DEG, north + _MARGIN_DEG


def _lines(connection: Connection, land: shapely.Geometry) -> _Lines:
    box = _box(land)
    by_kind = {"street": linework.streets(connection, box).tolist()}
    for kind in (*sorted(BARRIER_KINDS), "stream", "canal"):
        by_kind[kind] = linework.barriers(connection, (kind,), box).tolist()
    return _Lines(by_kind, linework.crossings(connection, box))


def _inner_borders(shapes: Geoms) -> list[Any]:
    """Return the borders between leaves, each edge once: short lines are searched faster than whole rings."""
    edges = directed_edges(shapes)
    ends = np.sort(np.column_stack((_packed(edges.a), _packed(edges.b))), axis=1)
    _, first, count = np.unique(ends, axis=0, return_index=True, return_counts=True)
    inner = first[count == 2]
    drawn = np.stack((lattice.to_degrees(edges.a[inner]), lattice.to_degrees(edges.b[inner])), axis=1)
    return list(shapely.linestrings(drawn))


def _packed(ij: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return each vertex as one number."""
    return (ij[:, 0].astype(np.int64) << 32) + ij[:, 1]


def _footprints(shapes: Geoms) -> Geoms:
    """Return footprints; a building that is known by a point alone gets a small square."""
    points = shapely.get_dimensions(shapes) == 0
    squares = shapely.buffer(shapes, _POINT_M / _METRES_PER_DEG, cap_style="square")
    return np.where(points, squares, shapes)


def _home(atoms: Atoms, shapes: Geoms) -> NDArray[np.int64]:
    """Return the leaf in which each atom lies."""
    place = shapely.point_on_surface(atoms.geoms)
    _, leaf = shapely.STRtree(shapes).query_nearest(place, all_matches=False)
    return np.asarray(leaf, dtype=np.int64)


def _parts(atoms: Atoms, pieces: Pieces, found: Alternative, home: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each atom: one for each part of a leaf in a group that hangs together.

    Small parts join the neighbour in their group with which they share the longest border.
    """
    group = found.assignment.astype(np.int64)
    a, b = pieces.pairs.T
    same = (group[a] == group[b]) & (home[a] == home[b])
    part = components(len(pieces), pieces.pairs[same]).astype(np.int64)
    while True:
        count = int(part.max()) + 1
        area = np.bincount(part, pieces.area_m2, minlength=count)
        weight = np.bincount(part, pieces.weight, minlength=count)
        lived_in = np.bincount(part, atoms.building != NO_BUILDING, minlength=count)
        first = np.unique(part, return_index=True)[1]
        leaf = home[first]
        leaf_area, leaf_weight = np.bincount(home, pieces.area_m2), np.bincount(home, pieces.weight)
        small = (area < _SMALL_SHARE * leaf_area[leaf]) & (weight <= _SMALL_SHARE * leaf_weight[leaf])
        small |= (lived_in == 0) & (area < 0.5 * leaf_area[leaf])
        for k in np.flatnonzero(small)[np.argsort(area[small], kind="stable")].tolist():
            touching = (group[a] == group[b]) & ((part[a] == k) != (part[b] == k))
            if touching.any():
                other = np.where(part[a] == k, part[b], part[a])[touching]
                part[part == k] = int(np.bincount(other, pieces.border_m[touching]).argmax())
                break
        else:
            return part
        part = np.unique(part, return_inverse=True)[1]


def _listed(
    atoms: Atoms, found: Alternative, home: NDArray[np.int64], part: NDArray[Any], keys: list[CellKey]
) -> list[dict[str, Any]]:
    """Return the pieces of ``divide_into``: each with the leaf that gave most of its land."""
    count = int(part.max()) + 1
    shapes = outlines(atoms.geoms, part, count)
    area = shapely.area(atoms.geoms)
    out = []
    for k in range(count):
        mine = np.flatnonzero(part == k)
        leaf = int(np.bincount(home[mine], area[mine]).argmax())
        polygon = shapes[k]
        if polygon.geom_type != "Polygon":
            raise InvalidInputError(
                Words("a part of the division does not hang together", "划分的一块不连片"),
                [Fault("cell", Words("draw it by hand", "请手工切分"))],
            )
        rings = [polygon.exterior, *polygon.interiors]
        out.append(
            {
                "group": int(found.assignment[mine[0]]),
                "of": list(keys[leaf]),
                "polygon": [
                    np.round(lattice.to_degrees(lattice.to_lattice(ring.coords)), 7).tolist()
                    for ring in rings
                ],
            }
        )
    return out
