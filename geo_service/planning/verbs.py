"""What a planner can do to a tiling, verb by verb. Each takes its arguments as JSON gives them.

Cells are written ``[level, code]``, places ``[lon, lat]`` in EPSG:4326 degrees; places are taken to the
nearest lattice point. A verb is all or nothing: what it refuses leaves everything as it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import cut as cutting
from geo_service.geometry import edit, lattice
from geo_service.planning import along, dividing, pieces
from geo_service.planning.arguments import Arguments
from geo_service.planning.redraw import Patch, Redraw, Step
from geo_service.planning.register import COUNTS, CellKey, CellRecord

#: How near a drawn line must come to a corner to be taken through it.
SNAP_M = 0.5
SNAP_STEPS = round(SNAP_M / lattice.UNIT_M)

KINDS = ("regular", "dedicated", "street_face")


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing a planner can do: how it is called in both languages, what it does, what it takes.

    ``takes`` shows the arguments as they are written in JSON; those in brackets may be left out.
    """

    name_zh: str
    name_en: str
    act: Callable[[Step, Arguments], None]
    takes: str


def apply(redraw: Redraw, verb: str, arguments: Mapping[str, Any]) -> Patch:
    """Carry out a verb.

    Raises
    ------
    InvalidInputError
        There is no such verb; an argument is missing, unknown or wrong; the edit would break the tiling.
        Faults name the argument and, where there is one, the place.
    """
    if verb not in VERBS:
        message = f"there is no edit called {verb!r}; use one of: {', '.join(VERBS)}"
        raise InvalidInputError(message, [Fault("verb", message, value=verb)])
    given = Arguments(arguments)
    patch = redraw.change(lambda step: VERBS[verb].act(step, given))
    if not patch.edges and not patch.records:
        raise InvalidInputError(
            Words("the edit changes nothing", "没有变化"),
            [Fault("arguments", Words("it is so already", "没有变化"))],
        )
    return patch


# ------------------------------------------------------------------------------------------- borders


def _move_vertex(step: Step, given: Arguments) -> None:
    start, end = given.place("from"), given.place("to")
    given.done()
    step.passes_counts = False
    step.shape(lambda: edit.move_vertex(step.space, start, end))


def _move_edge(step: Step, given: Arguments) -> None:
    a, b, by = given.place("a"), given.place("b"), given.vector("by")
    given.done()
    step.passes_counts = False
    step.shape(lambda: edit.move_edge(step.space, a, b, by))


def _insert_vertex(step: Step, given: Arguments) -> None:
    a, b, at = given.place("a"), given.place("b"), given.place("at")
    given.done()
    step.passes_counts = False
    step.shape(lambda: edit.insert_vertex(step.space, a, b, at))


def _delete_vertex(step: Step, given: Arguments) -> None:
    at = given.place("at")
    given.done()
    step.passes_counts = False
    step.shape(lambda: edit.delete_vertex(step.space, at))


# --------------------------------------------------------------------------------------- land of leaves


def _cut(step: Step, given: Arguments) -> None:
    cell, line = given.cell("cell"), given.line("line")
    code, name = given.text("code"), given.text("name")
    given.done()
    record = step.register.require(cell)
    leaves = step.redraw.leaves_of(cell)
    if not leaves:
        raise refusal(
            "cell", Words("the cell holds no land that could be cut", "网格没有可以切分的土地"), cell
        )
    is_leaf = step.redraw.holds_land(cell)
    found = cutting.cut(step.space, leaves, line, snap=SNAP_STEPS)
    step.edges.extend(found.changes)
    if is_leaf and not found.pieces:
        raise refusal(
            "line",
            Words("the line parts no cell: it runs along the border", "线没有分开任何网格：它沿着边界"),
            cell,
        )
    dividing.name_pieces(step, found, code if is_leaf else None, name)
    if not is_leaf:
        dividing.divide_along(step, record, found.along, code, name)


def _give_piece(step: Step, given: Arguments) -> None:
    cell, line, to = given.cell("cell"), given.line("line"), given.cell("to")
    given.done()
    leaf, other = step.redraw.leaf_of(cell), step.redraw.leaf_of(to, "to")
    step.shape(lambda: cutting.give_piece(step.space, leaf, other, line, snap=SNAP_STEPS))


