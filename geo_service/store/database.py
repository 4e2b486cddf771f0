"""Connections: one engine to read, one to write, and the only place where database errors are translated.

Both use psycopg 3. Every session has its name, a statement timeout and a lock timeout; a pool that has
nothing left answers 503 within seconds instead of queueing callers.
"""

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
import psycopg.errors as pg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from geo_service.errors import (
    ConflictError,
    GeoServiceError,
    InvalidInputError,
    TimedOutError,
    UnavailableError,
)

__all__ = ["Connection", "Database", "translated"]

POOL_WAIT_S = 2.0
CONNECT_TIMEOUT_S = 5
#: A connection unused for so long is asked whether it is still there: networks forget those that are quiet.
QUIET_S = 15.0
_USED_AT = "geo_service.used_at"


def _engine(
    url: str | URL, *, name: str, size: int, statement_timeout_ms: int, pool_timeout_s: float, read_only: bool
) -> Engine:
    options = [
        f"-c statement_timeout={statement_timeout_ms}",
        "-c lock_timeout=10000",
        "-c idle_in_transaction_session_timeout=600000",
        "-c timezone=UTC",
        "-c search_path=public,extensions",
        # a network that swallows packets must not hold a session for hours
        "-c tcp_user_timeout=15000",
    ]
    if read_only:
        options.append("-c default_transaction_read_only=on")
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=size,
        max_overflow=0,
        pool_timeout=pool_timeout_s,
        # in a third of the time; and numbers beyond 64 bits come as floats: an integer of such a size could
        # not be answered as JSON
        json_deserializer=orjson.loads,
        hide_parameters=True,  # values are people's words and places: they do not belong in a log
        isolation_level="REPEATABLE READ" if read_only else None,
        connect_args={
            "application_name": name,
            "connect_timeout": CONNECT_TIMEOUT_S,
            # a host that dies without a word is given up: else who waits for it waits for hours,
            # and all who wait for him
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
            "options": " ".join(options),
            # plans prepared on a pooled session survive a migration badly
            "prepare_threshold": None,
        },
    )
    _look_before_use(engine)
    return engine


def _look_before_use(engine: Engine) -> None:
    """Have the pool connect anew when the server has gone; mostly without asking it.

    The system knows when the other end has closed a connection: there is something to read then. To ask
    each time (``pool_pre_ping``) would be a round trip more for every use.
    """

    @event.listens_for(engine, "checkin")
    def _note(_: Any, record: Any) -> None:
        record.info[_USED_AT] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _look(connection: psycopg.Connection[Any], record: Any, _: Any) -> None:
        used_at = record.info.get(_USED_AT)
        if used_at is None:
            return  # it has just been made
        try:
            if time.monotonic() - used_at > QUIET_S or _has_word(connection):
                engine.dialect.do_ping(connection)  # type: ignore[arg-type]  # psycopg's, as all of ours
        except psycopg.Error as error:
            raise InvalidatePoolError from error


def _has_word(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the server has sent what nobody asked for, or closed the connection."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


@dataclass(frozen=True, slots=True)
class Database:
    """The two engines of one database.

    ``reading()`` gives a read-only snapshot of one moment; ``writing()`` one transaction that commits on
    leaving and rolls back on any error. Both translate database errors into our own.
    """

    read: Engine
    write: Engine

    @classmethod
    def connect(
        cls,
        url: str | URL,
        *,
        read_size: int = 8,
        write_size: int = 4,
        statement_timeout_ms: int = 30_000,
        pool_timeout_s: float = POOL_WAIT_S,
        application: str = "geo_service",
    ) -> "Database":
        """Make both engines; nothing is opened before the first use."""
        return cls(
            read=_engine(
                url,
                name=f"{application} read",
                size=read_size,
                statement_timeout_ms=statement_timeout_ms,
                pool_timeout_s=pool_timeout_s,
                read_only=True,
            ),
            write=_engine(
                url,
                name=f"{application} write",
                size=write_size,
                statement_timeout_ms=max(statement_timeout_ms, 600_000),
                pool_timeout_s=pool_timeout_s,
                read_only=False,
            ),
        )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read in one snapshot."""
        with translated(), self.read.connect() as connection:
            yield connection

    @contextmanager
    def glancing(self) -> Iterator[Connection]:
        """Read with a statement or two that need not agree: without a transaction round trips are saved."""
        with translated(), self.read.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write in one transaction."""
        with translated(), self.write.begin() as connection:
            yield connection

    @contextmanager
    def apart(self) -> Iterator[Connection]:
        """Give a session outside the pool, in which each statement commits by itself.

        For what belongs to a session and is held long: a lock, and what is told meanwhile.
        """
        with translated():
            connection = self.write.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                connection.detach()
                yield connection
            finally:
                connection.close()

    def close(self) -> None:
        """Close every pooled connection."""
        self.read.dispose()
        self.write.dispose()


@contextmanager
def translated() -> Iterator[None]:
    """Turn database errors into the error tree; their own words stay out of what a caller sees."""
    try:
        yield
    except PoolTimeoutError as error:
        raise UnavailableError("all database connections are busy; try again in a few seconds") from error
    except DBAPIError as error:
        raise _translate(error, error.orig) from error
    except (
        psycopg.Error
    ) as error:  # of what goes to the driver directly: COPY, and several statements at once
        raise _translate(error, error) from error


_TRANSLATIONS: tuple[tuple[tuple[type[Exception], ...], type[GeoServiceError], str], ...] = (
    ((pg.QueryCanceled,), TimedOutError, "the query took longer than allowed and was stopped"),
    ((pg.LockNotAvailable,), UnavailableError, "somebody else holds what this change needs; try again"),
    (
        (pg.SerializationFailure, pg.DeadlockDetected),
        ConflictError,
        "another change came in between; nothing was written, try again",
    ),
    (
        (pg.DataError, pg.CheckViolation),
        InvalidInputError,
        "a value cannot be stored: a number out of range, or text that is not text",
    ),
    (
        (pg.UniqueViolation, pg.ExclusionViolation),
        ConflictError,
        "this exists already or overlaps what exists; nothing was written",
    ),
)


def _translate(error: DBAPIError | psycopg.Error, cause: BaseException | None) -> Exception:
    for causes, kind, words in _TRANSLATIONS:
        if isinstance(cause, causes):
            return kind(words)
    is_lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if is_lost or isinstance(cause, psycopg.OperationalError):
        return UnavailableError("the database does not answer; try again in a few seconds")
    return error
