"""``geo-service sign-board``: print sign boards, and tell which to print again."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from geo_service.cli import common
from geo_service.cli.settings_files import WHO, read_settings
from geo_service.errors import Fault, InvalidInputError
from geo_service.formats.public_contacts import read_public_contacts
from geo_service.planning.sign_boards import REASON_WORDS
from geo_service.services import sign_board_sheets, sign_boards, street_words
from geo_service.services.public_contacts import import_public_contacts
from geo_service.services.relations import find_cell
from geo_service.services.sign_board_printing import printed
from geo_service.services.tiling import Tilings
from geo_service.settings import Settings as Operator

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Cell = Annotated[str, typer.Argument(help="Code of a cell: its board, or those of the cells inside it.")]
Level = Annotated[str | None, typer.Option(help="Level of the boards (default: just above the leaves).")]
Of = Annotated[str | None, typer.Option(help="Level of the cell, where several have its code.")]


@app.callback()
def root() -> None:
    """Sign boards 网格公示牌: print them, and find those to print again."""


@app.command("print")
def print_boards(
    cell: Cell,
    out: Annotated[Path, typer.Option(help="A .pdf with a page for each, or a .zip with a PDF for each.")],
    paper: Annotated[Literal["A3", "A4"], typer.Option(help="Upright.")] = "A3",
    level: Level = None,
    of: Of = None,
    *,
    record: Annotated[
        bool,
        typer.Option(help="Keep in the register what was printed, for the list of those due again."),
    ] = True,
    as_json: common.Json = False,
) -> None:
    """Print the board of a cell, or those of all cells inside it.

    The code on a board leads to the address that GEO_SERVICE_PUBLIC_URL says; without it there is none.

    Example: geo-service sign-board print 339801001 --out boards.pdf --paper A3
    """
    if out.suffix not in {".pdf", ".zip"}:
        raise InvalidInputError("name a .pdf or a .zip", [Fault("--out", "ends in neither", value=str(out))])
    common.out_file(out)
    with common.progress("drawing boards") as say, common.open_database() as database:
        tiling = Tilings(database).get()
        keys = sign_board_sheets.chosen(tiling, cell, level, of)
        say(f"drawing {len(keys)} boards", None)
        address = Operator().public_url
        with database.reading() as connection:
            found = sign_board_sheets.sheets(connection, tiling, keys, public_url=address)
        out.write_bytes(printed(database, tiling, found, paper=paper, as_zip=out.suffix == ".zip"))
        if record:
            sign_board_sheets.record(database, tiling, found, who=WHO)
    if not address:
        common.warn("GEO_SERVICE_PUBLIC_URL is not set: the boards carry no code to scan")
    report = {"boards": len(found), "paper": paper, "recorded": record, "file": str(out)}
    common.print_json(report) if as_json else common.print_report(report)


@app.command()
def due(
    within: Annotated[str | None, typer.Option(help="Code of a cell: only boards in it.")] = None,
    as_json: common.Json = False,
) -> None:
    """List the boards to print again: border, name, people, numbers or duties changed since.

    Example: geo-service sign-board due --within 339801001
    """
    with common.open_database() as database:
        tiling = Tilings(database).get()
        with database.reading() as connection:
            found = [one for one in sign_boards.judged(connection, tiling) if one.reasons]
    if within is not None:
        at = find_cell(tiling, within, None)
        inside = set(tiling.ids_below(int(tiling.cells["id"].iloc[at])))
        found = [one for one in found if tiling.id_of_cell(*one.board.cell) in inside]
    rows = [
        {
            "board": one.board.code,
            "cell": list(one.board.cell),
            "name": one.board.printed_name,
            "printed_on": one.board.printed_on,
            "reasons": sorted(reason.value for reason in one.reasons),
            "reasons_zh": [REASON_WORDS[reason][0] for reason in sorted(one.reasons)],
        }
        for one in found
    ]
    if as_json:
        common.print_json({"boards": rows})
        return
    for one in found:
        why = "、".join(REASON_WORDS[reason][0] for reason in sorted(one.reasons))
        typer.echo(f"{one.board.code}  {one.board.printed_name}  {why}")
    common.talk.print(f"{len(rows)} to print again")


@app.command()
def words(
    file: Annotated[Path | None, typer.Argument(help="A JSON file to set them from.")] = None,
) -> None:
    """Print what boards and the street's page say, as JSON, or set it from a file.

    Example: geo-service sign-board words > words.json
    """
    with common.open_database() as database:
        with database.reading() as connection:
            found = street_words.words(connection)
        if file is not None:
            given = read_settings(file)
            found = street_words.set_words(database, given, after=found.version, who=WHO)
    common.print_json(found.as_dict())


@app.command()
def people(
    file: Annotated[Path, typer.Argument(help="CSV or xlsx: id, phone (empty: named without a number).")],
    commit: common.Commit = False,
    as_json: common.Json = False,
) -> None:
    """Say who may be named in public, on boards and on the street's page, and under which number.

    Who is not in the file stays as he was. The numbers by which the desk calls people are others.

    Example: geo-service sign-board people public.csv --commit
    """
    frame = read_public_contacts(file)
    with common.open_database() as database:
        report = import_public_contacts(database, frame, who=WHO, commit=commit).as_dict()
    if as_json:
        common.print_json(report)
    else:
        common.print_report({name: report[name] for name in report if name != "import"})