def _merge(step: Step, given: Arguments) -> None:
    cells, into = given.cells("cells"), given.cell("into")
    apart = given.flag("apart")
    given.done()
    target = step.register.require(into, "into")
    cells = [cell for cell in cells if cell != into]
    for cell in cells:
        record = step.register.require(cell, "cells")
        if record.level != target.level:
            raise refusal(
                "cells",
                Words(
                    f"only cells of one level can be merged: {into[0]} and {cell[0]}",
                    "只能合并同一层级的网格",
                ),
                cell,
            )
    if not cells:
        raise refusal("cells", Words("name at least one other cell", "请再选一个网格"), into)
    landed = [cell for cell in cells if step.redraw.holds_land(cell)]
    if landed and not step.redraw.holds_land(into):
        raise refusal(
            "into",
            Words(
                f"{into[1]} has children, and the land of {landed[0][1]} must go to a leaf",
                f"{into[1]} 有下级，{landed[0][1]} 的土地须归入最小的网格",
            ),
            into,
        )
    if step.redraw.holds_land(into) and len(landed) < len(cells):
        divided = next(cell for cell in cells if cell not in landed)
        raise refusal(
            "cells",
            Words(
                f"{divided[1]} has children, {into[1]} has none: merge the children first",
                f"{divided[1]} 有下级而 {into[1]} 没有：请先合并下级",
            ),
            into,
        )
    if landed:
        numbers = [step.redraw.leaf_of(cell) for cell in landed]
        step.shape(lambda: edit.merge(step.space, numbers, step.redraw.leaf_of(into), apart=apart))
    for cell in cells:
        for child in step.register.children(cell):
            step.register.put(replace(step.register.require(child), parent=into))
        step.register.remove(cell)
        step.heirs[cell] = into


def _adopt_gap(step: Step, given: Arguments) -> None:
    place = given.place("at")
    if given.has("into"):
        leaf = step.redraw.leaf_of(given.cell("into"), "into")
        given.done()
        step.shape(lambda: edit.adopt_gap(step.space, place, leaf))
        return
    parent, code, name = given.cell("parent"), given.text("code"), given.text("name")
    given.done()
    owner = step.register.require(parent, "parent")
    level = _level_below(step, owner)
    number = step.space.next_leaf
    step.shape(lambda: edit.adopt_gap(step.space, place, None))
    record = step.new_cell(level, parent, code=code, name=name or "")
    step.name_leaf(number, record.key)


def _give_away(step: Step, given: Arguments) -> None:
    cell = given.cell("cell")
    given.done()
    step.register.require(cell)
    leaves = step.redraw.leaves_of(cell)
    if not leaves:
        raise refusal("cell", Words("the cell holds no land", "网格没有土地"), cell)
    step.shape(lambda: edit.give_away(step.space, leaves))
    for below in [*step.register.below(cell), cell]:
        step.register.remove(below)


# -------------------------------------------------------------------------------------- the register


def _hand_over(step: Step, given: Arguments) -> None:
    cells, to = given.cells("cells"), given.cell("to")
    given.done()
    step.register.require(to, "to")
    for cell in cells:
        step.register.put(replace(step.register.require(cell, "cells"), parent=to))


def _create(step: Step, given: Arguments) -> None:
    level, parent = given.required_text("level"), given.cell_or_none("parent")
    code, name, kind = given.text("code"), given.text("name"), given.text("kind")
    given.done()
    step.register.depth(level)
    record = step.new_cell(level, parent, code=code, name=name or "")
    if kind is not None:
        step.register.put(replace(record, kind=_known_kind(kind)))


def _retire(step: Step, given: Arguments) -> None:
    cell = given.cell("cell")
    given.done()
    step.register.require(cell)
    if step.redraw.leaves_of(cell) or step.register.children(cell):
        raise refusal(
            "cell",
            Words(
                "the cell still holds land: merge it, hand its children over or give it away",
                "网格还有土地或下级：请先合并、划转或划出",
            ),
            cell,
        )
    step.register.remove(cell)


def _rename(step: Step, given: Arguments) -> None:
    cell, name = given.cell("cell"), given.required_text("name")
    given.done()
    step.register.put(replace(step.register.require(cell), name=name))


def _set_kind(step: Step, given: Arguments) -> None:
    cell, kind = given.cell("cell"), _known_kind(given.required_text("kind"))
    given.done()
    step.register.put(replace(step.register.require(cell), kind=kind))


