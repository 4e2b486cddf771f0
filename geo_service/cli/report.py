"""``geo-service report``: the monthly report for leadership."""

from pathlib import Path
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.errors import Fault, InvalidInputError
from geo_service.services.attaining import Attainment
from geo_service.services.desk import Desks
from geo_service.services.monthly import Sources, Steps, monthly, without_shapes
from geo_service.services.monthly_files import MEDIA_TYPES, ReportFormat, report_file
from geo_service.services.months import month_of
from geo_service.services.rostering import town_zone
from geo_service.services.tiling import Tilings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def report(
    month: Annotated[str, typer.Option(help="Such as 2026-11, by the town's clock.")],
    out: Annotated[Path | None, typer.Option(help="A .pdf, .xlsx or .csv.")] = None,
    cell: Annotated[str | None, typer.Option(help="Code of a cell (default: the one at the top).")] = None,
    level: Annotated[str | None, typer.Option(help="Of the cell, where several have its code.")] = None,
    as_json: common.Json = False,
) -> None:
    """Write the report of a month beside the month before: PDF with maps, xlsx or CSV 月报.

    Breaches of the month that nobody has looked into yet are worked out first.

    Example: geo-service report --month 2026-11 --cell 339801001 --out report.pdf
    """
    form = _form(out)
    if out is not None:
        common.out_file(out)
    with common.progress("reporting") as say, common.open_database() as database:
        ground = common.ground_of(database)
        sources = Sources(database, Tilings(database), ground)
        with database.reading() as connection:
            asked = month_of(month, town_zone(connection))
        say("working breaches out", None)
        Attainment(database, ground, Desks(database)).work_out(asked.before().start, asked.end)
        steps = Steps(lambda phase, done, total: say(phase, done / total))
        found = monthly(sources, month, cell, level, steps=steps)
        if out is not None and form is not None:
            steps.begin(Steps.DRAWING)
            out.write_bytes(report_file(sources, found, form))
    if as_json or out is None:
        common.print_json(without_shapes(found))


def _form(out: Path | None) -> ReportFormat | None:
    if out is None:
        return None
    for form in MEDIA_TYPES:
        if out.suffix.lower() == f".{form}":
            return form
    raise InvalidInputError("name a .pdf, .xlsx or .csv", [Fault("--out", "ends in none", value=str(out))])
