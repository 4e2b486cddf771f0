"""The tables of the dispatcher's desk: whose phone is whose, and what the desk has set.

``0008_desk.sql`` also holds a trigger: on an incident at which nobody is at work, nobody stays sent.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from geo_service.store.tables import metadata, moment_column

principal_responder = Table(
    # the key on a worker's phone acts for him; a new phone gets a key of its own
    "principal_responder",
    metadata,
    Column("principal_id", ForeignKey("principal.id"), primary_key=True, autoincrement=False),
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), nullable=False),
    Index("ix_principal_responder_responder_id", "responder_id"),
)

desk_setting = Table(
    # rows are only added
    "desk_setting",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    # what differs from the program's own figures
    Column("given", JSONB, nullable=False),
    Column("who", Text, nullable=False),
    moment_column("at", now=True),
    CheckConstraint("version >= 1", name="version_counts"),
)