def _describe(step: Step, given: Arguments) -> None:
    cell, attributes = given.cell("cell"), given.mapping("attributes")
    given.done()
    _refuse_odd(attributes)
    record = step.register.require(cell)
    merged = {k: v for k, v in {**record.attributes, **attributes}.items() if v is not None}
    step.register.put(replace(record, attributes=merged))


def _refuse_odd(attributes: Mapping[str, Any]) -> None:
    """Raise where an attribute that the program reads would not mean what it means elsewhere."""
    faults = []
    for name in COUNTS:
        value = attributes.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            faults.append(Fault(f"attributes.{name}", "give a count: 0, 1, 2, …", value=value))
    if attributes.get("class", "urban") not in {"urban", "rural", None}:
        message = "a cell is urban or rural; null strikes the class out"
        faults.append(Fault("attributes.class", message, value=attributes["class"]))
    if faults:
        raise InvalidInputError("the attributes are not right; nothing was changed", faults)


def _split_into(step: Step, given: Arguments) -> None:
    cell, level = given.cell("cell"), given.required_text("level")
    assignment = given.assignment("assignment")
    given.done()
    dividing.regroup(step, step.register.require(cell), level, assignment)


def _level_below(step: Step, owner: CellRecord) -> str:
    depth = step.register.depth(owner.level) + 1
    if depth == len(step.register.levels):
        raise refusal("parent", Words(f"there is no level below {owner.level}", "这一层没有下级"), owner.key)
    return step.register.levels[depth]


def _known_kind(kind: str) -> str:
    if kind not in KINDS:
        message = f"a cell is one of: {', '.join(KINDS)}"
        raise InvalidInputError(message, [Fault("kind", message, value=kind)])
    return kind


def refusal(argument: str, message: str, cell: CellKey) -> InvalidInputError:
    """Return the error for an argument that names a cell which will not do."""
    return InvalidInputError(message, [Fault(argument, message, value=" ".join(cell))])


VERBS: Mapping[str, Verb] = {
    "move_vertex": Verb("移动界点", "move corner", _move_vertex, "from: place, to: place"),
    "move_edge": Verb(
        "移动界线", "move edge", _move_edge, "a: place, b: place, by: [degrees east, degrees north]"
    ),
    "insert_vertex": Verb("增加界点", "insert corner", _insert_vertex, "a: place, b: place, at: place"),
    "delete_vertex": Verb("删除界点", "delete corner", _delete_vertex, "at: place"),
    "cut": Verb("拆分", "cut", _cut, "cell, line, [code, name]"),
    "cut_along": Verb(
        "沿线拆分",
        "cut along",
        along.cut_along(_cut),
        "cell, line, features: street|water|railway, [within_m, code, name]",
    ),
    "merge": Verb("合并", "merge", _merge, "cells, into: cell, [apart]"),
    "hand_over": Verb("划转", "hand over", _hand_over, "cells, to: cell"),
    "give_piece": Verb("划出部分", "give a piece", _give_piece, "cell, line, to: cell"),
    "adopt_gap": Verb(
        "认领空白", "adopt gap", _adopt_gap, "at: place, into: cell, or parent: cell, [code, name]"
    ),
    "give_away": Verb("划出辖区", "give away", _give_away, "cell"),
    "create": Verb("新设", "create", _create, "level, parent: cell, [code, name, kind]"),
    "retire": Verb("撤销", "retire", _retire, "cell"),
    "rename": Verb("更名", "rename", _rename, "cell, name"),
    "set_kind": Verb("改变类别", "set kind", _set_kind, f"cell, kind: {'|'.join(KINDS)}"),
    "describe": Verb("修改属性", "describe", _describe, "cell, attributes: {name: value, …}"),
    "split_into": Verb(
        "按方案拆分", "split as drafted", _split_into, "cell, level, assignment: [[level, code, group], …]"
    ),
    "divide_into": Verb("按楼栋拆分", "divide as drafted", pieces.divide_into, "cell, level, pieces: […]"),
}

#: How the arguments of :attr:`Verb.takes` are written.
NOTATION = {
    "cell": '["grid", "339801001001001"]',
    "cells": "[cell, cell, …]",
    "place": "[lon, lat], EPSG:4326",
    "line": "[place, place, …]",
}


def verb_lines() -> list[str]:
    """Return what there is to do, a line each: the verb and what it takes."""
    width = max(len(name) for name in VERBS)
    return [f"{name:<{width}}  {verb.takes}" for name, verb in VERBS.items()]
