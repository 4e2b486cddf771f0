"""``geo-service patrol places | week | signs | visits | quotas | posts | routes``: rounds by command."""

from datetime import UTC, date
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from geo_service.cli import common
from geo_service.errors import BadRequestError, Fault
from geo_service.formats.rounds_pdf import visit_signs_pdf, week_pdf
from geo_service.formats.spreadsheet import write_table
from geo_service.model import FIRST_YEAR, LAST_YEAR
from geo_service.services import patrol_people, patrol_routes, rounds, visits, week_lists
from geo_service.services.ground import Ground
from geo_service.services.months import month_of
from geo_service.services.rostering import town_zone
from geo_service.services.tiling import Tilings

Since = Annotated[str, typer.Option("--from", help="First local day: 2026-11-16.")]
Until = Annotated[str, typer.Option("--to", help="Last local day, included.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="A .pdf or .csv file; default: CSV here.")]


def places(as_json: common.Json = False) -> None:
    """Print the places to be visited, one line for each department that asks, as CSV.

    Example: geo-service patrol places
    """
    with common.open_database() as database, database.reading() as connection:
        told = rounds.places(connection, Tilings(database).get())
    if as_json:
        common.print_json({"places": told})
        return
    shown = ("code", "name", "kind", "address", "lon", "lat")
    rows = [{name: one[name] for name in shown} | wish for one in told for wish in one["wishes"]]
    _print(pd.DataFrame(rows))


def week(
    monday: Annotated[str, typer.Argument(help="The Monday with which the week begins: 2026-11-16.")],
    make: Annotated[bool, typer.Option("--make", help="Make the lists anew first.")] = False,
    out: Out = None,
    as_json: common.Json = False,
) -> None:
    """Make or print the lists of a week: who visits which places on which day, in the order of the tour.

    Example: geo-service patrol week 2026-11-16 --make --out week.pdf
    """
    first = day_of(monday, "MONDAY")
    with common.progress("lists of the week") as show, common.open_database() as database:
        tiling = Tilings(database).get()
        if make:

            def say(phase: str, done: int, total: int) -> None:
                show(week_lists.PHASES[phase], done / max(total, 1))

            ground, who = Ground(database), "command line"
            counts = week_lists.make_week(database, ground, tiling, first, who=who, say=say)
            common.talk.print(", ".join(f"{name} {value}" for name, value in counts.items()))
        with database.reading() as connection:
            told = week_lists.week(connection, tiling, first)
            zone = town_zone(connection)
    if as_json:
        common.print_json(told)
    elif out is None:
        typer.echo(week_lists.as_csv(told, zone), nl=False)
    elif out.suffix.lower() == ".pdf":
        out.write_bytes(week_pdf(told, zone))
    else:
        out.write_text("\ufeff" + week_lists.as_csv(told, zone), encoding="utf-8", newline="")


def signs(
    out: Annotated[Path, typer.Argument(help="The PDF to write.")],
    address: Annotated[str, typer.Option(help="By which phones reach the service: https://grid.example.cn")],
    place: Annotated[list[str] | None, typer.Option(help="Code of a place (default: all).")] = None,
) -> None:
    """Print the QR signs of places as PDF, six to a page.

    Example: geo-service patrol signs signs.pdf --address https://grid.example.cn
    """
    with common.open_database() as database, database.reading() as connection:
        told = rounds.places(connection, Tilings(database).get(), signs=True)
    chosen = [one for one in told if not place or one["code"] in place]
    out.write_bytes(visit_signs_pdf(chosen, address))
    common.talk.print(f"{len(chosen)} signs in {out}")


def made_visits(since: Since, until: Until, as_json: common.Json = False) -> None:
    """Print the visits of a span of days with what bears them out, as CSV, the latest first.

    Example: geo-service patrol visits --from 2026-11-16 --to 2026-11-22
    """
    with common.open_database() as database, database.reading() as connection:
        told = visits.listed(connection, day_of(since, "--from"), day_of(until, "--to"), limit=100_000)
    if as_json:
        common.print_json({"visits": told})
    else:
        _print(pd.DataFrame([one | {"departments": "、".join(one["departments"])} for one in told]))


def quotas(
    month: Annotated[str, typer.Argument(help="Such as 2026-11.")], as_json: common.Json = False
) -> None:
    """Print each person's days and hours of patrol in a month and what his quota still wants, as CSV.

    Example: geo-service patrol quotas 2026-11
    """
    first, last = month_of(month, UTC).days
    with common.open_database() as database, database.reading() as connection:
        told = patrol_people.quotas(connection, first, last)
    if as_json:
        common.print_json({"month": month, "people": told})
    else:
        _print(pd.DataFrame([{k: v for k, v in one.items() if k != "quota"} for one in told]))


def posts(since: Since, until: Until, as_json: common.Json = False) -> None:
    """Print how posts were kept: kept, late, left or missed, as CSV.

    Example: geo-service patrol posts --from 2026-11-16 --to 2026-11-22
    """
    with common.open_database() as database, database.reading() as connection:
        told = patrol_people.posts(connection, day_of(since, "--from"), day_of(until, "--to"))
    if as_json:
        common.print_json(told)
    else:
        _print(pd.DataFrame(told["posts"]))


def routes(
    since: Annotated[str | None, typer.Option("--from", help="First local day of what was walked.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last local day, included.")] = None,
    as_json: common.Json = False,
) -> None:
    """Print the fixed routes as CSV; with --from and --to how much of each was walked on which day.

    Example: geo-service patrol routes --from 2026-11-16 --to 2026-11-22
    """
    with common.open_database() as database, database.reading() as connection:
        if since is None or until is None:
            told = patrol_routes.listed(connection, Tilings(database).get())
            rows = [{**one, "cell": one["path"][-1]["code"] if one["path"] else ""} for one in told]
        else:
            span = day_of(since, "--from"), day_of(until, "--to")
            told = patrol_routes.figures(connection, *span, rounds.rules(connection))
            rows = [{"code": one["code"], "name": one["name"], **day} for one in told for day in one["days"]]
    if as_json:
        common.print_json({"routes": told})
    else:
        hidden = {"path", "geometry"}
        _print(pd.DataFrame([{k: v for k, v in row.items() if k not in hidden} for row in rows]))


def add_to(app: typer.Typer) -> None:
    """Put the commands of rounds beside those of patrols."""
    for name, command in (
        ("places", places),
        ("week", week),
        ("signs", signs),
        ("visits", made_visits),
        ("quotas", quotas),
        ("posts", posts),
        ("routes", routes),
    ):
        app.command(name)(command)


def day_of(value: str, field: str) -> date:
    """Read a day as somebody typed it."""
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise BadRequestError(
            "This is not a day.", [Fault(field, "write it as 2026-11-16", value=value)]
        ) from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        years = f"give a day in the years {FIRST_YEAR} to {LAST_YEAR}"
        raise BadRequestError("This day cannot be reckoned with.", [Fault(field, years, value=value)])
    return day


def _print(frame: pd.DataFrame) -> None:
    write_table(frame, typer.get_text_stream("stdout"))
