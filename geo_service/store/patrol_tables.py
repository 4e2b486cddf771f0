"""The tables of patrols: figures by day and cell, which outlast the tracks."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
)

from geo_service.store.tables import metadata, moment_column

patrol_day = Table(
    "patrol_day",
    metadata,
    Column("day", Date, primary_key=True),
    # digest of tracks, streets and cells: the same inputs are not counted again
    Column("fingerprint", LargeBinary, nullable=False),
    Column("edition_id", ForeignKey("edition.id"), nullable=False),
    Column("fixes", Integer, nullable=False),
    Column("matched", Integer, nullable=False),
    moment_column("counted_at", now=True),
    CheckConstraint("matched between 0 and fixes", name="matched_of_fixes"),
)

patrol_cell_day = Table(
    "patrol_cell_day",
    metadata,
    Column("day", ForeignKey("patrol_day.day", ondelete="CASCADE"), nullable=False),
    Column("cell_id", ForeignKey("cell.id"), nullable=False),
    Column("street_m", Double, nullable=False),
    Column("patrolled_m", Double, nullable=False),
    Column("walked_m", Double, nullable=False),
    Column("seconds", BigInteger, nullable=False),
    Column("person_times", Integer, nullable=False),
    PrimaryKeyConstraint("day", "cell_id"),
    Index("ix_patrol_cell_day_cell_id", "cell_id"),
    CheckConstraint("patrolled_m between 0 and street_m + 0.01", name="patrolled_of_streets"),
    CheckConstraint("walked_m >= 0 and seconds >= 0 and person_times >= 0", name="counts"),
)
