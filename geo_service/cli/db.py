"""``geo-service db``: the database, from its start to its backup."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from geo_service.cli import common
from geo_service.errors import BadRequestError, UnavailableError
from geo_service.services.doctor import schema_revision
from geo_service.settings import Settings
from geo_service.store import cluster_databases
from geo_service.store.cluster import Cluster
from geo_service.store.cluster_binaries import Binaries, find_binaries
from geo_service.store.database import Database
from geo_service.store.migrate import head, migrate

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="The database: start, stop, status, migrate, backup, restore.\n\n"
    "Example: geo-service db backup /var/backups/geo-2026-11-22.dump",
)


@app.command()
def start() -> None:
    """Start the private PostGIS of this home, until `db stop`; made at first, mended after a crash.

    Example: geo-service db start
    """
    cluster = _private_cluster()
    started = cluster.start()
    status = cluster.status()
    verb = "started" if started else "running already"
    common.talk.print(f"{verb}: PostgreSQL {status.major} on 127.0.0.1:{status.port}", markup=False)


@app.command()
def stop() -> None:
    """Stop the private PostGIS of this home.

    Example: geo-service db stop
    """
    common.talk.print("stopped" if _private_cluster().stop() else "it was not running")


@app.command()
def status(as_json: common.Json = False) -> None:
    """Say where the database is and whether it answers; exit 1 if it does not.

    Example: geo-service db status --json
    """
    found = _status(Settings())
    if as_json:
        common.print_json(found)
    else:
        for name, value in found.items():
            sys.stdout.write(f"{name + ':':<12}{value if value is not None else '-'}\n")
    if not found["running"]:
        raise typer.Exit(1)


@app.command()
def url() -> None:
    """Print the address of the database, password included, for psql, QGIS or GDAL; it stays up for them.

    Example: psql "$(geo-service db url)"
    """
    sys.stdout.write(f"{common.database_url(Settings())}\n")


@app.command(name="migrate")
def migrate_command() -> None:
    """Bring the database to the newest schema; does nothing when it is there.

    Example: geo-service db migrate
    """
    with common.database_address(Settings()) as address:
        before, after = _migrate(address)
    common.talk.print(
        f"schema {after}: " + ("nothing to do" if before == after else f"was {before or 'empty'}")
    )


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(help="File to write; an existing one is replaced when the new one is whole.")
    ],
) -> None:
    """Write the whole database into one file while the service goes on working.

    Example: geo-service db backup /var/backups/geo-$(date +%F).dump
    """
    settings = Settings()
    with common.database_address(settings) as address, common.progress("backing up"):
        cluster_databases.backup(_programs(settings), address, common.out_file(file))
    common.talk.print(f"{file}: {file.stat().st_size / 2**20:.1f} MiB", markup=False)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `db backup` wrote.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Replace the database by a backup, all or nothing; the former one is kept beside it.

    A backup of an older version is migrated on the way. Running services lose their connections for a moment.

    Example: geo-service db restore /var/backups/geo-2026-11-22.dump --yes
    """
    settings = Settings()
    if not yes:
        typer.confirm("Replace the database by this backup?", abort=True, err=True)
    with common.database_address(settings) as address, common.progress("restoring"):
        kept = cluster_databases.restore(_programs(settings), address, file, before_swap=_migrate)
    common.talk.print(f"restored; the former database is kept as {kept} until the next restore", markup=False)


def _private_cluster() -> Cluster:
    settings = Settings()
    if not settings.is_embedded:
        raise BadRequestError(
            "GEO_SERVICE_DATABASE_URL names a server of your own: use its own tools, or unset the variable"
        )
    return Cluster(settings.home, binaries_folder=settings.postgres_bin)


def _programs(settings: Settings) -> Binaries:
    """Return the client programs: those of the private cluster's version, else the newest."""
    if settings.is_embedded:
        return Cluster(settings.home, binaries_folder=settings.postgres_bin).binaries()
    return find_binaries(folder=settings.postgres_bin)


def _migrate(address: str) -> tuple[str | None, str]:
    database = Database.connect(
        address,
        read_size=1,
        write_size=1,
        statement_timeout_ms=common.COMMAND_TIMEOUT_MS,
        application="geo-service db",
    )
    try:
        return migrate(database.write)
    finally:
        database.close()


def _status(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": "private" if settings.is_embedded else "external"}
    address = settings.external_url
    if settings.is_embedded:
        cluster = Cluster(settings.home, binaries_folder=settings.postgres_bin)
        seen = cluster.status()
        found |= {"home": str(settings.home), "made": seen.made, "running": seen.running, "pid": seen.pid}
        found |= {"port": seen.port, "postgresql": seen.major}
        address = cluster.url() if seen.running else None
    else:
        found |= {"running": True}
    try:
        found["schema"] = schema_revision(address) if address else None
    except UnavailableError:
        found |= {"running": False, "schema": None}
    return found | {"newest": head()}
