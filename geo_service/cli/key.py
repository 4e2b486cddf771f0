"""``geo-service key``: API keys of people and machines."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from geo_service.cli import common
from geo_service.errors import NotFoundError
from geo_service.model import Role
from geo_service.services import desk, identity
from geo_service.store import principals
from geo_service.store.database import Database

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="API keys: create, list, revoke.\n\n"
    'Example: geo-service key create "dispatch desk" --role dispatcher',
)

_BY = "command line"


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whom it is for; a name is never used twice.")],
    role: Annotated[Role, typer.Option(help="What the holder may do.")],
    *,
    cell: Annotated[
        list[str],
        typer.Option(
            help="A part of the town that he sees, as LEVEL:CODE; may be repeated. None: the whole."
        ),
    ] = [],  # noqa: B006 - typer reads it, nobody changes it
    responder: Annotated[
        str | None, typer.Option(help="Code of the person for whom it acts: a worker's phone.")
    ] = None,
    as_json: common.Json = False,
) -> None:
    """Make a key and print it, this once.

    Example: geo-service key create "east desk" --role dispatcher --cell township:330109001

    Example: geo-service key create "phone of W0001" --role worker --responder W0001
    """
    with common.open_database() as database:
        if responder is not None:
            desk.require_responder(database, responder)  # before a key is made for nobody
        made, key = identity.issue(database, name.strip(), role, by=_BY, cells=cell)
        if responder is not None:
            desk.link(database, made.id, responder, by=_BY)
    if as_json:
        common.print_json({"id": made.id, "name": made.name, "role": made.role, "key": key})
    else:
        common.talk.print(
            f"key {made.id} for {made.name}, role {made.role}; it is not shown again:", markup=False
        )
        sys.stdout.write(f"{key}\n")


@app.command(name="list")
def list_keys(*, as_json: common.Json = False) -> None:
    """List the keys, the revoked ones too; the keys themselves are not kept.

    Example: geo-service key list --json
    """
    with common.open_database() as database:
        found = _all(database)
    if as_json:
        common.print_json(
            [
                {
                    "id": record.principal.id,
                    "name": record.principal.name,
                    "role": record.principal.role,
                    "created_at": record.created_at,
                    "revoked_at": record.revoked_at,
                }
                for record in found
            ]
        )
        return
    for record in found:
        state = f"revoked {_shown(record.revoked_at)}" if record.revoked_at else "in force"
        held = record.principal
        sys.stdout.write(f"{held.id:>5}  {held.role:<10}  {state:<30}  {held.name}\n")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Number or name, as `key list` shows it.")],
) -> None:
    """Revoke a key for good.

    Example: geo-service key revoke "dispatch desk"
    """
    with common.open_database() as database:
        number = _number(database, key)
        identity.revoke(database, number, by=_BY)
    common.talk.print(f"key {number} is revoked; running services refuse it within five seconds")


def _shown(moment: datetime) -> str:
    """Write a moment in this machine's time, with its offset."""
    return moment.astimezone().isoformat(sep=" ", timespec="minutes")


def _number(database: Database, text: str) -> int:
    for record in _all(database):
        if text in {str(record.principal.id), record.principal.name}:
            return record.principal.id
    raise NotFoundError("there is no key of that number or name: see geo-service key list")


def _all(database: Database) -> list[principals.KeyRecord]:
    with database.reading() as connection:
        return principals.keys(connection, limit=1_000_000)
