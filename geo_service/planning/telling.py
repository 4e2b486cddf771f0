"""What a change did, in one line for people: the verb, the cells by name, where they went."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from geo_service.errors import Words
from geo_service.planning.register import CellKey
from geo_service.planning.verbs import VERBS

#: So many cells are named; of the others, how many they are.
NAMED = 3

NameOf = Callable[[CellKey], str]


def summary(
    verb: str, arguments: Mapping[str, Any], touched: Iterable[Sequence[str]], name_of: NameOf
) -> Words:
    """Say what a change did.

    Parameters
    ----------
    verb : str
    arguments : mapping
        As they were given.
    touched : iterable of (level, code)
        The cells that it touched: they are named where the arguments name none.
    name_of : callable
        Name of a cell; where it has none, its code.

    Returns
    -------
    Words
        ``合并 甲村、乙村 → 丙村`` and ``merge 甲村, 乙村 → 丙村``.
    """
    known = VERBS.get(verb)
    target = _target(arguments)
    subjects = [cell for cell in _subjects(arguments, touched) if cell != target]
    became = name_of(target) if target else arguments.get("name") if verb == "rename" else None
    goal = f" → {became}" if became else ""
    head = (known.name_zh, known.name_en) if known else (verb, verb)
    return Words(
        f"{head[1]} {_listed(subjects, name_of, ', ', ' and {} more')}{goal}".strip(),
        f"{head[0]} {_listed(subjects, name_of, '、', ' 等 {} 个')}{goal}".strip(),
    )


def _target(arguments: Mapping[str, Any]) -> CellKey | None:
    """Return the cell that gets something."""
    return next(filter(None, (_cell(arguments.get(name)) for name in ("into", "to", "parent"))), None)


def _subjects(arguments: Mapping[str, Any], touched: Iterable[Sequence[str]]) -> list[CellKey]:
    """Return the cells that something happens to."""
    listed = arguments.get("cells")
    given = listed if isinstance(listed, list) else [arguments.get("cell")]
    found = [cell for cell in map(_cell, given) if cell]
    return found or [(cell[0], cell[1]) for cell in touched]


def _cell(value: Any) -> CellKey | None:
    is_cell = isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)
    return (value[0], value[1]) if is_cell else None


def _listed(cells: Sequence[CellKey], name_of: NameOf, between: str, rest: str) -> str:
    shown = between.join(map(name_of, cells[:NAMED]))
    if len(cells) <= NAMED:
        return shown
    return shown + rest.format(len(cells) - NAMED if "more" in rest else len(cells))
