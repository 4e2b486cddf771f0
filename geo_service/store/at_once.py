"""Several statements in one round trip: sent one after another, and waited for once.

Each wait costs more than its statement where many threads want the interpreter: who has waited queues for it
again. The statements are answered in their order, each sees what was committed before it began, and the first
that fails undoes them all with the transaction.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, cast

import psycopg
from sqlalchemy import Connection

Answer = TypeVar("Answer")
Driver: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"


@dataclass(frozen=True, slots=True)
class Question(Generic[Answer]):
    """A statement that may go with others.

    Attributes
    ----------
    words : str
        SQL with the driver's placeholders, ``%(name)s``.
    values : mapping
        What stands for them.
    read : callable
        Makes the answer of the rows.
    """

    words: str
    values: Mapping[str, Any]
    read: Callable[[Sequence[tuple[Any, ...]]], Answer]

    def ask(self, connection: Connection) -> Answer:
        """Ask it by itself."""
        with _driver(connection) as driver:
            rows = driver.execute(self.words, self.values).fetchall()
        return self.read(rows)


def ask_at_once(connection: Connection, *questions: Question[Any]) -> list[Any]:
    """Ask several within the transaction of a connection; returns their answers in order."""
    rows = []
    with _driver(connection) as driver, psycopg.ClientCursor(driver) as cursor:
        # values are written out, as literals, because the protocol binds them to single statements only (its
        # pipeline would do too, but it lets go of the interpreter several times for each statement)
        cursor.execute(";".join(cursor.mogrify(one.words, one.values) for one in questions))
        for _ in questions:
            rows.append(cursor.fetchall())
            cursor.nextset()
    return [one.read(found) for one, found in zip(questions, rows, strict=True)]


@contextmanager
def _driver(connection: Connection) -> Iterator[Driver]:
    """Give the driver's connection; the pool is told when it is lost."""
    driver = cast("Driver", connection.connection.driver_connection)
    try:
        yield driver
    except psycopg.Error:
        if driver.closed:
            connection.invalidate()
        raise
