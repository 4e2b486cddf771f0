"""Sign boards to be printed: what stands on each, and the record of what was printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.planning.register import CellKey
from geo_service.planning.sign_boards import SignBoard
from geo_service.services import relations
from geo_service.services.board_words import Holder, holders_of, mark_of
from geo_service.services.rostering import town_zone
from geo_service.services.sign_boards import InForce
from geo_service.services.street_words import StreetWords, words
from geo_service.services.surroundings import Surroundings, surroundings_of
from geo_service.services.tiling import Tiling
from geo_service.store import audit, boundaries, sign_boards
from geo_service.store.database import Connection, Database

#: More boards than this are not drawn at once.
MOST = 200


@dataclass(frozen=True)
class Sheet:
    """What stands on one board.

    Attributes
    ----------
    cell : (level, code)
    level_zh, name : str
        Of the cell.
    path : tuple of str
        Names of the cells above, the top first.
    holders : tuple of Holder
        The cell's own people first, then those of the cells above.
    words : StreetWords
    address : str
        Of the cell's page; "" where the street has none.
    place : (lon, lat) or None
        Where the board hangs.
    edition_id : int
        Of the border that is drawn.
    printed_on : str
        The day, by the town's clock.
    """

    cell: CellKey
    level_zh: str
    name: str
    path: tuple[str, ...]
    holders: tuple[Holder, ...]
    words: StreetWords
    address: str
    place: tuple[float, float] | None
    edition_id: int
    printed_on: str

    @property
    def mark(self) -> bytes:
        """Digest of its words: equal boards have equal ones."""
        return mark_of(self.cell, self.holders, self.words)


def chosen(tiling: Tiling, cell: str, level: str | None = None, of: str | None = None) -> list[CellKey]:
    """Return the cells whose boards are meant, in order of code.

    Parameters
    ----------
    cell, of : str
        Code and, where several levels have it, level of a cell.
    level : str, optional
        Level of the boards; default: the one directly above the leaves. A cell of a lower level stands for
        itself.

    Raises
    ------
    NotFoundError
        There is no such cell, or no such level.
    InvalidInputError
        They are too many at once.
    """
    row = relations.find_cell(tiling, cell, of)
    own = str(tiling.cells["level"].iloc[row])
    shown = level or tiling.levels[max(0, len(tiling.levels) - 2)]
    tiling.at_level(shown)
    if tiling.levels.index(own) >= tiling.levels.index(shown):
        return [(own, cell)]
    below = set(tiling.ids_below(int(tiling.cells["id"].iloc[row])))
    cells = tiling.cells[tiling.cells["level"] == shown]
    codes = sorted(str(code) for key, code in zip(cells["id"], cells["code"], strict=True) if key in below)
    if len(codes) > MOST:
        message = Words(
            f"{len(codes)} boards at once are too many: name a cell with at most {MOST}",
            f"一次最多 {MOST} 块，此处有 {len(codes)} 块，请选下一级网格",
        )
        raise InvalidInputError(message, [Fault("cell", message, value=cell)])
    return [(shown, code) for code in codes]


def sheets(
    connection: Connection, tiling: Tiling, cells: Sequence[CellKey], *, public_url: str = ""
) -> list[Sheet]:
    """Return what stands on the boards of cells now."""
    now = boundaries.moment(connection)
    today = now.astimezone(town_zone(connection)).date().isoformat()
    said = words(connection)
    held = holders_of(connection, tiling, cells, now)
    places = {one.cell: one.place for one in sign_boards.every(connection) if one.place is not None}
    names = {one.code: one.name_zh for one in boundaries.levels(connection)}
    out = []
    for key in cells:
        path = tiling.path_of_cell(_id(tiling, key))
        out.append(
            Sheet(
                key,
                names[key[0]],
                path[-1]["name"],
                tuple(one["name"] for one in path[:-1]),
                held[key],
                said,
                page_address(public_url, key),
                places.get(key),
                tiling.edition.id,
                today,
            )
        )
    return out


def map_of(connection: Connection, tiling: Tiling, sheet: Sheet, *, aspect: float) -> Surroundings:
    """Return what is drawn on the map of a board."""
    return surroundings_of(connection, tiling, *sheet.cell, aspect=aspect)


def page_address(public_url: str, key: CellKey) -> str:
    """Return the address of a cell's page for the street; "" without an address of the service."""
    return (
        f"{public_url}/who?cell={quote(key[1], safe='')}&level={quote(key[0], safe='')}" if public_url else ""
    )


def record(database: Database, tiling: Tiling, printed: Sequence[Sheet], *, who: str) -> list[SignBoard]:
    """Keep what was printed: boards of these cells are true from now on; returns them.

    A cell without a board in the register gets one, whose number is that of the cell and whose place is not
    known yet.
    """
    by_cell = {sheet.cell: sheet for sheet in printed}
    outlines = dict(zip(by_cell, InForce(tiling).outlines_of(list(by_cell)), strict=True))
    with database.writing() as connection:
        register = sign_boards.every(connection)
        today = boundaries.moment(connection).astimezone(town_zone(connection)).date()
        taken = {board.code for board in register}
        before: dict[CellKey, list[SignBoard]] = {}
        for board in register:
            before.setdefault(board.cell, []).append(board)
        boards = []
        for key, sheet in by_cell.items():
            number = key[1] if key[1] not in taken else f"{key[0]}:{key[1]}"
            hanging = [(one.code, one.kind, one.place) for one in before.get(key, [])]
            own = [person.name for one in sheet.holders if one.cell == key for person in one.people]
            for code, kind, place in hanging or [(number, "", None)]:
                boards.append(
                    SignBoard(
                        code,
                        key,
                        kind,
                        place,
                        sheet.name,
                        "、".join(own),
                        "",
                        today,
                        sheet.edition_id,
                        outlines[key],
                        sheet.mark,
                    )
                )
        sign_boards.replace(connection, boards)
        audit.record(connection, who, "sign-boards.print", "sign boards", {"boards": len(boards)})
        return boards


def _id(tiling: Tiling, key: CellKey) -> int:
    found = tiling.id_of_cell(*key)
    if found is None:
        raise KeyError(key)
    return found


def recorded(boards: Sequence[SignBoard]) -> list[dict[str, Any]]:
    """Return boards that were printed as JSON."""
    return [
        {"code": one.code, "cell": list(one.cell), "name": one.printed_name, "edition_id": one.edition_id}
        for one in boards
    ]
