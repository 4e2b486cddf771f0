"""Answers that are given again to who sends the same request again, kept in the transaction of its effect."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from geo_service.store.job_tables import kept_answer


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was given, and the digest of the request that it answers."""

    fingerprint: bytes
    status: int
    headers: Mapping[str, str]
    body: bytes


def find(connection: Connection, principal: str, key: str) -> KeptAnswer | None:
    """Return the answer that somebody's key got."""
    rows = select(
        kept_answer.c.fingerprint, kept_answer.c.status, kept_answer.c.headers, kept_answer.c.body
    ).where(kept_answer.c.principal == principal, kept_answer.c.key == key)
    found = connection.execute(rows).one_or_none()
    return None if found is None else KeptAnswer(*found)


def keep(connection: Connection, principal: str, key: str, answer: KeptAnswer) -> None:
    """Keep an answer; of two transactions with one key the second waits for the first, and is refused.

    Raises
    ------
    IntegrityError
        The key has an answer; :func:`geo_service.store.database.translated` makes a ConflictError of it.
    """
    connection.execute(
        insert(kept_answer).values(
            principal=principal,
            key=key,
            fingerprint=answer.fingerprint,
            status=answer.status,
            headers=dict(answer.headers),
            body=answer.body,
        )
    )


def drop_before(connection: Connection, age_s: int) -> int:
    """Delete answers older than ``age_s`` seconds; returns how many."""
    limit = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, age_s)
    return connection.execute(delete(kept_answer).where(kept_answer.c.at < limit)).rowcount
