"""Sign boards as they are printed: what the sheets say, put into the shape of the page."""

from collections.abc import Iterator, Sequence

from geo_service.formats.sign_board_map import BoardScene
from geo_service.formats.sign_board_pdf import MAP_ASPECT, Board, BoardPerson, Paper, boards_pdf, boards_zip
from geo_service.planning.sign_boards import PublicPerson
from geo_service.services.board_words import role_zh
from geo_service.services.sign_board_sheets import Sheet, map_of
from geo_service.services.tiling import Tiling
from geo_service.store.database import Database


def printed(
    database: Database, tiling: Tiling, sheets: Sequence[Sheet], *, paper: Paper, as_zip: bool = False
) -> bytes:
    """Return boards as one PDF, or as a zip with a PDF for each; no connection is held while drawing."""
    boards = _boards(database, tiling, sheets)
    return boards_zip(boards, paper) if as_zip else boards_pdf(boards, paper)


def _boards(database: Database, tiling: Tiling, sheets: Sequence[Sheet]) -> Iterator[Board]:
    """Give the boards one by one, so that the maps of a township are not all in memory at once."""
    for sheet in sheets:
        with database.reading() as connection:
            around = map_of(connection, tiling, sheet, aspect=MAP_ASPECT)
        said = sheet.words
        yield Board(
            said.title,
            sheet.path,
            sheet.level_zh,
            sheet.name,
            sheet.cell[1],
            tuple(_person(one) for held in sheet.holders if held.cell == sheet.cell for one in held.people),
            tuple(
                (held.level_zh, _person(one))
                for held in sheet.holders
                if held.cell != sheet.cell
                for one in held.people
            ),
            said.duties,
            tuple((one.zh, one.phone) for one in said.report),
            said.office,
            said.office_phone,
            sheet.address,
            sheet.printed_on,
            sheet.edition_id,
            BoardScene(
                around.window,
                around.outline,
                around.children,
                around.neighbours,
                around.streets,
                around.land,
                around.buildings.tolist(),
                sheet.place,
            ),
        )


def _person(one: PublicPerson) -> BoardPerson:
    return BoardPerson(role_zh(one.role), one.name, one.phone)
