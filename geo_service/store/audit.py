"""Who did what to which thing: an append-only chain in which a changed or removed row shows.

Each row carries the SHA-256 over the previous row's hash and its own canonical JSON. PostgreSQL itself
writes that JSON (``jsonb`` has one text for one value), for the same row always the same bytes, whatever
program reads it back. Rows cut off at the *end* leave a whole chain: who wants to notice that too keeps the
last hash elsewhere.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

#: Held to the end of the transaction, so that the row read as the last one is the last one.
CHAIN_LOCK = 0x6E0_A0D1

_ROW_JSON = """convert_to(jsonb_build_array(
    to_char({at} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), {who}, {action}, {subject}, {details}
)::text, 'UTF8')"""

_RECORD = text(
    f"""
    with moment as (select clock_timestamp() as at),
    last as (select coalesce((select chain from audit order by id desc limit 1), ''::bytea) as chain)
    insert into audit (at, who, action, subject, details, chain)
    select at, :who, :action, :subject, :details, sha256(last.chain || {
        _ROW_JSON.format(
            at="at",
            who="cast(:who as text)",
            action="cast(:action as text)",
            subject="cast(:subject as text)",
            details="cast(:details as jsonb)",
        )
    })
    from moment, last
    returning id
    """  # noqa: S608 - nothing but column names and parameters is put in
).bindparams(bindparam("details", type_=JSONB))

_FIRST_BROKEN = text(
    f"""
    with link as (
        select id, chain, sha256(coalesce(lag(chain) over (order by id), ''::bytea) || {
        _ROW_JSON.format(at="at", who="who", action="action", subject="subject", details="details")
    }) as expected
        from audit
    )
    select min(id) from link where chain <> expected
    """  # noqa: S608 - nothing but column names is put in
)


def record(
    connection: Connection, who: str, action: str, subject: str, details: Mapping[str, Any] | None = None
) -> int:
    """Append a row in the caller's transaction, and return its id.

    Parameters
    ----------
    who : str
        Name of the principal, or of the command that ran.
    action : str
        A verb on a noun: ``key.revoke``, ``edition.publish``.
    subject : str
        What it was done to, as a reader finds it again: ``key 7``.
    details : mapping, optional
        What changed, JSON; neither secrets nor data of persons.

    Notes
    -----
    Writers stand in a row from here to the end of their transaction: record late.
    """
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": CHAIN_LOCK})
    values = {"who": who, "action": action, "subject": subject, "details": dict(details or {})}
    number: int = connection.execute(_RECORD, values).scalar_one()
    return number


def verify(connection: Connection) -> int | None:
    """Return the id of the first row that does not follow from the one before it, None when all do."""
    broken: int | None = connection.execute(_FIRST_BROKEN).scalar_one()
    return broken


def last(connection: Connection) -> int:
    """Return the id of the last row, 0 without any: it moves with everything that is written by somebody."""
    number: int = connection.execute(text("select coalesce(max(id), 0) from audit")).scalar_one()
    return number


def count(connection: Connection) -> int:
    """Return how many rows there are."""
    number: int = connection.execute(text("select count(*) from audit")).scalar_one()
    return number
