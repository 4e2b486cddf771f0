"""The tables of what a planner's office sets itself (rules, code schemes, declared exclaves); sign boards."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    Double,
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

from geo_service.store.tables import geometry_column, metadata, moment_column

office_setting = Table(
    # rows are only added: what was found under an earlier version can still be explained
    "office_setting",
    metadata,
    Column("subject", Text, nullable=False),
    Column("version", Integer, nullable=False),
    # what was written, and what it came to with the program's defaults of that day
    Column("given", JSONB, nullable=False),
    Column("in_force", JSONB, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    moment_column("at", now=True),
    PrimaryKeyConstraint("subject", "version"),
    CheckConstraint("subject in ('rules', 'code_schemes')", name="subject_is_known"),
    CheckConstraint("version >= 1", name="version_counts"),
    CheckConstraint("length(why) between 1 and 1000", name="why_has_a_length"),
)

declared_exclave = Table(
    "declared_exclave",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    # declared in a plan: it holds there, and everywhere once the plan is published
    Column("plan_id", ForeignKey("plan.id")),
    # not cell.id: a plan's new cells have none yet
    Column("level", Text, nullable=False),
    Column("code", Text, nullable=False),
    # a place deep inside the piece: the piece round it is meant, however its border is redrawn
    geometry_column("POINT"),
    Column("area_m2", Double, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("until", Date, nullable=False),
    moment_column("at", now=True),
    Column("withdrawn_by", Text),
    moment_column("withdrawn_at", nullable=True),
    CheckConstraint("length(why) between 1 and 1000", name="why_has_a_length"),
    CheckConstraint("area_m2 > 0", name="is_land"),
    CheckConstraint("(withdrawn_by is null) = (withdrawn_at is null)", name="withdrawn_is_whole"),
    Index("ix_declared_exclave_level_code", "level", "code"),
)

sign_board = Table(
    "sign_board",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("cell_id", ForeignKey("cell.id"), nullable=False),
    Column("kind", Text, nullable=False, server_default=""),
    geometry_column("POINT", nullable=True),
    Column("printed_name", Text, nullable=False),
    # names as they hang in public, never a number; "" where none was printed
    Column("printed_owner", Text, nullable=False, server_default=""),
    Column("printed_role", Text, nullable=False, server_default=""),
    Column("printed_on", Date),
    Column("edition_id", ForeignKey("edition.id"), nullable=False),
    # the cell as it was printed: what was true then is compared with what is true now
    geometry_column("MULTIPOLYGON", name="outline"),
    # digest of its words (people, public numbers, duties) where it was printed from here; null: not known
    Column("printed_mark", LargeBinary),
    CheckConstraint("length(code) between 1 and 64", name="code_has_a_length"),
    Index("ix_sign_board_cell_id", "cell_id"),
)
