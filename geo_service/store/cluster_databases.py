"""Databases of a server: make one ready for us, copy, drop, back up, restore.

Works on any PostgreSQL whose address is given, the private one or a server of your own, as long as its role
may do these things.
"""

import os
import re
import secrets
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from geo_service.errors import Fault, InvalidInputError
from geo_service.store.cluster_binaries import Binaries
from geo_service.store.cluster_errors import ClusterError

EXTENSION_SCHEMA = "extensions"
_SEARCH_PATH = "public, extensions"
# lines of a backup's table of contents: "5; 3079 16386 EXTENSION - postgis"
_OF_EXTENSIONS = re.compile(
    rf" (EXTENSION - |COMMENT - EXTENSION |SCHEMA (- )?{EXTENSION_SCHEMA}\b|TABLE DATA {EXTENSION_SCHEMA} )"
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def prepare(template_url: str, admin_url: str, database: str, extensions: Sequence[str]) -> None:
    """Make sure that the database exists and that new ones are born with the extensions.

    The extensions live in a schema of their own, lest OGC servers and reflection trip over their hundreds of
    functions. They go into the template, so that a new database is a copy and takes a tenth of a second.
    Does nothing twice, and finishes what a killed run began.

    Parameters
    ----------
    template_url, admin_url : str
        Addresses of ``template1`` and ``postgres`` on the same server.
    database : str
        Name of our database.
    extensions : sequence of str
        In the order in which they are created.
    """
    with _connect(admin_url) as connection:
        found = connection.execute("SELECT datallowconn FROM pg_database WHERE datname = %s", [database])
        row = found.fetchone()
        if row is not None:
            if not row[0]:  # a restore was killed while it kept everybody out
                _allow_connections(connection, database, allowed=True)
            return
    with _connect(template_url) as connection:
        install_extensions(connection, extensions)
    create(admin_url, database)


def install_extensions(connection: psycopg.Connection, extensions: Sequence[str]) -> None:
    """Create the extensions that are missing, in their own schema, for every role to use."""
    schema = sql.Identifier(EXTENSION_SCHEMA)
    present = {name for (name,) in connection.execute("SELECT extname FROM pg_extension")}
    missing = [name for name in extensions if name not in present]
    if not missing:
        return
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO PUBLIC").format(schema))
    for name in missing:
        statement = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} WITH SCHEMA {}")
        connection.execute(statement.format(sql.Identifier(name), schema))


def create(admin_url: str, name: str, template: str = "template1") -> None:
    """Make a database as a copy of a template, with our search path.

    The copy gets its own name last: a run that is killed leaves ``<name>_making``, never half a database.
    """
    _check_name(name)
    making = f"{name[:50]}_making"
    with _connect(admin_url) as connection:
        _drop(connection, making)
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(making), sql.Identifier(template))
        )
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET search_path TO {}").format(
                sql.Identifier(making), sql.SQL(_SEARCH_PATH)
            )
        )
        _rename(connection, making, name)


def drop(admin_url: str, name: str) -> None:
    """Drop a database if it exists, and end every connection to it."""
    _check_name(name)
    with _connect(admin_url) as connection:
        _drop(connection, name)


def backup(binaries: Binaries, url: str, file: Path) -> None:
    """Write a database into one file, in PostgreSQL's own archive format.

    The database stays in use meanwhile; the file holds its state of one moment. It gets its name only when
    it is whole, so an older backup of that name survives a failure.

    Raises
    ------
    ClusterError
        When the database cannot be read or the file cannot be written.
    """
    file = file.absolute()
    part = file.with_name(f".{file.name}.part")
    try:
        part.touch(mode=0o600)
        _run_client([binaries.program("pg_dump"), "--format=custom", "--no-owner", f"--file={part}"], url)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(file)
    except OSError as failure:
        raise ClusterError(f"the backup cannot be written to {file}: {failure.strerror}") from failure
    finally:
        part.unlink(missing_ok=True)


