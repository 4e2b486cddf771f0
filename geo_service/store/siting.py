"""Siting runs: questions, the best answer to each so far, and whether it is proved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from geo_service.errors import NotFoundError, Words
from geo_service.store.roster_tables import station
from geo_service.store.siting_tables import siting_run
from geo_service.store.tables import post

c = siting_run.c

#: A job that is refused or broken off does not end its run; none waits and works for so long.
GIVEN_UP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SitingRow:
    """A run as it is kept."""

    id: int
    edition_id: int
    question: Mapping[str, Any]
    who: str
    answer: Mapping[str, Any] | None
    is_proved: bool
    asked_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None


_ROW = tuple(siting_run.c[name] for name in SitingRow.__slots__)


def begin(connection: Connection, *, edition_id: int, question: Mapping[str, Any], who: str) -> int:
    """Keep a question that is to be answered; returns its id."""
    values = {"edition_id": edition_id, "question": dict(question), "who": who}
    return int(connection.execute(insert(siting_run).values(**values).returning(c.id)).scalar_one())


def keep(
    connection: Connection,
    run_id: int,
    *,
    fingerprint: bytes,
    answer: Mapping[str, Any],
    is_proved: bool,
    is_over: bool,
) -> None:
    """Write the best answer so far; one that is over is not written any more."""
    now = func.clock_timestamp()
    values: dict[str, Any] = {
        "fingerprint": fingerprint,
        "answer": dict(answer),
        "is_proved": is_proved,
        "answered_at": now,
    }
    if is_over:
        values["ended_at"] = now
    connection.execute(update(siting_run).where(c.id == run_id, c.ended_at.is_(None)).values(**values))


def proved(connection: Connection, fingerprint: bytes) -> int | None:
    """Return the id of a run over these inputs whose answer is proved, None without one."""
    rows = select(c.id).where(c.fingerprint == fingerprint, c.is_proved).order_by(c.id).limit(1)
    return connection.execute(rows).scalar_one_or_none()


def get(connection: Connection, run_id: int) -> SitingRow:
    """Return a run.

    Raises
    ------
    NotFoundError
        There is no such run.
    """
    found = connection.execute(select(*_ROW).where(c.id == run_id)).one_or_none()
    if found is None:
        raise NotFoundError(Words(f"there is no siting {run_id}", f"没有编号为 {run_id} 的选址"))
    return SitingRow(*found)


def every(connection: Connection, *, before: int = 0, limit: int = 50) -> list[SitingRow]:
    """Return runs, the newest first; ``before``: only those with a smaller id."""
    rows = select(*_ROW).order_by(c.id.desc()).limit(limit)
    if before:
        rows = rows.where(c.id < before)
    return [SitingRow(*row) for row in connection.execute(rows)]


def last(connection: Connection) -> tuple[int, datetime | None]:
    """Return a mark that changes when a run is begun or answered better."""
    row = connection.execute(select(func.coalesce(func.max(c.id), 0), func.max(c.answered_at))).one()
    return int(row[0]), row[1]


def prune(connection: Connection, keep_newest: int) -> int:
    """Delete all but the newest runs that are over, or that nobody works on any more; returns how many."""
    newest = select(c.id).order_by(c.id.desc()).limit(keep_newest)
    is_left = c.ended_at.is_not(None) | (c.asked_at < func.now() - GIVEN_UP)
    return connection.execute(delete(siting_run).where(is_left, c.id.not_in(newest))).rowcount


def posts(connection: Connection) -> Sequence[Any]:
    """Return the posts: code, name, lon, lat; in order of code."""
    return _places(connection, post)


def stations(connection: Connection) -> Sequence[Any]:
    """Return the stations: code, name, lon, lat; in order of code."""
    return _places(connection, station)


def _places(connection: Connection, table: Any) -> Sequence[Any]:
    t = table.c
    rows = select(t.code, t.name, func.ST_X(t.geom).label("lon"), func.ST_Y(t.geom).label("lat"))
    return connection.execute(rows.order_by(t.code.collate("C"))).all()
