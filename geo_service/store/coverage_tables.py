"""The tables of coverage beyond single runs: readings with their inputs, and paces of the streets."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from geo_service.store.tables import metadata, moment_column

coverage_reading = Table(
    "coverage_reading",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    # of a moment, or of the 168 hours of a week
    Column("kind", Text, nullable=False),
    # null: of a plan that is not published
    Column("edition_id", ForeignKey("edition.id")),
    # digest of every input: equal inputs give equal bytes, so a reading is worked out once
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("asked", JSONB, nullable=False),
    # what it was worked out from, each with its digest: so an old one can be explained
    Column("inputs", JSONB, nullable=False),
    Column("summary", JSONB, nullable=False),
    # the columns of the leaves, see store/coverage_readings.py
    Column("body", LargeBinary, nullable=False),
    moment_column("computed_at", now=True),
    CheckConstraint("kind in ('moment', 'week')", name="kind_is_known"),
    Index("ix_coverage_reading_computed_at", "computed_at"),
)

pace = Table(
    # which share of its free speed a mode makes, by class of street and hour; rows are only added
    "pace",
    metadata,
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("given", JSONB, nullable=False),
    # how it came about: from which arrivals, with what bias and spread before and after
    Column("origin", JSONB, nullable=False),
    Column("who", Text, nullable=False),
    moment_column("at", now=True),
    PrimaryKeyConstraint("name", "version"),
    CheckConstraint("name ~ '^[a-z0-9][a-z0-9_-]{0,39}$'", name="name_is_a_word"),
    CheckConstraint("version >= 1", name="version_counts"),
)
