"""The verb that divides a cell by drafted shapes: its leaves get new borders, and its children new leaves."""

from dataclasses import dataclass
from typing import Any

import shapely

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import lattice
from geo_service.geometry.retile import retile
from geo_service.planning import dividing
from geo_service.planning.arguments import Arguments
from geo_service.planning.redraw import Step
from geo_service.planning.register import CellKey, CellRecord

MAX_CORNERS = 500_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A drafted shape.

    Attributes
    ----------
    group : int
        Which cell it becomes, or becomes part of.
    of : (level, code) or None
        The leaf that it takes its name from, and its number if it is the largest piece of it.
    shape : shapely Polygon
        On the lattice.
    """

    group: int
    of: CellKey | None
    shape: shapely.Polygon


def divide_into(step: Step, given: Arguments) -> None:
    """Give the leaves of a cell new borders, and divide the cell into groups of the new leaves.

    Where the leaves stand on the level of the groups, each piece is a group. Where they stand below it, the
    pieces are leaves, and groups of them become cells; see :func:`.dividing.regroup`.
    """
    cell, level = given.cell("cell"), given.required_text("level")
    listed = given.objects("pieces")
    given.done()
    record = step.register.require(cell)
    pieces = _read(listed)
    leaves = step.redraw.leaves_of(cell)
    if not leaves:
        raise InvalidInputError(
            Words("the cell holds no land", "网格没有土地"),
            [Fault("cell", Words("it holds no land", "网格没有土地"))],
        )
    depth = step.register.depth(step.redraw.key_of(leaves[0])[0])
    below = depth - step.register.depth(level)
    if step.register.depth(level) != step.register.depth(record.level) + 1 or below not in (0, 1):
        message = f"{level} is not the level below {record.level}, or the leaves stand elsewhere"
        raise InvalidInputError(message, [Fault("level", message, value=level)])
    keys = _retile(step, leaves, pieces)
    if below == 1:
        assignment = {key: piece.group for key, piece in zip(keys, pieces, strict=True)}
        dividing.regroup(step, record, level, assignment)


def _retile(step: Step, leaves: list[int], pieces: list[Piece]) -> list[CellKey]:
    """Draw the pieces, and enter the new leaves into the register; return the cell of each piece."""
    number = {step.redraw.key_of(leaf): leaf for leaf in leaves}
    if strange := sorted({piece.of for piece in pieces if piece.of is not None} - set(number)):
        message = Words(
            f"{strange[0][1]} is not among the leaves of the cell",
            f"{strange[0][1]} 不是它的下级：网格在此期间有改动，请重新划分",
        )
        raise InvalidInputError(message, [Fault("pieces", message, value=" ".join(strange[0]))])
    keep: list[int | None] = [None] * len(pieces)
    for k in sorted(range(len(pieces)), key=lambda k: (-pieces[k].shape.area, k)):
        of = pieces[k].of
        if of is not None and number[of] not in keep:
            keep[k] = number[of]
    model = step.register.require(step.redraw.key_of(leaves[0]))
    changes, numbers = retile(step.space, leaves, [piece.shape for piece in pieces], keep)
    step.edges.extend(changes)
    keys: list[CellKey | None] = [None if leaf is None else step.redraw.key_of(leaf) for leaf in keep]
    fresh = [k for k, key in enumerate(keys) if key is None]
    for k in (fresh[at] for at in dividing.by_place([pieces[k].shape for k in fresh])):
        keys[k] = _enter(step, numbers[k], pieces[k], model)
    kept = {key for key in keys if key is not None}
    for key in sorted(set(number) - kept):
        step.register.remove(key)
    return [key for key in keys if key is not None]


def _enter(step: Step, leaf: int, piece: Piece, model: CellRecord) -> CellKey:
    old = step.register.require(piece.of) if piece.of is not None else model
    own_name = dividing.fresh_name(step, old.level, old.parent, old.name)
    record = step.new_cell(old.level, old.parent, code=None, name=own_name, like=old)
    step.name_leaf(leaf, record.key)
    return record.key


def _read(listed: list[dict[str, Any]]) -> list[Piece]:
    corners = 0
    out: list[Piece] = []
    for k, item in enumerate(listed):
        try:
            group, of, rings = item["group"], item["of"], item["polygon"]
            shape = shapely.Polygon(rings[0], rings[1:])
            corners += shapely.get_num_coordinates(shape)
            key = None if of is None else (str(of[0]), str(of[1]))
            good = isinstance(group, int) and group >= 0 and shape.has_z is False
        except (KeyError, IndexError, TypeError, ValueError):
            good = False
        if not good or set(item) != {"group", "of", "polygon"} or corners > MAX_CORNERS:
            message = (
                "give each piece as {group: 0…, of: [level, code] or null, polygon: [[[lon, lat], …], …]}"
            )
            raise InvalidInputError("the pieces cannot be read", [Fault(f"pieces[{k}]", message)])
        snapped = lattice.snap(shape)
        if not snapped.is_valid or snapped.is_empty:
            raise InvalidInputError(
                "a piece is not a valid polygon",
                [Fault(f"pieces[{k}]", str(shapely.is_valid_reason(snapped)))],
            )
        out.append(Piece(group, key, snapped))
    groups = {piece.group for piece in out}
    if max(groups) + 1 != len(groups):
        message = "count the groups from 0, none left out"
        raise InvalidInputError(message, [Fault("pieces", message)])
    return out
