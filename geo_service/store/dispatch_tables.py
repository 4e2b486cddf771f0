"""The tables of dispatching: the lives of incidents, standards, positions of those on duty, who is sent."""

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZMULTIRANGE

from geo_service.store.tables import metadata, moment_column

#: Statuses in which an incident waits for nobody; see :data:`geo_service.staffing.life.ENDED`.
_ENDED = "('closed', 'returned', 'transferred', 'void')"
_STATUSES = (
    "('reported', 'accepted', 'dispatched', 'arrived', 'handled', 'closed',"
    " 'suspended', 'returned', 'transferred', 'void')"
)


def _words(name: str) -> Column[object]:
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'::text[]"))


category = Table(
    "category",
    metadata,
    Column("code", Text, primary_key=True),
    Column("parent_code", ForeignKey("category.code")),
    # 部件 things of the town, 事件 what happens in it
    Column("kind", Text, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("urgency", Text, nullable=False, server_default="normal"),
    # what who goes there must be able to do
    _words("capabilities"),
    moment_column("retired_at", nullable=True),
    CheckConstraint("kind in ('component', 'event')", name="kind_is_known"),
    CheckConstraint("urgency in ('low', 'normal', 'urgent', 'critical')", name="urgency_is_known"),
    CheckConstraint("code ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'", name="code_is_a_word"),
)

response_standard = Table(
    "response_standard",
    metadata,
    Column("code", Text, primary_key=True),
    # of equally specific ones the last holds
    Column("position", Integer, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("arrive_s", Integer, nullable=False),
    Column("handle_s", Integer, nullable=False),
    Column("close_s", Integer, nullable=False),
    Column("arrive_from", Text, nullable=False, server_default="reported"),
    Column("handle_from", Text, nullable=False, server_default="reported"),
    Column("close_from", Text, nullable=False, server_default="reported"),
    _words("pausable"),
    _words("categories"),
    _words("urgencies"),
    _words("cells"),
    CheckConstraint("least(arrive_s, handle_s, close_s) > 0", name="limits_are_positive"),
)

incident_life = Table(
    # what was imported as history only has none: nobody waits for it
    "incident_life",
    metadata,
    Column("incident_id", ForeignKey("incident.id", ondelete="CASCADE"), primary_key=True),
    Column("status", Text, nullable=False),
    Column("suspended_from", Text),
    # counts moves and corrections
    Column("revision", Integer, nullable=False, server_default="0"),
    moment_column("reported_at"),
    moment_column("accepted_at", nullable=True),
    moment_column("dispatched_at", nullable=True),
    moment_column("arrived_at", nullable=True),
    moment_column("handled_at", nullable=True),
    moment_column("closed_at", nullable=True),
    # when whoever reported it was told the outcome
    moment_column("replied_at", nullable=True),
    moment_column("last_at", nullable=True),
    Column("pauses", TSTZMULTIRANGE, nullable=False, server_default=text("'{}'::tstzmultirange")),
    # the standard as it was when its clocks were set
    Column("standard", JSONB, nullable=False),
    # null: waits, is paused, or is over
    moment_column("arrive_due_at", nullable=True),
    moment_column("handle_due_at", nullable=True),
    moment_column("close_due_at", nullable=True),
    moment_column("next_due_at", nullable=True),
    # when the watcher has to look at its clocks and cards next; null: nothing can become due by itself
    Column("watch_at", DateTime(timezone=True), server_default=text("'epoch'")),
    Column("duplicate_of", ForeignKey("incident.id")),
    CheckConstraint(f"status in {_STATUSES}", name="status_is_known"),
    CheckConstraint("(status = 'suspended') = (suspended_from is not null)", name="suspended_from_somewhere"),
    CheckConstraint("(status = 'closed') = (closed_at is not null)", name="closed_has_a_moment"),
    CheckConstraint("duplicate_of <> incident_id", name="no_duplicate_of_itself"),
    Index("ix_incident_life_open", "next_due_at", postgresql_where=text(f"status not in {_ENDED}")),
    Index("ix_incident_life_reported_at", "reported_at"),
    Index("ix_incident_life_watch_at", "watch_at", postgresql_where=text("watch_at is not null")),
)

incident_log = Table(
    # append-only: a correction is a new line
    "incident_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    # when it happened, and when we were told
    moment_column("at"),
    moment_column("recorded_at", now=True),
    Column("who", Text, nullable=False),
    Column("move", Text, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text),
    Column("reason", Text, nullable=False, server_default=""),
    Column("details", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    # a phone on a bad line sends the same move again with the same key
    Column("request_key", Text),
    UniqueConstraint("incident_id", "request_key"),
)

dispatch = Table(
    "dispatch",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    Column("responder_id", ForeignKey("responder.id"), nullable=False),
    # the one whose arrival counts; others help him
    Column("lead", Boolean, nullable=False, server_default=text("true")),
    moment_column("sent_at"),
    Column("sent_by", Text, nullable=False),
    # what the graph said when he was sent: the travel time, and from where
    Column("travel_s", REAL),
    Column("mode", Text),
    Column("from_lon", Double),
    Column("from_lat", Double),
    moment_column("accepted_at", nullable=True),
    moment_column("arrived_at", nullable=True),
    moment_column("ended_at", nullable=True),
    Column("outcome", Text),
    Column("reason", Text, nullable=False, server_default=""),
    CheckConstraint("outcome in ('done', 'declined', 'cancelled', 'handed_over')", name="outcome_is_known"),
    CheckConstraint("(ended_at is null) = (outcome is null)", name="ended_has_an_outcome"),
    # nobody is in two places; an incident has one in the lead
    Index(
        "ux_dispatch_responder_id_open",
        "responder_id",
        unique=True,
        postgresql_where=text("ended_at is null"),
    ),
    Index(
        "ux_dispatch_incident_id_lead",
        "incident_id",
        unique=True,
        postgresql_where=text("lead and ended_at is null"),
    ),
    Index("ix_dispatch_incident_id", "incident_id"),
)

position_fix = Table(
    # tracks of those on duty, by day; whole days are dropped when they are old
    "position_fix",
    metadata,
    Column("responder_id", Integer, nullable=False),
    moment_column("at"),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
    Column("accuracy_m", REAL),
    PrimaryKeyConstraint("responder_id", "at"),
    CheckConstraint("lon between -180 and 180 and lat between -90 and 90", name="on_earth"),
    postgresql_partition_by="RANGE (at)",
)

position_latest = Table(
    "position_latest",
    metadata,
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), primary_key=True),
    moment_column("at"),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
    Column("accuracy_m", REAL),
    # who follows the positions asks for those received since it last looked
    moment_column("received_at", now=True),
    CheckConstraint("lon between -180 and 180 and lat between -90 and 90", name="on_earth"),
    Index("ix_position_latest_received_at", "received_at"),
)
