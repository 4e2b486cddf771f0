"""``geo-service code-schemes``: how the codes of each level are built."""

from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.cli.settings_files import (
    WHO,
    Settings,
    Version,
    Why,
    print_version,
    print_versions,
    read_settings,
    require_why,
)
from geo_service.services import office
from geo_service.services.office import SchemesSet
from geo_service.store import office as kept

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="How the codes of each level are built: gb_12_3 (12+3 digits), cjt_349 (CJ/T 349-2010, 20 digits), "
    "free. A code that ever was is never issued again.\n\n"
    "Example: geo-service code-schemes set ours.json --why 'GB codes from 2027'",
)


@app.command()
def show(version: Version = None, *, as_json: common.Json = False) -> None:
    """Show the scheme of each level; the codes of a level without one go on as its siblings' do.

    Example: geo-service code-schemes show --json > ours.json
    """
    with common.open_database() as database, database.reading() as connection:
        found = office.code_schemes(connection, version)
    if as_json:
        common.print_json(found.schemes.as_mapping())
        return
    print_version(found)
    for level, entry in found.schemes.given.items():
        more = " ".join(f"{name}={value}" for name, value in entry.items() if name != "scheme")
        typer.echo(f"{level:<12} {entry['scheme']:<8} {more}")


@app.command(name="set")
def set_schemes(
    file: Settings,
    why: Why,
    after: Annotated[
        int | None, typer.Option(help="The version you looked at: refuse if it is no longer the newest.")
    ] = None,
    *,
    as_json: common.Json = False,
) -> None:
    """Set the scheme of each level from a JSON file; new cells of plans are numbered by it.

    {"schemes": {"grid": {"scheme": "gb_12_3"},
    "beat": {"scheme": "free", "pattern": "[A-Z]-[0-9]{2}", "separator": "-", "width": 2}}}

    Example: geo-service code-schemes set ours.json --why "GB codes from 2027"
    """
    given = read_settings(file)
    with common.open_database() as database:
        with database.reading() as connection:
            newest = office.code_schemes(connection).version
        seen = newest if after is None else after
        found = office.set_code_schemes(database, given, after=seen, who=WHO, why=require_why(why))
    _tell(found, as_json=as_json)


@app.command()
def reset(why: Why, *, as_json: common.Json = False) -> None:
    """Take all schemes away: new codes go on as those of the siblings do.

    Example: geo-service code-schemes reset --why "trial is over"
    """
    with common.open_database() as database:
        with database.reading() as connection:
            newest = office.code_schemes(connection).version
        found = office.set_code_schemes(
            database, office.NO_SCHEMES, after=newest, who=WHO, why=require_why(why)
        )
    _tell(found, as_json=as_json)


@app.command()
def history(*, as_json: common.Json = False) -> None:
    """List who set the code schemes when and why, the newest first.

    Example: geo-service code-schemes history
    """
    with common.open_database() as database, database.reading() as connection:
        rows = kept.every(connection, "code_schemes")
    print_versions(rows, as_json=as_json)


def _tell(found: SchemesSet, *, as_json: bool) -> None:
    if as_json:
        common.print_json({"version": found.version, **found.schemes.as_mapping()})
    else:
        print_version(found)
