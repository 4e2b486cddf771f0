"""Jobs: work that outlasts a request, taken up by one process at a time, ended exactly once.

Who works on a job holds a lock of his database session. When the process dies, the session and the lock go
with it, and whoever finds an unfinished job without a lock takes it up. He counts ``attempts`` up: what the
one before him may still have under way can no longer end the job, and with it none of its effect commits.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    LargeBinary,
    case,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql import bindparam

from geo_service.errors import ConflictError, NotFoundError
from geo_service.store.job_tables import job

#: First half of the advisory lock of a job; the second is its id.
_LOCK = 0x6E0_0B

_UNFINISHED = ("queued", "running")


class JobTakenError(ConflictError):
    """The job is no longer that of who worked on it: somebody cancelled it, or it was taken over."""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it is kept.

    Attributes
    ----------
    is_held : bool
        Whether a process works on it; a job that is running and not held waits to be taken up again.
    """

    id: int
    kind: str
    subject: str | None
    state: str
    arguments: Mapping[str, Any]
    who: str
    attempts: int
    interruptions: int
    cancel_wanted: bool
    phase: str | None
    done: int
    total: int
    result: Mapping[str, Any] | None
    problem: Mapping[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    is_held: bool


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that a job made."""

    name: str
    media_type: str
    content: bytes


_IS_HELD = literal_column(
    f"""exists (
        select from pg_locks where locktype = 'advisory' and granted and objsubid = 2 and classid = {_LOCK}
            and objid = job.id
            and database = (select oid from pg_database where datname = current_database())
    )""",  # noqa: S608 - our own number
    Boolean,
)
_JOB: tuple[Column[Any], ...] = tuple(job.c[name] for name in JobRow.__slots__ if name != "is_held")


def _rows() -> Any:
    return select(*_JOB, _IS_HELD)


def add(
    connection: Connection,
    *,
    kind: str,
    subject: str | None,
    arguments: Mapping[str, Any],
    content: bytes | None,
    who: str,
) -> int:
    """Queue a job and return its id; it exists if and only if this transaction commits.

    Raises
    ------
    ConflictError
        There is an unfinished job for the same subject.
    """
    values = {"kind": kind, "subject": subject, "arguments": dict(arguments), "content": content, "who": who}
    queue = insert(job).values(**values).on_conflict_do_nothing().returning(job.c.id)  # two may ask at once
    number: int | None = connection.execute(queue).scalar_one_or_none()
    if number is None:
        found = unfinished(connection, subject or "")
        where = f"job {found} is at it already: /v1/jobs/{found}" if found else "a job for it has just ended"
        raise ConflictError(f"{where}; nothing was queued, look at what it does")
    return number


def unfinished(connection: Connection, subject: str) -> int | None:
    """Return the id of the unfinished job for a subject."""
    rows = select(job.c.id).where(job.c.subject == subject, job.c.state.in_(_UNFINISHED))
    number: int | None = connection.execute(rows).scalar_one_or_none()
    return number


def get(connection: Connection, job_id: int) -> JobRow:
    """Return a job.

    Raises
    ------
    NotFoundError
        There is no such job.
    """
    found = connection.execute(_rows().where(job.c.id == job_id)).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no job {job_id}")
    return JobRow(*found)


def every(
    connection: Connection, *, before: int = 0, limit: int = 100, subject: str | None = None
) -> list[JobRow]:
    """Return jobs, the newest first; ``before``: only those with a smaller number than this."""
    rows = _rows().order_by(job.c.id.desc()).limit(limit)
    if before:
        rows = rows.where(job.c.id < before)
    if subject is not None:
        rows = rows.where(job.c.subject == subject)
    return [JobRow(*row) for row in connection.execute(rows)]


def content(connection: Connection, job_id: int) -> bytes:
    """Return the file that came with a job, empty without one."""
    found: bytes | None = connection.execute(select(job.c.content).where(job.c.id == job_id)).scalar_one()
    return found or b""


# ------------------------------------------------------------------------------------- working on jobs


def waiting(connection: Connection, *, kinds: Collection[str] | None = None) -> list[int]:
    """Return the unfinished jobs on which nobody works, of all kinds or of some, the oldest first."""
    rows = select(job.c.id).where(job.c.state.in_(_UNFINISHED), ~_IS_HELD).order_by(job.c.id)
    if kinds is not None:
        rows = rows.where(job.c.kind.in_(sorted(kinds)))
    return list(connection.execute(rows).scalars())


def take_up(connection: Connection, job_id: int) -> JobRow | None:
    """Hold a job for this session and begin it, or return None when another has it or it has ended.

    The connection must commit each statement by itself, and be kept until :func:`let_go`.
    """
    if not connection.execute(select(func.pg_try_advisory_lock(_LOCK, job_id))).scalar_one():
        return None
    began = (
        update(job)
        .values(
            state="running",
            attempts=job.c.attempts + 1,
            interruptions=job.c.interruptions + case((job.c.state == "running", 1), else_=0),
            started_at=func.coalesce(job.c.started_at, func.clock_timestamp()),
            phase=None,
            done=0,
            total=0,
        )
        .where(job.c.id == job_id, job.c.state.in_(_UNFINISHED))
    )
    if connection.execute(began).rowcount:
        return get(connection, job_id)
    let_go(connection, job_id)
    return None


def let_go(connection: Connection, job_id: int) -> None:
    """Give up what :func:`take_up` holds."""
    connection.execute(select(func.pg_advisory_unlock(_LOCK, job_id)))


def step(connection: Connection, job_id: int, attempt: int, *, phase: str, done: int, total: int) -> None:
    """Say how far a job is.

    Raises
    ------
    JobTakenError
        The job was cancelled or taken over; the work is to end here.
    """
    told = (
        update(job)
        .values(phase=phase, done=done, total=total)
        .where(job.c.id == job_id, job.c.attempts == attempt, job.c.state == "running")
    )
    wanted = connection.execute(told.returning(job.c.cancel_wanted)).scalar_one_or_none()
    if wanted is not False:
        raise JobTakenError(f"job {job_id} was cancelled or taken over by another process")


def finish(
    connection: Connection,
    job_id: int,
    attempt: int,
    result: Mapping[str, Any],
    *,
    made: MadeFile | None = None,
) -> None:
    """End a job well, in the transaction of its effect: both are there, or neither.

    With a file that it made the result names it (``name``, ``media_type``).

    Raises
    ------
    JobTakenError
        The job was cancelled or taken over; the effect must not commit.
    """
    named = {"name": made.name, "media_type": made.media_type} if made else {}
    content = made.content if made else None
    if not _end(connection, job_id, attempt, "done", result={**result, **named}, content=content):
        raise JobTakenError(f"job {job_id} was cancelled or taken over by another process")


def file(connection: Connection, job_id: int) -> MadeFile | None:
    """Return the file that a job made; None where it made none, has not ended, or ended too long ago."""
    rows = select(job.c.result, job.c.content).where(job.c.id == job_id, job.c.state == "done")
    found = connection.execute(rows).one_or_none()
    if found is None or found.content is None:
        return None
    return MadeFile(found.result["name"], found.result["media_type"], found.content)


def fail(connection: Connection, job_id: int, attempt: int, problem: Mapping[str, Any]) -> None:
    """End a job that could not be done; without effect where it was taken over."""
    _end(connection, job_id, attempt, "failed", problem=problem)


def end_cancelled(connection: Connection, job_id: int, attempt: int) -> None:
    """End a job that somebody cancelled; without effect where it was taken over."""
    _end(connection, job_id, attempt, "cancelled")


def put_back(connection: Connection, job_id: int, attempt: int) -> None:
    """Queue a job again that could not be done now."""
    again = update(job).values(state="queued")
    connection.execute(again.where(job.c.id == job_id, job.c.attempts == attempt, job.c.state == "running"))


_END = text("""
    update job set state = :state, ended_at = clock_timestamp(), content = :content, result = :result,
        problem = :problem
    where id = :id and attempts = :attempt and state = 'running'
        and (:state <> 'done' or not cancel_wanted)
""").bindparams(
    bindparam("content", type_=LargeBinary),
    bindparam("result", type_=JSONB(none_as_null=True)),
    bindparam("problem", type_=JSONB(none_as_null=True)),
)


def _end(
    connection: Connection,
    job_id: int,
    attempt: int,
    state: str,
    *,
    result: Mapping[str, Any] | None = None,
    problem: Mapping[str, Any] | None = None,
    content: bytes | None = None,
) -> bool:
    told = {"state": state, "result": result, "problem": problem, "content": content}
    values = {"id": job_id, "attempt": attempt, **told}
    return bool(connection.execute(_END, values).rowcount)


def cancel(connection: Connection, job_id: int) -> None:
    """Cancel a job: one that waits at once, one that runs when it next says how far it is.

    Raises
    ------
    NotFoundError, ConflictError
        There is no such job; it has ended.
    """
    row = get(connection, job_id)
    at_once = update(job).values(state="cancelled", ended_at=func.clock_timestamp(), content=None)
    at_once = at_once.where(job.c.id == job_id, job.c.state == "queued")
    soon = update(job).values(cancel_wanted=True).where(job.c.id == job_id, job.c.state == "running")
    if not connection.execute(at_once).rowcount and not connection.execute(soon).rowcount:
        raise ConflictError(f"job {job_id} has ended: it is {get(connection, row.id).state}")


def drop_before(connection: Connection, age_s: int) -> int:
    """Delete jobs that ended longer ago than ``age_s`` seconds; returns how many."""
    limit = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, age_s)
    return connection.execute(delete(job).where(job.c.ended_at < limit)).rowcount


def drop_files_before(connection: Connection, age_s: int) -> int:
    """Forget the files of jobs that ended longer ago than ``age_s`` seconds; returns how many."""
    limit = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, age_s)
    old = update(job).values(content=None).where(job.c.ended_at < limit, job.c.content.is_not(None))
    return connection.execute(old).rowcount
