"""What every command needs: the database, moments, progress on stderr, data on stdout, errors in one line."""

import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from geo_service.cli.step_lines import ShowStep, StepLines
from geo_service.errors import Fault, GeoServiceError, InvalidInputError, UnavailableError
from geo_service.services.ground import Ground
from geo_service.services.travel_servers import TravelServers
from geo_service.settings import Settings
from geo_service.store.cluster import Cluster
from geo_service.store.database import Database, translated
from geo_service.store.migrate import migrate

#: Long statements are normal here: an import is not a request.
COMMAND_TIMEOUT_MS = 3_600_000

#: An operator's own file may be finer than what the API takes.
MAX_VERTICES = 100_000
FINDINGS_SHOWN = 20

#: Kinds of change between two editions and the sign each has in a diff.
CHANGES = {"added": "+", "retired": "-", "reshaped": "~", "reparented": "~", "described": "~"}

#: Figures of a report of which nothing need be said when there are none.
_SAID_IF_ANY = frozenset(
    {"corrected", "repeated", "unlocated", "replaced", "cut", "errors", "incidents_placed", "pinned"}
    | {
        "far_from_roads",
        "without_coordinates",
        "households_in_no_cell",
        "missing_references",
        "ways_cut",
        "ways_lost",
    }
    | {"barriers", "features_broken"}
)

talk = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Commit = Annotated[
    bool, typer.Option("--commit", help="Write it. Without this only the differences are shown.")
]


def run(app: Any) -> int:
    """Call the Typer app; returns the exit status. No failure ends as a traceback on the terminal."""
    try:
        app()
    except GeoServiceError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        return _failed(f"{error.strerror or 'the file cannot be used'}: {error.filename or error}")
    except Exception as error:  # noqa: BLE001 - the last resort: a defect of ours, kept for whoever mends it
        return _failed(f"this is a defect ({type(error).__name__}); {_kept_traceback()} tells where")
    return 0


def _failed(what: str) -> int:
    talk.print(f"error: {what}", style="red", markup=False, soft_wrap=True)
    return 1


def warn(what: str) -> None:
    """Say on stderr what a person should know before trusting the result."""
    talk.print(f"warning: {what}", style="yellow", markup=False, soft_wrap=True)


def _kept_traceback() -> Path:
    """Write the traceback of the error being handled into a file of its own; returns the file."""
    with tempfile.NamedTemporaryFile("w", prefix="geo-service-", suffix=".txt", delete=False) as file:
        traceback.print_exc(file=file)
    return Path(file.name)


def database_url(settings: Settings) -> str:
    """Return the address of the database; the private one is started if need be, and goes on running."""
    if settings.external_url is not None:
        return settings.external_url
    cluster = Cluster(settings.home, binaries_folder=settings.postgres_bin)
    if not cluster.status().running:
        cluster.start()
    return cluster.url()


@contextmanager
def database_address(settings: Settings) -> Iterator[str]:
    """Give the address of the database; the private one runs while it is used."""
    if settings.external_url is not None:
        yield settings.external_url
        return
    with Cluster(settings.home, binaries_folder=settings.postgres_bin).running() as url:
        yield url


@contextmanager
def open_database() -> Iterator[Database]:
    """Give the database, migrated; what was started for it is stopped again."""
    settings = Settings()
    with database_address(settings) as url:
        database = Database.connect(
            url,
            read_size=4,
            write_size=2,
            statement_timeout_ms=COMMAND_TIMEOUT_MS,
            application="geo-service command",
        )
        try:
            _migrate(database)
            yield database
        finally:
            database.close()


def ground_of(database: Database) -> Ground:
    """Return roads and demand, travel times by the engine that is set.

    Raises
    ------
    InvalidInputError
        A travel server's address is not in order.
    """
    settings = Settings()
    servers = (settings.travel_engine, settings.travel_servers, settings.travel_wait_s)
    return Ground(database, TravelServers.parse(*servers))


def _migrate(database: Database) -> None:
    """Bring the database to the newest schema: its first use, which may find that it is not there."""
    address = database.write.url
    try:
        with translated():
            migrate(database.write)
    except UnavailableError as error:
        where = f"{address.host}:{address.port or 5432}/{address.database}"
        advice = "start it, or correct GEO_SERVICE_DATABASE_URL (geo-service doctor says more)"
        raise UnavailableError(f"the database at {where} does not answer: {advice}") from error


