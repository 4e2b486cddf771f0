"""The tables of escalation: cards and whistles with their append-only lines, rules; causes of breaches."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from geo_service.store.tables import metadata, moment_column

escalation_rules = Table(
    # rows are only added
    "escalation_rules",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    # what differs from the program's own rules
    Column("given", JSONB, nullable=False),
    Column("who", Text, nullable=False),
    moment_column("at", now=True),
    CheckConstraint("version >= 1", name="version_counts"),
)

escalation = Table(
    "escalation",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    # a card of a clock, or a whistle blown by hand
    Column("kind", Text, nullable=False),
    Column("phase", Text),
    Column("colour", Text),
    # how often the incident had been reopened: then its clocks run anew
    Column("round", SmallInteger, nullable=False, server_default="0"),
    moment_column("issued_at"),
    Column("issued_by", Text, nullable=False),
    Column("words", Text, nullable=False, server_default=""),
    # when the clock ran out, or runs out
    moment_column("due_at", nullable=True),
    Column("stage", Text, nullable=False),
    # the ladder as it was then, and the rung called last; -1: nobody on it could be called
    Column("rungs", JSONB, nullable=False),
    Column("request_s", Integer, nullable=False),
    Column("rung", SmallInteger, nullable=False),
    # whose holders were called last
    Column("cell_id", ForeignKey("cell.id")),
    # when the next rung is called
    moment_column("climbs_at", nullable=True),
    Column("request_key", Text),
    # each card once, whatever runs at once
    UniqueConstraint("incident_id", "phase", "colour", "round"),
    UniqueConstraint("incident_id", "request_key"),
    CheckConstraint("kind in ('card', 'whistle')", name="kind_is_known"),
    CheckConstraint(
        "(kind = 'card') = (phase is not null and colour is not null)", name="card_has_phase_and_colour"
    ),
    CheckConstraint("phase in ('arrive', 'handle', 'close')", name="phase_is_known"),
    CheckConstraint("colour in ('yellow', 'red')", name="colour_is_known"),
    CheckConstraint(
        "stage in ('called', 'acknowledged', 'arrived', 'answered', 'lifted')", name="stage_is_known"
    ),
    CheckConstraint("stage not in ('answered', 'lifted') or climbs_at is null", name="over_is_over"),
    Index("ix_escalation_climbs_at", "climbs_at", postgresql_where=text("climbs_at is not null")),
    Index("ix_escalation_open", "id", postgresql_where=text("stage not in ('answered', 'lifted')")),
)

escalation_line = Table(
    # append-only: what became of an escalation
    "escalation_line",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("escalation_id", ForeignKey("escalation.id"), nullable=False),
    moment_column("at"),
    moment_column("recorded_at", now=True),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("rung", SmallInteger),
    Column("cell_id", ForeignKey("cell.id")),
    # who was called, or who reported in: responder, name, role, on_duty
    Column("people", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("words", Text, nullable=False, server_default=""),
    Column("request_key", Text),
    UniqueConstraint("escalation_id", "request_key"),
    CheckConstraint(
        "what in ('issue', 'call', 'acknowledge', 'arrive', 'answer', 'lift')", name="what_is_known"
    ),
    # each rung is called once
    Index(
        "ux_escalation_line_escalation_id_rung",
        "escalation_id",
        "rung",
        unique=True,
        postgresql_where=text("what = 'call'"),
    ),
)

breach = Table(
    # why the arrival was late, worked out from positions and roads; can be worked out again at any time
    "breach",
    metadata,
    Column("incident_id", ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True),
    # of the incident, and the number of the road network, when it was worked out
    Column("revision", Integer, nullable=False),
    Column("network_id", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("numbers", JSONB, nullable=False),
    moment_column("found_at", now=True),
)
