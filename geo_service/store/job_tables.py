"""The tables of jobs: work that outlasts a request, and answers that are given again to the same request."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from geo_service.store.tables import metadata, moment_column

job = Table(
    "job",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    # what it is done to, such as "plan 3": of two unfinished jobs there are never the same
    Column("subject", Text),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("arguments", JSONB, nullable=False),
    # an uploaded file, until the job has ended; then for some days the file that it made, if it makes one
    Column("content", LargeBinary),
    Column("who", Text, nullable=False),
    # counts the beginnings; who began it before the last time may no longer end it
    Column("attempts", Integer, nullable=False, server_default="0"),
    # of these, how many ended with the process
    Column("interruptions", Integer, nullable=False, server_default="0"),
    Column("cancel_wanted", Boolean, nullable=False, server_default="false"),
    Column("phase", Text),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("total", Integer, nullable=False, server_default="0"),
    Column("result", JSONB),
    Column("problem", JSONB),
    moment_column("created_at", now=True),
    moment_column("started_at", nullable=True),
    moment_column("ended_at", nullable=True),
    CheckConstraint("state in ('queued', 'running', 'done', 'failed', 'cancelled')", name="state_is_known"),
    CheckConstraint("(state = 'done') = (result is not null)", name="done_has_result"),
    CheckConstraint("(state = 'failed') = (problem is not null)", name="failed_has_problem"),
    CheckConstraint("(state in ('queued', 'running')) = (ended_at is null)", name="ended_has_moment"),
    CheckConstraint("done between 0 and total", name="done_is_part_of_total"),
    Index(
        "uq_job_one_at_a_time",
        "subject",
        unique=True,
        postgresql_where=text("state in ('queued', 'running')"),
    ),
)

kept_answer = Table(
    "kept_answer",
    metadata,
    # who asked, and the Idempotency-Key that he gave
    Column("principal", Text, nullable=False),
    Column("key", Text, nullable=False),
    # digest of the request: the same key with another request is refused
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    moment_column("at", now=True),
    PrimaryKeyConstraint("principal", "key"),
    Index("ix_kept_answer_at", "at"),
)