def restore(
    binaries: Binaries, url: str, file: Path, before_swap: Callable[[str], object] | None = None
) -> str:
    """Replace a database by what a backup holds, all or nothing.

    The backup is read into a fresh database first. Only when that is complete do the two change names, in
    one transaction; the old database is kept as ``<name>_before_restore`` until the next restore.

    Parameters
    ----------
    binaries : Binaries
        Where ``pg_restore`` lies; not older than what wrote the backup.
    url : str
        Address of the database to replace.
    file : Path
        What :func:`backup` wrote.
    before_swap : callable, optional
        Called with the address of the fresh database, to migrate or to inspect it; if it raises, nothing
        is changed.

    Returns
    -------
    str
        Name of the database that holds the former state.

    Raises
    ------
    InvalidInputError
        When the file is missing or not a whole backup of this service. The database is as it was.
    """
    if not file.is_file():
        raise InvalidInputError("there is no such backup", [Fault("file", "no such file", value=file)])
    name = str(conninfo_to_dict(url)["dbname"])
    admin_url = sibling_url(url, "postgres")
    fresh = f"{name[:40]}_restore_{secrets.token_hex(4)}"
    try:
        contents, extensions = _contents(binaries, file)
        create(admin_url, fresh)
        with _connect(sibling_url(url, fresh)) as connection:
            install_extensions(connection, extensions)
        _fill(binaries, sibling_url(url, fresh), file, contents)
        if before_swap is not None:
            before_swap(sibling_url(url, fresh))
        return _swap(admin_url, name, fresh, f"{name[:48]}_before_restore")
    except (psycopg.Error, ClusterError) as failure:
        reason = failure.detail if isinstance(failure, ClusterError) else str(failure).splitlines()[0]
        raise InvalidInputError(
            "the backup was not restored; the database is as it was", [Fault("file", reason, value=file)]
        ) from failure
    finally:
        with _connect(admin_url) as connection:
            _drop(connection, fresh)


def set_aside(url: str) -> str:
    """Put an empty database in the place of one, which is kept for good as ``<name>_aside_<8 digits>``.

    Returns
    -------
    str
        Name of the database that holds the former state.
    """
    name = str(conninfo_to_dict(url)["dbname"])
    admin_url, mark = sibling_url(url, "postgres"), secrets.token_hex(4)
    fresh = f"{name[:40]}_fresh_{mark}"
    create(admin_url, fresh)
    try:
        return _swap(admin_url, name, fresh, f"{name[:40]}_aside_{mark}")
    finally:
        drop(admin_url, fresh)  # it has another name by now, unless the swap failed


def _contents(binaries: Binaries, file: Path) -> tuple[str, list[str]]:
    """Return a backup's table of contents without its extensions, and the names of these.

    A new database has the extensions already; to create them anew would take a superuser, and fail on a
    server with another version of PostGIS.
    """
    listed = _run_client([binaries.program("pg_restore"), "--list", str(file)])
    kept = [line for line in listed.splitlines() if not _OF_EXTENSIONS.search(line)]
    extensions = [name for name in re.findall(r" EXTENSION - (\w+)", listed) if name != "plpgsql"]
    if "postgis" not in extensions:
        raise ClusterError("it holds no database of this service")
    return "\n".join(kept), extensions


def _fill(binaries: Binaries, url: str, file: Path, contents: str) -> None:
    with NamedTemporaryFile("w", suffix=".list") as chosen:
        chosen.write(contents)
        chosen.flush()
        options = ["--no-owner", "--exit-on-error", f"--use-list={chosen.name}"]
        _run_client([binaries.program("pg_restore"), *options, str(file)], url)
    with _connect(url) as connection:
        connection.execute("ANALYZE")


def sibling_url(url: str, database: str) -> str:
    """Return the address of another database of the same server, in the form ``postgresql://``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{database}" + (f"?{parts.query}" if parts.query else "")


def _swap(admin_url: str, name: str, fresh: str, kept: str) -> str:
    """Put ``fresh`` in the place of ``name``, which becomes ``kept``; nobody can come in between."""
    with _connect(admin_url) as connection:
        _drop(connection, kept)
        for database in (name, fresh):
            _allow_connections(connection, database, allowed=False)
        try:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY(%s)",
                [[name, fresh]],
            )
            with connection.transaction():
                _rename(connection, name, kept)
                _rename(connection, fresh, name)
        finally:
            # by what the names are now, whichever way the transaction went
            rows = connection.execute("SELECT datname FROM pg_database WHERE NOT datallowconn").fetchall()
            for (database,) in rows:
                if database in {name, fresh, kept}:
                    _allow_connections(connection, database, allowed=True)
    return kept


def _rename(connection: psycopg.Connection, old: str, new: str) -> None:
    connection.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new))
    )


def _allow_connections(connection: psycopg.Connection, database: str, *, allowed: bool) -> None:
    connection.execute(
        sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}").format(
            sql.Identifier(database), sql.SQL("true" if allowed else "false")
        )
    )


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, connect_timeout=10, application_name="geo-service db")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ClusterError(f"{name!r} is no name for a database: small letters, digits and _, at most 63")


def _run_client(argv: list[str], url: str | None = None) -> str:
    """Run pg_dump or pg_restore as ourselves and return what it prints.

    The password goes by the environment: options can be read by everybody on the machine.
    """
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGAPPNAME": "geo-service db"}
    if url is not None:
        parts = {"connect_timeout": 10, **conninfo_to_dict(url)}
        environment["PGPASSWORD"] = str(parts.pop("password", ""))
        argv = [argv[0], f"--dbname={make_conninfo('', **parts)}", *argv[1:]]
    done = subprocess.run(  # noqa: S603 - programs found by folder, our own options, no shell
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise ClusterError(" | ".join(said[:3]) or f"{Path(argv[0]).name} failed without a word")
    return done.stdout
