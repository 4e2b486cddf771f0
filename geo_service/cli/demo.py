"""``geo-service demo``: the demo county, from nothing to a map in the browser."""

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated

import typer

from geo_service.cli import common, serve
from geo_service.services import demo_weeks, demo_worker, demoing
from geo_service.settings import Settings
from geo_service.store import cluster_databases

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def command(
    size: Annotated[str, typer.Option(help="town (340 micro-grids) or county (14,199).")] = "county",
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Prepare everything, then stop.")] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin with an empty database; the former is kept beside it.")
    ] = False,
) -> None:
    """Make the demo county and serve it.

    Cells, streets, staff and a year of incidents up to now are generated, with an earlier edition, patrols,
    rounds and what is under way; coverage is computed, maps are served, and /who answers the street.

    What is there already is left as it is, unless --fresh is given: the second time this takes seconds.

    Example: geo-service demo --size town
    """
    if size not in {"town", "county"}:
        raise typer.BadParameter("use town or county", param_hint="--size")
    settings = Settings()
    serve.end_in_order_on_signals()
    if not no_serve:
        serve.check_port(settings.host, settings.port)  # before minutes of work, not after them
    with ExitStack() as span:  # the server is not stopped between the making and the serving
        with common.progress("starting the database"):
            url = span.enter_context(common.database_address(settings))
        try:
            if fresh:
                kept = cluster_databases.set_aside(url)
                common.talk.print(f"the former database is kept as {kept}", markup=False)
            common.talk.print(prepare("town" if size == "town" else "county"), markup=False, soft_wrap=True)
            is_demo = _holds_demo()
            if is_demo:
                _announce_worker(settings)
            if not no_serve:
                if is_demo:
                    # its people are made up: the street may ask for them
                    os.environ.setdefault("GEO_SERVICE_WHO", "true")
                serve.run(settings)
        finally:
            with common.progress("stopping the database"):
                span.close()


def prepare(size: demoing.Size) -> str:
    """Make the demo unless boundaries are there; an interrupted one is finished. Returns what was done."""
    with common.progress("looking at the database") as say, common.open_database() as database:
        edition = demoing.newest_edition(database)
        if edition is None:
            held, known = size, None
        elif (kind := demoing.size_of(edition)) is None:
            return f"this home holds boundaries of its own (edition {edition.id}): no demo was made"
        else:
            held, known = kind, demoing.known_coverage(database, edition)
        if known is None:
            now = datetime.now(UTC)
            county = demoing.load_demo(database, held, say, now)
            demo_weeks.tell_weeks(database, county, held, now, say)
            run = demoing.show_coverage(database, say, demoing.sunday_night(now))
            share, at, said = run.summary["share"], run.at, f"demo {held} made"
        else:
            share, at, said = known["summary"]["share"], known["at"], f"demo {held} is there already"
    if held != size:
        said += f" (for a {size} set GEO_SERVICE_HOME to another folder)"
    return f"{said}; five-minute coverage {share:.1%} at {_moment(at)}"


def _announce_worker(settings: Settings) -> None:
    """Say by which key a worker's page can be looked at, while it is new."""
    with common.open_database() as database:
        worker = demo_worker.first_phone(database, datetime.now(UTC))
    if worker is None:
        return
    lines = [
        f"  worker key, shown this once:  {worker.key}",
        f"  it acts for {worker.name} ({worker.code}), who has rounds this week: sign in with it at",
        f"  http://{settings.host}:{settings.port}/sign-in?next=/worker on a phone or in a private window;",
        f'  another: geo-service key create "NAME" --role worker --responder {worker.code}',
    ]
    common.talk.print("\n".join(lines), markup=False, soft_wrap=True)


def _holds_demo() -> bool:
    with common.open_database() as database:
        edition = demoing.newest_edition(database)
    return edition is not None and demoing.size_of(edition) is not None


def _moment(at: datetime) -> str:
    """Write a moment in the demo's own time, with its offset."""
    return at.astimezone(demoing.ZONE).isoformat(sep=" ", timespec="minutes")
