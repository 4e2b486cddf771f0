"""``geo-service doctor``: what is well with this installation, what is not, and what to do."""

import sys
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.services import invariants
from geo_service.services.doctor import Check, State, examine
from geo_service.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_MARKS = {State.OK: "ok  ", State.WARN: "WARN", State.FAIL: "FAIL"}


@app.command()
def command(
    *,
    as_json: common.Json = False,
    every_invariant: Annotated[
        bool,
        typer.Option("--invariants", help="Look instead at everything that must be true of dispatching."),
    ] = False,
) -> None:
    """Check database, schema, travel engine, disk, ports, fonts, clock; changes nothing; exit 1 if any fails.

    With --invariants: every report once, placed once and where it lies; logs whole, lives as they tell them,
    what is due; nobody sent twice; shifts and tracks; events, deliveries, escalations; the audit's chain;
    the constraints and triggers that keep all this. A line for each.

    Example: geo-service doctor --json
    """
    if every_invariant:
        _invariants(as_json=as_json)
        return
    checks = examine(Settings())
    if as_json:
        common.print_json([check.as_dict() for check in checks])
    else:
        sys.stdout.write("".join(map(_line, checks)))
    if any(check.state is State.FAIL for check in checks):
        raise typer.Exit(1)


def _invariants(*, as_json: bool) -> None:
    found = []
    with common.open_database() as database:
        for one in invariants.examine(database):
            found.append(one)
            if not as_json:
                sys.stdout.write(_invariant_line(one))
                sys.stdout.flush()
    if as_json:
        common.print_json([one.as_dict() for one in found])
    if not all(one.ok for one in found):
        raise typer.Exit(1)


def _invariant_line(one: invariants.Finding) -> str:
    if one.ok:
        return f"ok      {one.name:<20} {one.meaning} ({one.looked_at:,} looked at)\n"
    shown = "; ".join(one.examples)
    return f"BROKEN  {one.name:<20} {one.meaning}: {one.broken:,} of {one.looked_at:,} not, as {shown}\n"


def _line(check: Check) -> str:
    line = f"{_MARKS[check.state]}  {check.name:<18} {check.found}\n"
    return line + (f"{'':24} → {check.remedy}\n" if check.remedy else "")
