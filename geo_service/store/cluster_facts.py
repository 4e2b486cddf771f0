"""What a database server says of itself, for the operator."""

from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from geo_service.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """One look at a database.

    Attributes
    ----------
    server_version : str
        Like ``15.14``.
    server_major : int
    encoding : str
        Of the database; ours is UTF8.
    size_bytes : int
        Of the database on disk.
    extensions : dict of str to (str, str)
        Version and schema of each extension by its name.
    connections, max_connections : int
        In use on the whole server, and allowed.
    clock_ahead_s : float
        How far the server's clock is ahead of ours, in seconds, freed from half the way there and back.
    """

    server_version: str
    server_major: int
    encoding: str
    size_bytes: int
    extensions: dict[str, tuple[str, str]]
    connections: int
    max_connections: int
    clock_ahead_s: float


def read_facts(url: str) -> DatabaseFacts:
    """Connect once and ask.

    Raises
    ------
    UnavailableError
        When the server does not answer or refuses us; the detail is for the operator only.
    """
    try:
        with psycopg.connect(
            url, autocommit=True, connect_timeout=5, application_name="geo-service"
        ) as connection:
            return _read(connection)
    except psycopg.Error as failure:
        raise UnavailableError(" ".join(str(failure).split())) from failure


def _read(connection: psycopg.Connection) -> DatabaseFacts:
    asked_at = datetime.now(UTC)
    (clock,) = _row(connection, "SELECT clock_timestamp()")
    half_way = (datetime.now(UTC) - asked_at) / 2
    version, encoding, size, used, allowed = _row(
        connection,
        "SELECT current_setting('server_version'), pg_encoding_to_char(encoding), pg_database_size(oid), "
        "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), "
        "current_setting('max_connections')::int FROM pg_database WHERE datname = current_database()",
    )
    extensions = connection.execute(
        "SELECT extname, extversion, nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace"
    )
    return DatabaseFacts(
        server_version=version.split()[0],
        server_major=connection.info.server_version // 10_000,
        encoding=encoding,
        size_bytes=size,
        extensions={name: (number, schema) for name, number, schema in extensions},
        connections=used,
        max_connections=allowed,
        clock_ahead_s=(clock - asked_at - half_way).total_seconds(),
    )


def _row(connection: psycopg.Connection, statement: str) -> tuple:  # type: ignore[type-arg] # any columns
    row = connection.execute(statement).fetchone()
    if row is None:
        raise psycopg.DataError("the server gave no answer")
    return row
