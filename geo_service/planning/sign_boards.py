"""Sign boards (网格公示牌): what was printed on them against what is true, and what a redraw does to them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.geometry.lattice import UNIT_DEG
from geo_service.planning.compare import Side
from geo_service.planning.register import CellKey

#: Thinner than this it is no land: a border that was parted for a new corner bends by less than one step.
_THIN_DEG = 2 * UNIT_DEG


class Reason(StrEnum):
    """Why a board is no longer true."""

    RETIRED = "retired"
    OUTLINE = "outline"
    NAME = "name"
    OWNER = "owner"
    WORDS = "words"
    PLACE = "place"


REASON_WORDS: dict[Reason, tuple[str, str]] = {
    Reason.RETIRED: ("网格已撤销", "the cell is no more"),
    Reason.OUTLINE: ("范围已变", "the outline has changed"),
    Reason.NAME: ("名称已变", "the name has changed"),
    Reason.OWNER: ("责任人已变", "somebody else answers for it"),
    Reason.WORDS: ("牌面人员、电话或职责已变", "people, numbers or duties on it have changed"),
    Reason.PLACE: ("牌位现属其他网格", "the board stands in another cell now"),
}


@dataclass(frozen=True, slots=True)
class SignBoard:
    """A board that hangs in public.

    Attributes
    ----------
    code : str
        The office's own number of it; it stays the same when the board is printed again.
    cell : (level, code)
        The cell it is for.
    kind : str
        What kind of board, as the office calls it.
    place : (lon, lat) or None
        EPSG:4326.
    printed_name : str
    printed_owner : str
        Names as printed, several with 、 between; "" where none was printed. Never a number.
    printed_role : str
    printed_on : date or None
    edition_id : int
        The edition that it was printed for.
    outline : MultiPolygon
        Of the cell in that edition, EPSG:4326.
    printed_mark : bytes or None
        Digest of the words on it (people, public numbers, duties); None where these are not known.
    """

    code: str
    cell: CellKey
    kind: str
    place: tuple[float, float] | None
    printed_name: str
    printed_owner: str
    printed_role: str
    printed_on: date | None
    edition_id: int
    outline: BaseGeometry
    printed_mark: bytes | None = None


@dataclass(frozen=True, slots=True)
class PublicPerson:
    """Somebody who may be named in public, and the number under which the public reaches him ("": none)."""

    name: str
    role: str
    phone: str


class CellsInForce(Protocol):
    """What a board is held against."""

    def name_of(self, key: CellKey) -> str | None:
        """Return the name of a cell; None if there is none of that code."""

    def outlines_of(self, keys: Sequence[CellKey]) -> NDArray[np.object_]:
        """Return the outlines of cells that are there."""

    def cell_at(self, level: str, lonlat_deg: NDArray[np.float64]) -> list[CellKey | None]:
        """Return in which cell of a level each place lies."""


def stale(
    boards: Sequence[SignBoard],
    cells: CellsInForce,
    owners: Mapping[CellKey, Collection[tuple[str, str]]],
    marks: Mapping[CellKey, bytes] | None = None,
) -> list[frozenset[Reason]]:
    """Tell for each board in what it is no longer true.

    Parameters
    ----------
    boards : sequence of SignBoard
    cells : CellsInForce
    owners : mapping of (level, code) to (name, role) of each who answers for the cell
    marks : mapping of (level, code) to bytes
        Digest of the words that a board of the cell would have now; of others nothing is said.

    Returns
    -------
    list of frozenset of Reason
        Empty for a board that still tells the truth.
    """
    out: list[set[Reason]] = [set() for _ in boards]
    there = [k for k, board in enumerate(boards) if cells.name_of(board.cell) is not None]
    for k in set(range(len(boards))).difference(there):
        out[k].add(Reason.RETIRED)
    now = cells.outlines_of([boards[k].cell for k in there])
    printed = _array([boards[k].outline for k in there])
    for k, differs in zip(there, land_differs(printed, now).tolist(), strict=True):
        if differs:
            out[k].add(Reason.OUTLINE)
        if cells.name_of(boards[k].cell) != boards[k].printed_name:
            out[k].add(Reason.NAME)
        if _owner_differs(boards[k], owners.get(boards[k].cell, ())):
            out[k].add(Reason.OWNER)
        elif boards[k].printed_mark not in {None, (marks or {}).get(boards[k].cell, boards[k].printed_mark)}:
            out[k].add(Reason.WORDS)
    for k, cell in _places(boards, cells):
        if cell != boards[k].cell:
            out[k].add(Reason.PLACE)
    return [frozenset(reasons) for reasons in out]


def _places(boards: Sequence[SignBoard], cells: CellsInForce) -> Iterable[tuple[int, CellKey | None]]:
    levels = {board.cell[0] for board in boards if board.place is not None}
    for level in sorted(levels):
        rows = [k for k, one in enumerate(boards) if one.cell[0] == level and one.place is not None]
        lonlat = np.array([boards[k].place for k in rows], dtype=np.float64)
        yield from zip(rows, cells.cell_at(level, lonlat), strict=True)


def _owner_differs(board: SignBoard, owners: Collection[tuple[str, str]]) -> bool:
    """Tell whether somebody whose name is printed no longer answers for the cell, in that role if one is."""
    role = board.printed_role
    return not names_of(board.printed_owner) <= {name for name, own in owners if not role or own == role}


def names_of(text: str) -> set[str]:
    """Return the names in a text that lists them with 、 or commas between."""
    for sign in ("、", "，", ",", ";", "；", "/"):
        text = text.replace(sign, "\n")
    return {name.strip() for name in text.split("\n")} - {""}


def land_differs(one: NDArray[np.object_], other: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which outlines differ in land, a border with one more corner on it aside.

    Parameters
    ----------
    one, other : (n,) array of shapely Polygon or MultiPolygon
        EPSG:4326.
    """
    differs = ~shapely.equals_exact(shapely.normalize(one), shapely.normalize(other), 0.0)
    at = np.flatnonzero(differs)
    rest = shapely.symmetric_difference(one[at], other[at])
    differs[at] = 2 * shapely.area(rest) >= _THIN_DEG * shapely.length(rest)
    differs[at] &= ~shapely.is_empty(rest)
    return np.asarray(differs, dtype=bool)


