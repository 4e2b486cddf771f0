"""``geo-service audit``: what the rules say of the boundaries that are live."""

from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.cli.plan import print_findings
from geo_service.geometry.rules import Judged
from geo_service.model import Severity
from geo_service.services import plan_findings
from geo_service.services.plan_state import Plans
from geo_service.services.rulebook import day_of, rulebook
from geo_service.services.tiling import Tilings
from geo_service.store import boundaries

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command(
    as_of: Annotated[
        str | None, typer.Option(help="Boundaries in force at this moment, with its UTC offset.")
    ] = None,
    level: Annotated[str | None, typer.Option(help="Only findings about cells of this level.")] = None,
    *,
    as_json: common.Json = False,
) -> None:
    """Run the rules on the edition in force; exit 1 if any finding is an error.

    The rules are those that the office has set (geo-service rules show); owners are those of the moment.

    With --json every finding is a JSON line on stdout.

    Example: geo-service audit --level grid --json
    """
    moment = common.parse_moment(as_of, "--as-of")
    with common.progress("running the rules"), common.open_database() as database:
        tilings = Tilings(database)
        held = Plans(database, tilings)
        with database.reading() as connection:
            state = held.build(connection, tilings.edition(moment).id)
            if level is not None:
                state.redraw.register.depth(level)
            then = moment or boundaries.moment(connection)
            held_then = plan_findings.scene_of(connection, state, then)
            findings = rulebook(connection, day_of(connection, then)).check(held_then)
    if level is not None:
        findings = [one for one in findings if any(cell.startswith(f"{level}/") for cell in one.cells)]
    print_findings([Judged(one) for one in findings], as_json=as_json)
    if any(one.severity is Severity.ERROR for one in findings):
        raise typer.Exit(1)
