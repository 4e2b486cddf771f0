"""The command line: ``geo-service COMMAND``.

Data goes to stdout, talk to stderr; failure is one clear line and exit status 1.
"""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from geo_service.cli import common

#: Commands in the order of the help, and the module that holds each as a Typer ``app``.
COMMANDS = {
    "demo": "geo_service.cli.demo",
    "demo-live": "geo_service.cli.demo_live",
    "serve": "geo_service.cli.serve",
    "import": "geo_service.cli.imports",
    "assign": "geo_service.cli.assign",
    "coverage": "geo_service.cli.coverage",
    "patrol": "geo_service.cli.patrol",
    "site": "geo_service.cli.siting",
    "move-up": "geo_service.cli.moveup",
    "map": "geo_service.cli.maps",
    "check": "geo_service.cli.check",
    "crosswalk": "geo_service.cli.crosswalk",
    "plan": "geo_service.cli.plan",
    "sign-board": "geo_service.cli.sign_board",
    "report": "geo_service.cli.report",
    "audit": "geo_service.cli.audit",
    "rules": "geo_service.cli.rules",
    "code-schemes": "geo_service.cli.code_schemes",
    "categories": "geo_service.cli.categories",
    "standards": "geo_service.cli.standards",
    "duplicate-rule": "geo_service.cli.duplicate_rule",
    "history": "geo_service.cli.history",
    "figures": "geo_service.cli.figures",
    "export": "geo_service.cli.export",
    "relay": "geo_service.cli.relay",
    "key": "geo_service.cli.key",
    "db": "geo_service.cli.db",
    "doctor": "geo_service.cli.doctor",
    "compile": "geo_service.cli.compile",
}


class LazyCommands(TyperGroup):
    """Imports a command's module when it is called: ``db status`` need not wait for geopandas."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the base class's signature
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the base class's signature
        """Return a command by name, None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(import_module(COMMANDS[cmd_name]).app)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="geo-service",
    cls=LazyCommands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Community grids, point-to-cell and patrol coverage 社区网格、归格与巡防覆盖."""


def main() -> None:
    """Run the command line; every known failure ends as one clear line and exit status 1."""
    sys.exit(common.run(app))


if __name__ == "__main__":
    main()