# ------------------------------------------------------------------------------------ what a redraw does


@dataclass(frozen=True, slots=True)
class TouchedBoard:
    """A board and what a redraw does to it.

    Attributes
    ----------
    board : SignBoard
    reasons : frozenset of Reason
        Why it must be printed again: retired, outline, name; or why it changes hands: place.
    from_cell, to_cell : (level, code) or None
        In which cell of the board's level it stands before and after; None without a place, or in no cell.
    """

    board: SignBoard
    reasons: frozenset[Reason]
    from_cell: CellKey | None
    to_cell: CellKey | None

    @property
    def changes_hands(self) -> bool:
        """Whether it stands in another cell afterwards."""
        return Reason.PLACE in self.reasons

    @property
    def print_again(self) -> bool:
        """Whether what is on it is no longer true afterwards."""
        return bool(self.reasons - {Reason.PLACE})

    def as_dict(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "code": self.board.code,
            "cell": list(self.board.cell),
            "kind": self.board.kind,
            "printed_name": self.board.printed_name,
            "place": list(self.board.place) if self.board.place else None,
            "reasons": sorted(reason.value for reason in self.reasons),
            "print_again": self.print_again,
            "changes_hands": self.changes_hands,
            "from": list(self.from_cell) if self.from_cell else None,
            "to": list(self.to_cell) if self.to_cell else None,
        }


def touched(
    boards: Sequence[SignBoard],
    before: CellsInForce,
    after: CellsInForce,
    changed: Collection[CellKey] | None = None,
) -> list[TouchedBoard]:
    """Return the boards that a redraw makes untrue, or that come to stand in another cell.

    Parameters
    ----------
    boards : sequence of SignBoard
    before, after : CellsInForce
        The two tilings.
    changed : collection of (level, code), optional
        The cells there afterwards that may differ; None: all of them are looked at.
    """
    reasons: list[set[Reason]] = [set() for _ in boards]
    both = []
    for k, board in enumerate(boards):
        old, new = before.name_of(board.cell), after.name_of(board.cell)
        if old is not None and new is None:
            reasons[k].add(Reason.RETIRED)
        if old is None or new is None or (changed is not None and board.cell not in changed):
            continue
        both.append(k)
        if old != new:
            reasons[k].add(Reason.NAME)
    keys = sorted({boards[k].cell for k in both})
    differs = land_differs(before.outlines_of(keys), after.outlines_of(keys))
    reshaped = {key for key, is_other in zip(keys, differs.tolist(), strict=True) if is_other}
    for k in both:
        if boards[k].cell in reshaped:
            reasons[k].add(Reason.OUTLINE)
    here, there = dict(_places(boards, before)), dict(_places(boards, after))
    for k, cell in here.items():
        if cell != there[k]:
            reasons[k].add(Reason.PLACE)
    return [
        TouchedBoard(board, frozenset(reasons[k]), here.get(k), there.get(k))
        for k, board in enumerate(boards)
        if reasons[k]
    ]


class CellsOfSide:
    """The cells of one side of a comparison, as boards are held against them."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._tree = shapely.STRtree(side.shapes)

    def name_of(self, key: CellKey) -> str | None:
        """Return the name of a cell; None if there is none of that code."""
        record = self._side.records.get(key)
        return None if record is None else record.name

    def outlines_of(self, keys: Sequence[CellKey]) -> NDArray[np.object_]:
        """Return the outlines of cells that are there."""
        return _array([self._side.outline(key) for key in keys])

    def cell_at(self, level: str, lonlat_deg: NDArray[np.float64]) -> list[CellKey | None]:
        """Return in which cell of a level each place lies; on a border in the leaf with the smallest code."""
        side, out = self._side, list[CellKey | None]([None] * len(lonlat_deg))
        if level not in side.levels:
            return out
        point, leaf = self._tree.query(shapely.points(lonlat_deg), predicate="intersects")
        for k in sorted(range(len(point)), key=lambda k: side.leaves[leaf[k]], reverse=True):
            row = int(side.rows[level][leaf[k]])  # the smallest is written last
            out[point[k]] = (level, side.codes[level][row]) if row >= 0 else None
        return out


def summary(found: Sequence[TouchedBoard]) -> dict[str, Any]:
    """Return as JSON how many boards must be printed again and change hands, and which."""
    return {
        "print_again": sum(one.print_again for one in found),
        "change_hands": sum(one.changes_hands for one in found),
        "boards": [one.as_dict() for one in found],
    }


def _array(shapes: Sequence[BaseGeometry]) -> NDArray[np.object_]:
    out = np.empty(len(shapes), dtype=object)
    out[:] = shapes
    return out
