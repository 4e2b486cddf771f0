"""``geo-service rules``: what the rules are set to."""

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
from geo_service.geometry.rules_catalogue import RULE_WORDS
from geo_service.geometry.rules_settings import RuleSetting
from geo_service.services import office
from geo_service.services.office import RulesSet
from geo_service.store import office as kept

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="What the rules are set to. Earlier settings are kept.\n\n"
    "Example: geo-service rules show; geo-service rules set ours.json --why 'city rule 12/2026'",
)


@app.command()
def show(version: Version = None, *, as_json: common.Json = False) -> None:
    """Show the rules in force, or those of an earlier version.

    For a cell the last line of a rule that fits holds. With --json it is a file that `set` takes back.

    Example: geo-service rules show --json > ours.json
    """
    with common.open_database() as database, database.reading() as connection:
        found = office.rules(connection, version)
    if as_json:
        common.print_json(found.settings.as_mapping())
        return
    print_version(found)
    for setting in found.settings.settings:
        typer.echo(_line(setting))


def _line(setting: RuleSetting) -> str:
    told = setting.as_mapping()
    cells = [",".join(told[name]) for name in ("level", "class", "kind") if name in told]
    numbers = [f"{name}={value:g}" for name, value in setting.numbers.items()]
    barriers = [f"barriers={','.join(setting.barriers)}"] if setting.barriers else []
    words = (" ".join(cells) or "all cells", " ".join(barriers + numbers), RULE_WORDS[setting.rule].name_zh)
    return f"{setting.rule:<13} {told['severity']:<8} {'  '.join(filter(None, words))}"


@app.command(name="set")
def set_rules(
    file: Settings,
    why: Why,
    after: Annotated[
        int | None, typer.Option(help="The version you looked at: refuse if it is no longer the newest.")
    ] = None,
    *,
    as_json: common.Json = False,
) -> None:
    """Set the rules from a JSON file; open plans are judged anew.

    The file holds {"settings": [...]}; these stand after the program's own, unless it says
    "defaults": false. Each names a rule, the cells it is for (level, class, kind; none means any),
    a severity (error, warning, note, off) and numbers:

    {"settings": [{"rule": "households", "level": "grid", "class": "urban",
    "severity": "error", "low": 300, "high": 450}]}

    Example: geo-service rules set ours.json --why "city rule 12/2026"
    """
    given = read_settings(file)
    with common.open_database() as database:
        with database.reading() as connection:
            newest = office.rules(connection).version
        seen = newest if after is None else after
        found = office.set_rules(database, given, after=seen, who=WHO, why=require_why(why))
    _tell(found, as_json=as_json)


@app.command()
def reset(why: Why, *, as_json: common.Json = False) -> None:
    """Go back to what the program comes with; the settings so far are kept as earlier versions.

    Example: geo-service rules reset --why "trial is over"
    """
    with common.open_database() as database:
        with database.reading() as connection:
            newest = office.rules(connection).version
        found = office.set_rules(database, office.DEFAULT_RULES, after=newest, who=WHO, why=require_why(why))
    _tell(found, as_json=as_json)


@app.command()
def history(*, as_json: common.Json = False) -> None:
    """List who set the rules when and why, the newest first.

    Example: geo-service rules history
    """
    with common.open_database() as database, database.reading() as connection:
        rows = kept.every(connection, "rules")
    print_versions(rows, as_json=as_json)


def _tell(found: RulesSet, *, as_json: bool) -> None:
    if as_json:
        common.print_json({"version": found.version, "settings": len(found.settings.settings)})
    else:
        print_version(found)
