"""``geo-service coverage``: what share of each cell is reached in time at a moment."""

from pathlib import Path
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.formats.export import write_vector
from geo_service.model import Mode
from geo_service.services.coverage import coverage_frame, run_coverage
from geo_service.services.ground import Ground
from geo_service.services.tiling import Tilings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command(
    at: Annotated[str, typer.Option(help="Moment with its UTC offset: 2026-11-22T02:00+08:00.")],
    mode: Annotated[Mode, typer.Option(help="How responders travel.")] = Mode.EBIKE,
    limit_s: Annotated[int, typer.Option(help="Seconds within which somebody must arrive.")] = 300,
    level: Annotated[
        str | None, typer.Option(help="Level of the cells in the file (default: the leaves).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .geojson, .gpkg, .fgb, .csv, .zip.")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Compute the coverage at a moment.

    With --out share, weight and longest time of each cell are written.

    Example: geo-service coverage --at 2026-11-22T02:00+08:00 --mode ebike --out coverage.geojson
    """
    moment = common.parse_moment(at, "--at")
    assert moment is not None  # noqa: S101 - at is required
    if out:
        common.out_file(out)
    with common.progress("loading roads and cells") as say, common.open_database() as database:
        tiling = Tilings(database).get(moment)
        say("travelling", None)
        run = run_coverage(database, Ground(database), tiling, at=moment, mode=mode, limit_s=limit_s)
        if out:
            write_vector(coverage_frame(tiling, run, level or tiling.levels[-1]), out)
    result = run.as_dict() | ({"out": str(out)} if out else {})
    for note in run.summary["notes"]:
        common.warn(note)
    if as_json:
        common.print_json(result)
    else:
        common.print_report({name: value for name, value in result.items() if name != "notes"})
