"""``geo-service assign``: add the cell of every row of a table."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from geo_service.cli import common
from geo_service.formats.incidents import read_points
from geo_service.formats.spreadsheet import write_table
from geo_service.services.locating import assign
from geo_service.services.tiling import Tilings
from geo_service.services.whereabouts import about_points

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command(
    file: Annotated[Path, typer.Argument(help="CSV or xlsx with a point in each row.")],
    out: Annotated[Path, typer.Option(help="CSV to write: the same rows with the cells added.")],
    lon_field: Annotated[str | None, typer.Option(help="Column with the longitude.")] = None,
    lat_field: Annotated[str | None, typer.Option(help="Column with the latitude.")] = None,
    crs: Annotated[str | None, typer.Option(help="Datum: WGS84, CGCS2000, GCJ02, BD09 or EPSG:n.")] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="Boundaries in force at this moment, with its UTC offset (default: now)."),
    ] = None,
    no_bom: Annotated[
        bool, typer.Option("--no-bom", help="Leave out the mark by which Excel knows UTF-8.")
    ] = False,
    as_json: common.Json = False,
) -> None:
    """Add its cell to every row of a table.

    Columns cell_code_<level> for every level, how (inside, on_edge, near_gap, none) and border_m.

    The file is UTF-8 with a byte order mark, without which Excel shows Chinese as garbage. pandas reads it
    with encoding="utf-8-sig"; for a program that stumbles over the mark there is --no-bom.

    Example: geo-service assign crimes.csv --lon-field Longitude --lat-field Latitude --out placed.csv
    """
    moment = common.parse_moment(as_of, "--as-of")
    common.out_file(out)
    with common.progress(f"reading {file.name}") as say, common.open_database() as database:
        points = read_points(file, lon_field=lon_field, lat_field=lat_field, crs=crs)
        say("placing", None)
        tiling = Tilings(database).get(moment)
        placed = assign(tiling, points.lonlat_deg)
        remark = about_points(points.lonlat_deg, tiling)
        _write(pd.concat([points.frame.reset_index(drop=True), placed], axis=1), out, with_bom=not no_bom)
    notes = [*points.notes, *([remark] if remark else [])]
    result = {
        "rows": len(placed),
        "placed": {how: int(count) for how, count in placed["how"][points.located].value_counts().items()},
        "without_coordinates": int((~points.located).sum()),
        "notes": notes,
        "out": str(out),
    }
    for note in notes:
        common.warn(note)
    if as_json:
        common.print_json(result)
    else:
        common.print_report({name: value for name, value in result.items() if name != "notes"})


def _write(frame: pd.DataFrame, out: Path, *, with_bom: bool) -> None:
    if with_bom:
        write_table(frame, out)
        return
    with out.open("w", encoding="utf-8", newline="") as stream:
        write_table(frame, stream)
