"""``geo-service patrol``: count patrols from tracks, and read the figures."""

from typing import Annotated

import pandas as pd
import typer

from geo_service.cli import common, rounds
from geo_service.services import patrol, patrol_demo
from geo_service.services.ground import Ground
from geo_service.services.tiling import Tilings

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Since = Annotated[str, typer.Option("--from", help="First local day: 2026-11-16.")]
Until = Annotated[str, typer.Option("--to", help="Last local day, included.")]
Level = Annotated[str, typer.Option(help="Level of the cells.")]


@app.callback()
def root() -> None:
    """Patrols and rounds 巡查走访: streets patrolled, places to visit, lists of a week, visits, quotas."""


@app.command()
def count(
    day: Annotated[str | None, typer.Argument(help="Local day; without it every day that is due.")] = None,
    as_json: common.Json = False,
) -> None:
    """Count the patrols of a day, or of every day that is over and still has its tracks.

    Run it once a day: the figures stay when the tracks have aged out.

    Example: geo-service patrol count
    """
    with common.progress("matching tracks to streets") as say, common.open_database() as database:
        say("matching", None)
        parts = (database, Ground(database), Tilings(database))
        if day is None:
            done = patrol.count_due(*parts, who="command line")
        else:
            done = [patrol.count_day(*parts, rounds.day_of(day, "DAY"), who="command line")]
    rows = [one.as_dict() for one in done]
    if as_json:
        common.print_json({"days": rows})
    else:
        _print(pd.DataFrame(rows, columns=["day", "new", "fixes", "matched"]))


@app.command()
def cells(since: Since, until: Until, level: Level = "grid", as_json: common.Json = False) -> None:
    """Print how much of each cell's streets was patrolled, for how long and by how many person-times, as CSV.

    Example: geo-service patrol cells --from 2026-11-16 --to 2026-11-22 --level grid
    """
    first, last = rounds.day_of(since, "--from"), rounds.day_of(until, "--to")
    with common.open_database() as database:
        tiling = Tilings(database).get()
        with database.reading() as connection:
            frame, days = patrol.cell_figures(connection, tiling, level, first, last)
    if as_json:
        common.print_json({"days": days, "cells": patrol.rows_of(frame)})
    else:
        _print(frame)


@app.command("against-incidents")
def against_incidents(
    since: Since, until: Until, level: Level = "grid", as_json: common.Json = False
) -> None:
    """Print where patrols go and incidents are not, and the reverse, as CSV, those most in want first.

    Example: geo-service patrol against-incidents --from 2026-11-16 --to 2026-11-22
    """
    first, last = rounds.day_of(since, "--from"), rounds.day_of(until, "--to")
    with common.open_database() as database:
        tiling = Tilings(database).get()
        with database.reading() as connection:
            frame, told = patrol.against_incidents(connection, tiling, level, first, last)
    if as_json:
        summary = {"rank_correlation": told.rho, "p": told.p, "incidents": told.n_incidents}
        common.print_json({**summary, "cells_compared": told.n_cells, "cells": patrol.rows_of(frame)})
    else:
        _print(frame.sort_values(["lift", "incidents"], ascending=False))


@app.command()
def demo(
    days: Annotated[int, typer.Option(min=1, max=60, help="Days that end with the last report.")] = 7,
    people: Annotated[int, typer.Option(min=1, help="At most so many walk each day.")] = 400,
) -> None:
    """Make up patrols of the demo's workers and count them, so that the figures show something.

    Example: geo-service patrol demo --days 7
    """
    with common.progress("walking the streets") as say, common.open_database() as database:
        say("walking", None)
        parts = (database, Ground(database), Tilings(database))
        done = patrol_demo.patrol_demo(*parts, days=days, most_people=people)
    _print(pd.DataFrame([one.as_dict() for one in done], columns=["day", "new", "fixes", "matched"]))


def _print(frame: pd.DataFrame) -> None:
    typer.echo(frame.to_csv(index=False), nl=False)


rounds.add_to(app)
