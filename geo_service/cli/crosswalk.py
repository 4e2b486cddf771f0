"""``geo-service crosswalk``: another agency's grids against a level of ours."""

from pathlib import Path
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.formats.boundaries import read_boundaries
from geo_service.geometry.crosswalk import SLIVER_M
from geo_service.services.crosswalk import compare
from geo_service.services.tiling import Tilings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command(
    file: Annotated[Path, typer.Argument(help="GeoJSON, zipped Shapefile, GeoPackage, FlatGeobuf or KML.")],
    level: Annotated[str, typer.Option(help="Our level to compare with, such as grid.")],
    code_field: Annotated[str, typer.Option(help="Field with each cell's code.")],
    crs: Annotated[str | None, typer.Option(help="Datum: WGS84, CGCS2000, GCJ02, BD09 or EPSG:n.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a file that has several.")] = None,
    sliver_m: Annotated[float, typer.Option(help="Overlaps nowhere wider than this are slivers.")] = SLIVER_M,
    as_of: Annotated[str | None, typer.Option(help="Moment with its UTC offset (default: now).")] = None,
    as_json: common.Json = False,
) -> None:
    """Compare another agency's grids with our cells.

    Says how far they agree; with --json also the matrix of shares, slivers, conflicts and a common grid.

    Example: geo-service crosswalk police.geojson --level grid --code-field BEAT_NUM --json
    """
    moment = common.parse_moment(as_of, "--as-of")
    with common.progress("reading") as say, common.open_database() as database:
        table = read_boundaries(file, code_field=code_field, crs=crs, layer=layer)
        say("comparing", None)
        with database.reading() as connection:
            found = compare(connection, Tilings(database).get(moment), table, level, sliver_m=sliver_m)
    if as_json:
        common.print_json(found.as_dict())
    else:
        common.print_report(found.summary())
