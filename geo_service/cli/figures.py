"""``geo-service figures``: incidents of one time in the cells of another, series of a place, workload."""

import json
import sys
from typing import Annotated

import pandas as pd
import typer

from geo_service.cli import common
from geo_service.formats.times import DEFAULT_TIMEZONE
from geo_service.services import cell_figures, place_series, responding
from geo_service.services import series as counting
from geo_service.services.apportioning import By
from geo_service.services.attaining import Attainment, attainment_table
from geo_service.services.desk import Desks
from geo_service.services.figure_tables import axes_of, csv_text, moment_of, require_zone
from geo_service.services.ground import Ground
from geo_service.services.series import Axis, Question
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries, plan_ground

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Since = Annotated[str, typer.Option("--from", help="Year, month, day or moment at which the span begins.")]
Until = Annotated[str, typer.Option("--to", help="... and before which it ends.")]
Zone = Annotated[str, typer.Option("--timezone", help="IANA zone of the days.")]
ApportionedBy = Annotated[
    By,
    typer.Option(help="What incidents known by a cell only are shared out by: households, incidents, land."),
]
Csv = Annotated[bool, typer.Option("--csv", help="Print a table as CSV.")]
AsOf = Annotated[str | None, typer.Option(help="Boundaries in force at this moment, with its UTC offset.")]
KnownAt = Annotated[str | None, typer.Option(help="... as they were known at this moment.")]


@app.callback()
def figures() -> None:
    """Figures over editions 跨版本指标: counts that stay comparable when boundaries are redrawn."""


@app.command()
def incidents(
    since: Since,
    until: Until,
    level: Annotated[str, typer.Option(help="Level of the cells.")],
    edition: Annotated[int | None, typer.Option(help="Cells of this edition; default: in force now.")] = None,
    as_of: AsOf = None,
    by: Annotated[str, typer.Option(help="category and one of week, month, year, with commas.")] = "",
    apportioned_by: ApportionedBy = By.HOUSEHOLDS,
    timezone: Zone = DEFAULT_TIMEZONE,
    known_at: KnownAt = None,
    *,
    as_csv: Csv = False,
    as_json: common.Json = False,
) -> None:
    """Count the incidents of a span in the cells of any edition, whatever was in force when they happened.

    Incidents with coordinates are measured where they happened; those known by a cell only are apportioned.

    Example: geo-service figures incidents --from 2025 --to 2026 --level grid --by month --csv
    """
    known = common.parse_moment(known_at, "--known-at")
    span = moment_of(since, timezone, "--from"), moment_of(until, timezone, "--to")
    question = Question(*span, axes_of(by), timezone, apportioned_by, known)
    with common.progress("counting"), common.open_database() as database:
        tilings = Tilings(database)
        with database.reading() as connection:
            if edition is None:
                tiling = tilings.get(common.parse_moment(as_of, "--as-of"), known)
            else:
                tiling = tilings.load(plan_ground.edition_of(connection, edition), connection)
            counted = counting.count_incidents(connection, tilings, tiling, level, question)
    if as_json:
        common.print_json({"totals": counted.totals(), "rows": counted.rows.to_dict("records")})
        return
    _print(counted.rows, as_csv=as_csv)
    if not as_csv:
        common.print_report(counted.totals())


@app.command()
def series(
    code: Annotated[str, typer.Argument(help="Code of a cell that is in force.")],
    level: Annotated[str | None, typer.Option(help="Its level, where two levels use the code.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Default: two years before the end.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Default: now.")] = None,
    by: Annotated[str, typer.Option(help="week, month or year.")] = "month",
    apportioned_by: ApportionedBy = By.HOUSEHOLDS,
    timezone: Zone = DEFAULT_TIMEZONE,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    *,
    as_csv: Csv = False,
    as_json: common.Json = False,
) -> None:
    """Tell the series of one place back through splits and merges: measured and apportioned, with the breaks.

    Example: geo-service figures series 339801001001001 --level grid --from 2025 --by month
    """
    require_zone(timezone)  # the periods are days in it, whether or not a span is given
    known = common.parse_moment(known_at, "--known-at")
    with common.progress("counting"), common.open_database() as database, database.reading() as connection:
        tilings = Tilings(database)
        end = moment_of(until, timezone, "--to") if until else boundaries.moment(connection)
        start = moment_of(since, timezone, "--from") if since else place_series.two_years_before(end)
        question = Question(start, end, (period_of(by),), timezone, apportioned_by, known)
        tiling = tilings.get(common.parse_moment(as_of, "--as-of"), known)
        found = place_series.series_of(connection, tilings, tiling, (level, code), question)
    if as_json:
        common.print_json(place_series.as_dict(found, question))
        return
    _print(pd.DataFrame(place_series.rows_of(found)), as_csv=as_csv)
    if as_csv:
        return
    for one in found.editions:
        held = ", ".join(f"{cell.code} {cell.name} {cell.share_of_place:.1%}" for cell in one.cells)
        told = ", ".join(f"{name} {value['value']} ({value['label']})" for name, value in one.figures.items())
        sys.stdout.write(
            f"edition {one.edition.id}: {held or 'nobody 无主'}; {one.area_m2:,.0f} m²; {told}\n"
        )
    for broken in found.breaks:
        sys.stdout.write(f"break at {broken['at']} (edition {broken['edition']}): {broken['kind']}\n")


