"""What commands that set something for the office have in common: reading the file, and showing versions."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from geo_service.cli import common
from geo_service.errors import Fault, InvalidInputError, NotFoundError
from geo_service.services.office import RulesSet, SchemesSet
from geo_service.store.office import SettingRow

WHO = "command line"
Settings = Annotated[Path, typer.Argument(help="A JSON file.")]
Why = Annotated[str, typer.Option(help="For whoever reads the history; required.")]
Version = Annotated[int | None, typer.Option(help="An earlier version (default: the newest).")]

_MAX_BYTES = 1_000_000


def read_settings(file: Path) -> dict[str, Any]:
    """Read a JSON object from a file.

    Raises
    ------
    NotFoundError, InvalidInputError
        No such file; it is no JSON object.
    """
    if not file.is_file():
        raise NotFoundError(f"there is no file {file}")
    try:
        found = json.loads(file.read_bytes()[:_MAX_BYTES])
    except ValueError as error:
        raise InvalidInputError(f"{file.name} is no JSON", [Fault("FILE", str(error)[:200])]) from None
    if not isinstance(found, Mapping):
        raise InvalidInputError(f"{file.name} must hold a JSON object", [Fault("FILE", "begin it with {")])
    return dict(found)


def require_why(why: str) -> str:
    """Return the reason, without blanks around it.

    Raises
    ------
    InvalidInputError
        There is none.
    """
    if not why.strip():
        raise InvalidInputError("say why, for whoever reads the history", [Fault("--why", "is missing")])
    return why.strip()


def print_version(found: RulesSet | SchemesSet) -> None:
    """Print which version this is, and who set it."""
    if found.at is None:
        typer.echo("version 0: nothing has been set, the program's defaults hold")
    else:
        typer.echo(f"version {found.version}: {found.at:%Y-%m-%d %H:%M%z} {found.who}: {found.why}")


def print_versions(rows: Sequence[SettingRow], *, as_json: bool) -> None:
    """Print who set what when and why, the newest first."""
    if as_json:
        common.print_json(
            [
                {"version": row.version, "who": row.who, "why": row.why, "at": row.at, "given": row.given}
                for row in rows
            ]
        )
        return
    for row in rows:
        typer.echo(f"{row.version:>5}  {row.at:%Y-%m-%d %H:%M%z}  {row.who}: {row.why}")
