"""Tables of the rule by which duplicates are merged."""

from sqlalchemy import CheckConstraint, Column, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from geo_service.store.tables import metadata, moment_column

duplicate_rule = Table(
    # rows are only added
    "duplicate_rule",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    # what differs from the program's own rule
    Column("given", JSONB, nullable=False),
    Column("who", Text, nullable=False),
    moment_column("at", now=True),
    CheckConstraint("version >= 1", name="version_counts"),
)
