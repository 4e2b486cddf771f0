"""``geo-service demo``: the demo county, from nothing to a map in the browser."""

from typing import Annotated

import typer

from geo_service.cli import common, serve
from geo_service.services import demoing
from geo_service.settings import Settings

app = typer.Typer()


@app.command()
def command(
    size: Annotated[str, typer.Option(help="town (340 micro-grids) or county (14,199).")] = "county",
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Prepare everything, then stop.")] = False,
) -> None:
    """Generate the demo county, place its incidents, compute coverage and serve the maps.

    What is there already is left as it is: the second time this takes seconds.

    Example: geo-service demo --size town
    """
    if size not in {"town", "county"}:
        raise typer.BadParameter("use town or county", param_hint="--size")
    settings = Settings()
    with common.progress("starting the database") as say, common.open_database() as database:
        if demoing.is_empty(database):
            demoing.load_demo(database, "town" if size == "town" else "county", say)
            said = f"demo {size} made"
        else:
            said = "boundaries are there already: nothing was generated"
        run = demoing.show_coverage(database, say)
    share = run.summary["share"]
    common.talk.print(f"{said}; five-minute coverage {share:.1%} at {run.at:%Y-%m-%d %H:%M}", markup=False)
    if not no_serve:
        serve.run(settings)
