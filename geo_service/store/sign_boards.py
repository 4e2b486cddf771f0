"""Sign boards as they are kept: by their own number, for a cell, with what was printed on them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sqlalchemy import Connection, func, select, text

from geo_service.planning.sign_boards import SignBoard
from geo_service.store import bulk
from geo_service.store.office_tables import sign_board
from geo_service.store.tables import cell, level

_ROWS = (
    select(
        sign_board.c.code,
        level.c.code,
        cell.c.code,
        sign_board.c.kind,
        func.ST_X(sign_board.c.geom),
        func.ST_Y(sign_board.c.geom),
        sign_board.c.printed_name,
        sign_board.c.printed_owner,
        sign_board.c.printed_role,
        sign_board.c.printed_on,
        sign_board.c.edition_id,
        func.ST_AsBinary(sign_board.c.outline),
        sign_board.c.printed_mark,
    )
    .join(cell, cell.c.id == sign_board.c.cell_id)
    .join(level, level.c.id == cell.c.level_id)
    .order_by(sign_board.c.code.collate("C"))
)


def every(connection: Connection, cell_code: str | None = None) -> list[SignBoard]:
    """Return all boards in order of their numbers, or those of the cells of a code."""
    rows = connection.execute(_ROWS if cell_code is None else _ROWS.where(cell.c.code == cell_code)).all()
    outlines = bulk.from_wkb([bytes(row[11]) for row in rows])
    return [
        SignBoard(
            code=row[0],
            cell=(row[1], row[2]),
            kind=row[3],
            place=None if row[4] is None else (row[4], row[5]),
            printed_name=row[6],
            printed_owner=row[7],
            printed_role=row[8],
            printed_on=row[9],
            edition_id=row[10],
            outline=outline,
            printed_mark=None if row[12] is None else bytes(row[12]),
        )
        for row, outline in zip(rows, outlines, strict=True)
    ]


def mark(connection: Connection) -> tuple[int, int]:
    """Return a cheap mark that changes whenever a board does."""
    rows = select(func.count(), func.coalesce(func.max(sign_board.c.id), 0))
    row = connection.execute(rows).one()
    return row[0], row[1]


def codes(connection: Connection) -> set[str]:
    """Return the numbers of all boards."""
    return set(connection.execute(select(sign_board.c.code)).scalars())


def replace(connection: Connection, boards: Sequence[SignBoard]) -> None:
    """Add boards, or say anew what is printed on those there; the cells must have been published."""
    connection.execute(
        text("""
            create temporary table incoming (
                code text, level text, cell_code text, kind text, geom extensions.geometry, printed_name text,
                printed_owner text, printed_role text, printed_on date, edition_id int,
                outline extensions.geometry, printed_mark bytea
            ) on commit drop
        """)
    )
    names = ("code", "kind", "printed_name", "printed_owner", "printed_role", "printed_on", "edition_id")
    columns = {name: [getattr(board, name) for board in boards] for name in names}
    columns["level"], columns["cell_code"] = ([board.cell[k] for board in boards] for k in (0, 1))
    places = np.array([board.place or (np.nan, np.nan) for board in boards], dtype=np.float64)
    columns["geom"] = bulk.points_ewkb_hex(places.reshape(-1, 2))
    columns["printed_mark"] = [board.printed_mark for board in boards]
    columns["outline"] = bulk.ewkb_hex(board.outline for board in boards)
    bulk.copy_columns(connection, "incoming", columns)
    # rows of their own, so that :func:`mark` tells
    connection.execute(text("delete from sign_board using incoming where sign_board.code = incoming.code"))
    connection.execute(
        text("""
            insert into sign_board (code, cell_id, kind, geom, printed_name, printed_owner, printed_role,
                printed_on, edition_id, outline, printed_mark)
            select incoming.code, cell.id, kind, geom, printed_name, printed_owner, printed_role, printed_on,
                edition_id, extensions.st_multi(outline), printed_mark
            from incoming
            join level on level.code = incoming.level
            join cell on cell.level_id = level.id and cell.code = incoming.cell_code
        """)
    )
    connection.execute(text("drop table incoming"))


def owners(connection: Connection, at: object) -> pd.DataFrame:
    """Return who answers for which cell at a moment: level, code, name, role; one row each."""
    rows = connection.execute(
        text("""
            select level.code, cell.code, responder.name, duty.role
            from duty
            join responder on responder.id = duty.responder_id
            join cell on cell.id = duty.cell_id
            join level on level.id = cell.level_id
            where held_during @> cast(:at as timestamptz)
        """),
        {"at": at},
    )
    return pd.DataFrame(rows.all(), columns=["level", "code", "name", "role"])
