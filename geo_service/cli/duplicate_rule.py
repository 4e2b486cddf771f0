"""``geo-service duplicate-rule``: by which rule a report is merged into an earlier one by itself."""

from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.cli.settings_files import WHO, Settings, read_settings
from geo_service.services import duplicates
from geo_service.services.duplicates import RuleSet

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The rule for duplicates: show, set from a JSON file, switch off. Off until somebody sets it.\n\n"
    "Example: geo-service duplicate-rule set rule.json",
)

Json = common.Json


@app.command()
def show(*, as_json: Json = False) -> None:
    """Print the rule that holds, its version and who set it.

    Example: geo-service duplicate-rule show --json > rule.json
    """
    with common.open_database() as database, database.reading() as connection:
        found = duplicates.read_rule(connection)
    if as_json:
        common.print_json(found.rule.as_mapping())
        return
    _print(found)


@app.command("set")
def set_rule(
    file: Settings,
    who: Annotated[str, typer.Option(help="Whose rule it is: it stands in the log of what it merges.")] = WHO,
) -> None:
    """Set the rule: a JSON object such as {"enabled": true, "within_m": 20, "channels": ["sensor"]}.

    What is left out is as the program has it; it holds for what is reported from then on.

    Example: geo-service duplicate-rule set rule.json --who 张三
    """
    given = read_settings(file)
    with common.open_database() as database:
        with database.reading() as connection:
            version = duplicates.read_rule(connection).version
        _print(duplicates.set_rule(database, given, after=version, who=who))


@app.command()
def off(who: Annotated[str, typer.Option(help="Who switches it off.")] = WHO) -> None:
    """Merge nothing by itself any more. What was merged stays so until somebody undoes it.

    Example: geo-service duplicate-rule off
    """
    with common.open_database() as database:
        with database.reading() as connection:
            now = duplicates.read_rule(connection)
        given = now.rule.as_mapping() | {"enabled": False}
        _print(duplicates.set_rule(database, given, after=now.version, who=who))


def _print(found: RuleSet) -> None:
    state = "on" if found.rule.enabled else "off"
    since = f", set {found.at:%Y-%m-%d %H:%M%z} by {found.who}" if found.at else ""
    typer.echo(f"version {found.version}: {state}{since}")
    for name, value in found.rule.as_mapping().items():
        if name != "enabled":
            typer.echo(f"  {name}: {', '.join(value) if isinstance(value, list) else value}")