@app.command()
def response(
    since: Since,
    until: Until,
    level: Annotated[str | None, typer.Option(help="Level of the cells, where these are counted by.")] = None,
    by: Annotated[
        str, typer.Option(help="cell, category, channel, urgency, hour and one of week, month, with commas.")
    ] = "",
    edition: Annotated[int | None, typer.Option(help="Cells of this edition; default: in force now.")] = None,
    as_of: AsOf = None,
    timezone: Zone = DEFAULT_TIMEZONE,
    *,
    as_csv: Csv = False,
    as_json: common.Json = False,
) -> None:
    """Tell how long each phase of handling took and which clocks were met, of incidents reported in a span.

    Each figure comes with the count it rests on; a share of fewer than five is not told.

    Example: geo-service figures response --from 2026-10 --to 2026-12 --by cell --level grid --csv
    """
    span = moment_of(since, timezone, "--from"), moment_of(until, timezone, "--to")
    question = responding.Question(*span, responding.axes_of(by), timezone)
    with common.progress("counting"), common.open_database() as database, database.reading() as connection:
        tilings = Tilings(database)
        if edition is None:
            tiling = tilings.get(common.parse_moment(as_of, "--as-of"))
        else:
            tiling = tilings.load(plan_ground.edition_of(connection, edition), connection)
        table = responding.response_table(connection, tiling, level, question)
    if as_json:
        common.print_json(json.loads(table.to_json(orient="records", force_ascii=False)))
    elif not as_csv and not question.by:
        common.print_report({str(name): value for name, value in table.iloc[0].dropna().items()})
    else:
        _print(table, as_csv=as_csv)


@app.command()
def attainment(
    since: Since,
    until: Until,
    level: Annotated[str, typer.Option(help="Level of the cells.")],
    timezone: Zone = DEFAULT_TIMEZONE,
    *,
    as_csv: Csv = False,
    as_json: common.Json = False,
) -> None:
    """Tell by cell why nobody arrived in time: whether anybody could have, and if so what it failed by.

    Breaches that nobody has looked into yet are worked out first.

    Example: geo-service figures attainment --from 2026-10 --to 2026-12 --level grid --csv
    """
    span = moment_of(since, timezone, "--from"), moment_of(until, timezone, "--to")
    with common.progress("working breaches out"), common.open_database() as database:
        Attainment(database, Ground(database), Desks(database)).work_out(*span)
        tiling = Tilings(database).get()
        with database.reading() as connection:
            table = attainment_table(connection, tiling, level, span)
    if as_json:
        common.print_json(table.to_dict("records"))
    else:
        _print(table, as_csv=as_csv)


@app.command()
def cells(
    level: Annotated[str, typer.Option(help="Level of the cells.")],
    as_of: AsOf = None,
    *,
    as_csv: Csv = False,
    as_json: common.Json = False,
) -> None:
    """Print area, households, residents, incidents of a year, staff on duty and workload of a level's cells.

    workload_index: 1 is the mean cell of the level; households weigh 0.3, residents 0.2, incidents 0.4 and
    area 0.1.

    Example: geo-service figures cells --level grid --csv
    """
    moment = common.parse_moment(as_of, "--as-of")
    with common.progress("counting"), common.open_database() as database:
        tiling = Tilings(database).get(moment)
        leaves = Ground(database).land_and_people(tiling)
        with database.reading() as connection:
            at = moment or boundaries.moment(connection)
            table = cell_figures.cell_table(connection, tiling, level, leaves, at)
    table = table.round({"area_m2": 1, "workload_index": 4})
    if as_json:
        common.print_json(table.to_dict("records"))
    else:
        _print(table, as_csv=as_csv)


def period_of(text: str) -> Axis:
    """Read the length of a period."""
    found = axes_of(text)
    if len(found) != 1 or found[0] not in counting.PERIODS:
        raise typer.BadParameter("use week, month or year", param_hint="--by")
    return found[0]


def _print(table: pd.DataFrame, *, as_csv: bool) -> None:
    text = csv_text(table) if as_csv else table.to_string(index=False, na_rep="") + "\n"
    sys.stdout.write(text)
