"""The tables of fixed routes: lines that are walked so often in a week, whose turn it is, what was walked."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)

from geo_service.store.tables import geometry_column, metadata, moment_column

patrol_route = Table(
    "patrol_route",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    geometry_column("LINESTRING"),
    Column("days_a_week", SmallInteger, nullable=False),
    # minutes of the local day on which the window opens; it may close after midnight
    Column("from_min", SmallInteger, nullable=False),
    Column("to_min", SmallInteger, nullable=False),
    moment_column("retired_at", nullable=True),
    CheckConstraint("days_a_week between 1 and 7", name="days_of_a_week"),
    CheckConstraint(
        "from_min between 0 and 1439 and to_min > from_min and to_min <= from_min + 1440", name="a_window"
    ),
)

patrol_route_turn = Table(
    "patrol_route_turn",
    metadata,
    Column("monday", ForeignKey("patrol_week.monday", ondelete="CASCADE"), nullable=False),
    Column("route_id", ForeignKey("patrol_route.id"), nullable=False),
    Column("day", Date, nullable=False),
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("route_id", "day"),
    Index("ix_patrol_route_turn_monday", "monday"),
    Index("ix_patrol_route_turn_responder_id", "responder_id"),
    CheckConstraint("day between monday and monday + 6", name="within_its_week"),
)

patrol_route_day = Table(
    # of nobody by name: how much of it was walked by all together
    "patrol_route_day",
    metadata,
    Column("day", ForeignKey("patrol_day.day", ondelete="CASCADE"), nullable=False),
    Column("route_id", ForeignKey("patrol_route.id"), nullable=False),
    Column("length_m", Double, nullable=False),
    Column("walked_m", Double, nullable=False),
    PrimaryKeyConstraint("day", "route_id"),
    Index("ix_patrol_route_day_route_id", "route_id"),
    CheckConstraint("walked_m between 0 and length_m + 0.01", name="walked_of_its_length"),
)
