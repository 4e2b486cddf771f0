"""``geo-service check``: the faults of any boundary file, without a database."""

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from geo_service.cli import common
from geo_service.services.checking import Checked, check_file

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command(
    file: Annotated[Path, typer.Argument(help="GeoJSON, zipped Shapefile, GeoPackage, FlatGeobuf or KML.")],
    code_field: Annotated[str, typer.Option(help="Field with each cell's code.")],
    crs: Annotated[str | None, typer.Option(help="Datum: WGS84, CGCS2000, GCJ02, BD09 or EPSG:n.")] = None,
    tolerance_m: Annotated[
        float, typer.Option(help="Gaps and overlaps narrower than this are mended.")
    ] = 0.0,
    geometry: Annotated[
        bool, typer.Option("--geometry", help="With the whole shape of each finding, as GeoJSON.")
    ] = False,
) -> None:
    """Check a boundary file, without a database.

    Every gap, overlap, duplicate and invalid shape is a JSON line on stdout, with its place and numbers.
    Exit 1 if any is an error.

    Example: geo-service check beats.geojson --code-field BEAT_NUM
    """
    with common.progress("reading") as say:
        checked = check_file(
            file,
            code_field=code_field,
            crs=crs,
            tolerance_m=tolerance_m,
            max_vertices=common.MAX_VERTICES,
            say=say,
        )
    for line in checked.lines(geometry=geometry):
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    common.talk.print(_summary(checked), markup=False)
    if checked.errors:
        raise typer.Exit(1)


def _summary(checked: Checked) -> str:
    state = "a perfect tiling" if not checked.findings else f"{len(checked.findings)} finding(s)"
    return f"{checked.cells} cells: {state}, {checked.errors} error(s)"
