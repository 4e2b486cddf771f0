"""The table of siting: what was asked, from what it is answered, and the best answer so far."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from geo_service.store.tables import metadata, moment_column

siting_run = Table(
    "siting_run",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("edition_id", ForeignKey("edition.id"), nullable=False),
    Column("question", JSONB, nullable=False),
    # digest of the question, the streets, the demand and the sites that stand
    Column("fingerprint", LargeBinary),
    Column("who", Text, nullable=False),
    # the best so far; a job that goes on writes it anew whenever it is better
    Column("answer", JSONB),
    Column("is_proved", Boolean, nullable=False, server_default="false"),
    moment_column("asked_at", now=True),
    moment_column("answered_at", nullable=True),
    # null while it goes on
    moment_column("ended_at", nullable=True),
    CheckConstraint("(answer is null) = (answered_at is null)", name="answer_has_moment"),
    CheckConstraint("(answer is null) = (fingerprint is null)", name="answer_has_inputs"),
    CheckConstraint("not is_proved or answer is not null", name="proof_of_answer"),
    Index("ix_siting_run_fingerprint", "fingerprint"),
)