@contextmanager
def progress(title: str) -> Iterator[ShowStep]:
    """Show on stderr what is being done while something long runs.

    Gives a function to call with what is being done now and, when it is known, the share done (0 to 1).
    A terminal shows a bar; elsewhere each step that takes more than a second has a line of its own, and
    another one every ten seconds.
    """
    with _bar(title) if talk.is_terminal else _lines(title) as say:
        yield say


@contextmanager
def _bar(title: str) -> Iterator[ShowStep]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=talk, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def say(what: str, share: float | None = None) -> None:
            bar.update(task, description=what, total=None if share is None else 1.0, completed=share or 0.0)

        yield say


@contextmanager
def _lines(title: str) -> Iterator[ShowStep]:
    with StepLines(title, lambda line: talk.print(line, markup=False, soft_wrap=True)) as lines:
        yield lines.say


def print_json(value: Any) -> None:
    """Print one JSON document on stdout."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    sys.stdout.buffer.write(orjson.dumps(value, option=options, default=str) + b"\n")


def parse_moment(value: str | None, field: str) -> datetime | None:
    """Read an ISO 8601 moment with its UTC offset.

    Raises
    ------
    InvalidInputError
        It is not one, or the offset is missing.
    """
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        fault = Fault(field, "write a moment with its UTC offset, like 2026-11-22T02:00+08:00", value=value)
        raise InvalidInputError("this is not a moment", [fault])
    return moment


def out_file(path: Path) -> Path:
    """Check that a file can be written before long work begins."""
    if not path.parent.is_dir():
        raise InvalidInputError(f"the folder {path.parent} does not exist", [Fault("--out", "make it first")])
    if path.is_dir():
        raise InvalidInputError(f"{path} is a folder", [Fault("--out", "name a file in it")])
    try:
        with path.open("ab") if path.exists() else tempfile.TemporaryFile(dir=path.parent):
            pass  # trying is the only sure way: access rights say nothing of read-only disks
    except OSError as error:
        fault = Fault("--out", "choose another place")
        raise InvalidInputError(f"{path} cannot be written: {error.strerror}", [fault]) from error
    return path


def print_report(report: dict[str, Any], indent: str = "") -> None:
    """Print a report for a person: one line a figure, nested ones indented, findings as a list.

    What is absent, and counts of trouble that there was not, are left out; ``--json`` has them all.
    """
    for key, value in report.items():
        if value in (None, [], {}) or (value == 0 and key in _SAID_IF_ANY):
            continue
        words = key.replace("_", " ")
        if key == "changes":
            print_changes(value, indent)
        elif isinstance(value, dict):
            typer.echo(f"{indent}{words}:")
            print_report(value, indent + "  ")
        elif key == "findings":
            typer.echo(f"{indent}findings: {len(value)}")
            for finding in value[:FINDINGS_SHOWN]:
                remedy = f"; {finding['remedy']}" if finding["remedy"] else ""
                typer.echo(
                    f"{indent}  {finding['severity']}: {finding['rule']}: {finding['message']}{remedy}"
                )
            if len(value) > FINDINGS_SHOWN:
                typer.echo(f"{indent}  and {len(value) - FINDINGS_SHOWN} more (--json lists all)")
        elif isinstance(value, list):
            typer.echo(f"{indent}{words}: {', '.join(map(str, value))}")
        else:
            typer.echo(f"{indent}{words}: {value}")


def print_changes(changes: dict[str, Any], indent: str = "") -> None:
    """Print the difference of two editions: a line for each kind of change, with its first codes."""
    typer.echo(f"{indent}changes:")
    for kind, sign in CHANGES.items():
        change = changes[kind]
        if change["count"]:
            levels = ", ".join(f"{count} {level}" for level, count in change["by_level"].items())
            more = ", ..." if change["count"] > len(change["first"]) else ""
            typer.echo(f"{indent}  {sign} {kind} {levels}: {', '.join(change['first'])}{more}")
    typer.echo(f"{indent}  = unchanged {changes['unchanged']}")
