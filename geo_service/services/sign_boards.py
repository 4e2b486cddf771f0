"""Sign boards (网格公示牌): which of them are out of date, and which a redraw touches."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_service.planning.compare import Side
from geo_service.planning.register import CellKey
from geo_service.planning.sign_boards import CellsOfSide, Reason, SignBoard, TouchedBoard, stale, touched
from geo_service.services.board_words import marks
from geo_service.services.tiling import Tiling
from geo_service.store import boundaries, sign_boards
from geo_service.store.database import Connection

#: Columns of an export, in the order in which an import reads them as well.
COLUMNS = (
    "board",
    "cell_code",
    "cell_level",
    "board_kind",
    "printed_name",
    "printed_owner",
    "printed_role",
    "printed_on",
    "edition",
)


@dataclass(frozen=True)
class JudgedBoard:
    """A board, and in what it is no longer true."""

    board: SignBoard
    reasons: frozenset[Reason]


class InForce:
    """The cells of an edition, as boards are held against them."""

    def __init__(self, tiling: Tiling) -> None:
        self._tiling = tiling
        cells = tiling.cells
        self._keys: list[CellKey] = list(zip(cells["level"], cells["code"], strict=True))
        self._names: dict[CellKey, str] = dict(zip(self._keys, cells["name"], strict=True))

    def name_of(self, key: CellKey) -> str | None:
        """Return the name of a cell; None if there is none of that code."""
        return self._names.get(key)

    def levels_of(self, code: str) -> list[str]:
        """Return the levels on which there is a cell of a code, the top first."""
        return [level for level in self._tiling.levels if (level, code) in self._names]

    def outlines_of(self, keys: Sequence[CellKey]) -> NDArray[np.object_]:
        """Return the outlines of cells that are there."""
        out = np.empty(len(keys), dtype=object)
        for level in sorted({key[0] for key in keys}):
            cells = self._tiling.at_level(level)
            shape_of = dict(zip(cells["code"], cells["geom"], strict=True))
            for k, key in enumerate(keys):
                if key[0] == level:
                    out[k] = shape_of[key[1]]
        return out

    def cell_at(self, level: str, lonlat_deg: NDArray[np.float64]) -> list[CellKey | None]:
        """Return in which cell of a level each place lies."""
        tiling = self._tiling
        if level not in tiling.levels:
            return [None] * len(lonlat_deg)
        leaf = tiling.index.leaf_of(lonlat_deg)[0]
        rows = np.append(tiling.ancestry[:, tiling.levels.index(level)], -1)[leaf]
        return [self._keys[row] if row >= 0 else None for row in rows.tolist()]


# ------------------------------------------------------------------------------------------- what is there


def judged(
    connection: Connection, tiling: Tiling, *, at: datetime | None = None, cell_code: str | None = None
) -> list[JudgedBoard]:
    """Return the boards, each with what is no longer true on it.

    Parameters
    ----------
    connection : Connection
    tiling : Tiling
        The cells that they are held against.
    at : datetime, optional
        Who answers for the cells then; default: now.
    cell_code : str, optional
        Only boards of cells of this code.
    """
    boards = sign_boards.every(connection, cell_code)
    if not boards:
        return []
    owners: dict[CellKey, set[tuple[str, str]]] = {}
    held = sign_boards.owners(connection, at or boundaries.moment(connection))
    for level, code, name, role in held.itertuples(index=False):
        owners.setdefault((level, code), set()).add((name, role))
    marked = [board.cell for board in boards if board.printed_mark is not None] if at is None else []
    found = stale(boards, InForce(tiling), owners, marks(connection, tiling, marked))
    return [JudgedBoard(board, reasons) for board, reasons in zip(boards, found, strict=True)]


def frame_of(boards: Sequence[JudgedBoard]) -> gpd.GeoDataFrame:
    """Return boards as a table for a file, which an import takes back."""
    rows = [
        (
            one.board.code,
            one.board.cell[1],
            one.board.cell[0],
            one.board.kind,
            one.board.printed_name,
            one.board.printed_owner,
            one.board.printed_role,
            one.board.printed_on.isoformat() if one.board.printed_on else "",
            one.board.edition_id,
            " ".join(sorted(reason.value for reason in one.reasons)),
        )
        for one in boards
    ]
    places = [shapely.Point(one.board.place) if one.board.place else None for one in boards]
    table = pd.DataFrame(rows, columns=[*COLUMNS, "out_of_date"])
    return gpd.GeoDataFrame(table, geometry=places, crs=4326)


# ----------------------------------------------------------------------------------- what a redraw does


def touched_by_edition(connection: Connection, old: Tiling, new: Tiling) -> list[TouchedBoard]:
    """Return the boards that an edition makes untrue, or that come to stand in another cell.

    :func:`geo_service.planning.sign_boards.summary` makes an answer of it.

    Parameters
    ----------
    connection : Connection
    old, new : Tiling
        The edition before, and the new one.
    """
    boards = sign_boards.every(connection)
    return touched(boards, InForce(old), InForce(new)) if boards else []


def touched_between(
    connection: Connection, before: Side, after: Side, changed: Collection[CellKey]
) -> list[TouchedBoard]:
    """Return the boards that differ between two sides of a report, of which these cells differ."""
    boards = sign_boards.every(connection)
    return touched(boards, CellsOfSide(before), CellsOfSide(after), changed) if boards else []
