"""``geo-service doctor``: what is well with this installation, what is not, and what to do."""

import sys

import typer

from geo_service.cli import common
from geo_service.services.doctor import Check, State, examine
from geo_service.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_MARKS = {State.OK: "ok  ", State.WARN: "WARN", State.FAIL: "FAIL"}


@app.command()
def command(as_json: common.Json = False) -> None:
    """Check database, schema, disk, ports, fonts, clock; exit 1 if anything fails. Changes nothing.

    Example: geo-service doctor --json
    """
    checks = examine(Settings())
    if as_json:
        common.print_json([check.as_dict() for check in checks])
    else:
        sys.stdout.write("".join(map(_line, checks)))
    if any(check.state is State.FAIL for check in checks):
        raise typer.Exit(1)


def _line(check: Check) -> str:
    line = f"{_MARKS[check.state]}  {check.name:<18} {check.found}\n"
    return line + (f"{'':24} → {check.remedy}\n" if check.remedy else "")
