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
    with _driver(connection) as driver:
        with driver.pipeline():
            cursors = [driver.execute(one.words, one.values) for one in questions]
        rows = [cursor.fetchall() for cursor in cursors]
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
