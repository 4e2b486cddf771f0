"""``geo-service export``: boundaries, sign boards and rosters as files for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.errors import Fault, InvalidInputError
from geo_service.formats.export import write_vector
from geo_service.formats.roster_tables import LAYOUTS, layout_of, write_entries
from geo_service.geometry.crs import parse_datum
from geo_service.services.exporting import boundary_frame
from geo_service.services.premises import export_premises
from geo_service.services.roster_files import export_entries
from geo_service.services.sign_boards import frame_of, judged
from geo_service.services.tiling import Tilings

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def root() -> None:
    """Write files for other programs.

    Example: geo-service export boundaries --level micro_grid --out micro_grids.gpkg
    """


@app.command()
def boundaries(
    level: Annotated[str, typer.Option(help="Level of the cells.")],
    out: Annotated[
        Path, typer.Option(help=".gpkg, .geojson, .topojson, .fgb, .kml, .csv, or .zip for a Shapefile.")
    ],
    crs: Annotated[str, typer.Option(help="Datum: WGS84, CGCS2000, GCJ02, BD09 or EPSG:n.")] = "WGS84",
    as_of: Annotated[str | None, typer.Option(help="Boundaries in force at this moment.")] = None,
    encoding: Annotated[str, typer.Option(help="Text of a Shapefile: utf-8 or gb18030.")] = "utf-8",
) -> None:
    """Write the cells of one level with code, name, parent and counts.

    Example: geo-service export boundaries --level micro_grid --out micro_grids.gpkg
    """
    moment = common.parse_moment(as_of, "--as-of")
    common.out_file(out)
    with common.progress("loading") as say, common.open_database() as database:
        frame = boundary_frame(Tilings(database).get(moment), level)
        say("writing", None)
        write_vector(frame, out, datum=parse_datum(crs), encoding=encoding, layer=level)
    common.talk.print(f"wrote {len(frame)} cells to {out}", markup=False)


@app.command(name="sign-boards")
def sign_boards(
    out: Annotated[Path, typer.Option(help=".csv, .geojson, .gpkg, .fgb, .kml, or .zip for a Shapefile.")],
    crs: Annotated[str, typer.Option(help="Datum: WGS84, CGCS2000, GCJ02, BD09 or EPSG:n.")] = "WGS84",
    stale: Annotated[bool, typer.Option("--stale", help="Only those that are out of date.")] = False,
    encoding: Annotated[str, typer.Option(help="Text of a CSV or Shapefile: utf-8 or gb18030.")] = "utf-8",
) -> None:
    """Write the sign boards (网格公示牌): what is printed on each, and in what it is out of date.

    Example: geo-service export sign-boards --stale --out print_again.csv
    """
    common.out_file(out)
    with common.progress("loading") as say, common.open_database() as database:
        tiling = Tilings(database).get()
        with database.reading() as connection:
            found = judged(connection, tiling)
        frame = frame_of([one for one in found if one.reasons or not stale])
        say("writing", None)
        write_vector(frame, out, datum=parse_datum(crs), encoding=encoding, layer="sign_boards")
    common.talk.print(f"wrote {len(frame)} sign boards to {out}", markup=False)


@app.command()
def premises(
    out: Annotated[Path, typer.Option(help=".geojson, .gpkg, .fgb, .kml, .csv, or .zip for a Shapefile.")],
    crs: Annotated[str, typer.Option(help="Datum: WGS84, CGCS2000, GCJ02, BD09 or EPSG:n.")] = "WGS84",
) -> None:
    """Write the premises (单位责任区), past and to come as well, as `import premises` takes them back.

    Example: geo-service export premises --out premises.geojson
    """
    common.out_file(out)
    with common.open_database() as database:
        with database.reading() as connection:
            frame = export_premises(connection)
        write_vector(frame, out, datum=parse_datum(crs), layer="premises")
    common.talk.print(f"wrote {len(frame)} premises to {out}", markup=False)


@app.command()
def roster(
    register: Annotated[str, typer.Argument(help=f"One of {', '.join(LAYOUTS)}.")],
    out: Annotated[Path, typer.Option(help=".csv or .xlsx.")],
    lang: Annotated[str, typer.Option(help="Language of the headers: en or zh; both are read back.")] = "en",
    encoding: Annotated[str, typer.Option(help="Text of a CSV: utf-8 or gb18030.")] = "utf-8",
) -> None:
    """Write a register of the roster; import roster reads it back, changed or not.

    Example: geo-service export roster posts --out posts.xlsx --lang zh
    """
    layout_of(register)
    if lang not in {"en", "zh"}:
        raise InvalidInputError("there is no such language", [Fault("--lang", "give en or zh", value=lang)])
    common.out_file(out)
    with common.open_database() as database, database.reading() as connection:
        frame = export_entries(connection, register, lang=lang)
    write_entries(frame, out, encoding=encoding)
    common.talk.print(f"wrote {len(frame)} rows to {out}", markup=False)
