"""Taking in sign boards (网格公示牌): each is held against the edition that it was printed for."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault, GeoServiceError, InvalidInputError, Words
from geo_service.formats.sign_boards import SignBoardTable
from geo_service.planning.register import CellKey
from geo_service.planning.sign_boards import SignBoard
from geo_service.services.importing import ImportReport
from geo_service.services.sign_boards import InForce
from geo_service.services.tiling import Tilings
from geo_service.store import audit, outbox, plan_ground, sign_boards
from geo_service.store.database import Connection, Database

_NOON = time(12, tzinfo=UTC)


def import_sign_boards(
    database: Database, tilings: Tilings, table: SignBoardTable, *, who: str, commit: bool
) -> ImportReport:
    """Add sign boards, or say anew what is printed on those there.

    A row without an edition was printed for that in force on its day (at noon UTC), without a day for that
    in force now. What a row does not say of the cell's name is taken from that edition, its outline always.

    Raises
    ------
    InvalidInputError
        A cell or an edition does not exist; each fault names the row.
    """
    frame = table.frame
    with database.reading() as connection:
        known = sign_boards.codes(connection)
        boards, faults = _boards_of(connection, tilings, frame)
    if faults:
        words = Words(
            f"{len(faults)} sign board(s) name what does not exist",
            f"有 {len(faults)} 块公示牌所指的网格或版本不存在",
        )
        raise InvalidInputError(words, faults[:100])
    corrected = sum(board.code in known for board in boards)
    counts = {
        "rows": len(boards),
        "new": len(boards) - corrected,
        "corrected": corrected,
        "without_place": sum(board.place is None for board in boards),
    }
    if commit:
        with database.writing() as connection:
            sign_boards.replace(connection, boards)
            audit.record(connection, who, "import sign boards", "sign boards", counts)
            outbox.add(connection, "imported.sign boards", counts)
    return ImportReport("sign boards", commit, counts, table.notes)


class _Editions:
    """The editions that boards were printed for, each loaded once."""

    def __init__(self, connection: Connection, tilings: Tilings) -> None:
        self._connection = connection
        self._tilings = tilings
        self._by_day: dict[date | None, int] = {}
        self._cells: dict[int, InForce] = {}

    def of(self, edition_id: int | None, day: date | None) -> tuple[int, InForce]:
        """Return the edition of a number; without one that in force on a day, without a day now.

        Raises
        ------
        NotFoundError
            There is none.
        """
        if edition_id is None:
            if day not in self._by_day:
                moment = None if day is None else datetime.combine(day, _NOON)
                self._by_day[day] = self._tilings.edition(moment).id
            edition_id = self._by_day[day]
        if edition_id not in self._cells:
            found = plan_ground.edition_of(self._connection, edition_id)
            self._cells[edition_id] = InForce(self._tilings.load(found, self._connection))
        return edition_id, self._cells[edition_id]

    def outlines(self, edition_id: int, keys: Sequence[CellKey]) -> NDArray[np.object_]:
        """Return the outlines of cells of an edition."""
        return self._cells[edition_id].outlines_of(keys)


def _boards_of(
    connection: Connection, tilings: Tilings, frame: pd.DataFrame
) -> tuple[list[SignBoard], list[Fault]]:
    editions, faults = _Editions(connection, tilings), list[Fault]()
    found: dict[int, list[tuple[CellKey, str, Any]]] = {}
    for row in frame.to_dict("records"):
        number = int(row["edition"]) if np.isfinite(row["edition"]) else None
        try:
            edition_id, cells = editions.of(number, row["printed_on"])
        except GeoServiceError as error:
            faults.append(Fault("edition", error.detail, row=row["row"], value=number))
            continue
        level = row["cell_level"] or next(iter(reversed(cells.levels_of(row["cell_code"]))), "")
        key = (level, row["cell_code"])
        name = cells.name_of(key)
        if name is None:
            message = Words(
                f"edition {edition_id} has no such cell; correct its code or level, or name the edition",
                f"第 {edition_id} 版边界没有这个网格，请核对编码、层级或版本",
            )
            faults.append(Fault("cell_code", message, row=row["row"], value=row["cell_code"]))
            continue
        found.setdefault(edition_id, []).append((key, name, row))
    boards = []
    for edition_id, rows in found.items():
        outlines = editions.outlines(edition_id, [key for key, _, _ in rows])
        for (key, name, given), outline in zip(rows, outlines, strict=True):
            if outline is None or outline.is_empty:
                message = Words("the cell holds no land in that edition", "该版边界中这个网格没有范围")
                faults.append(Fault("cell_code", message, row=given["row"], value=key[1]))
                continue
            boards.append(_board(given, key, name, edition_id, outline))
    return boards, faults


def _board(
    row: Mapping[str, Any], key: CellKey, name: str, edition_id: int, outline: BaseGeometry
) -> SignBoard:
    return SignBoard(
        code=row["board"],
        cell=key,
        kind=row["board_kind"],
        place=(float(row["lon"]), float(row["lat"])) if np.isfinite(row["lon"]) else None,
        printed_name=row["printed_name"] or name,
        printed_owner=row["printed_owner"],
        printed_role=row["printed_role"],
        printed_on=row["printed_on"],
        edition_id=edition_id,
        outline=outline,
    )
