"""The tables of intake: premises, photos, the sources of signed reports, and settings that are data."""

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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint

from geo_service.store.tables import demand_point, geometry_column, metadata, moment_column

premises = Table(
    # a campus, a factory, a compound: a unit answers for what happens on its own ground
    "premises",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default=""),
    # the unit, never a person
    Column("responsible_unit", Text, nullable=False),
    geometry_column("MULTIPOLYGON"),
    Column("attributes", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    moment_column("recorded_at", now=True),
    # one ground of a code at a time: what was before is kept
    Column("valid_during", TSTZRANGE, nullable=False, server_default=text("tstzrange(null, null)")),
    ExcludeConstraint(("code", "="), ("valid_during", "&&"), name="ex_premises_one_at_a_time", using="gist"),
    CheckConstraint("not isempty(valid_during)", name="valid_for_a_while"),
    CheckConstraint("length(code) between 1 and 64", name="code_has_a_length"),
    CheckConstraint("not extensions.st_isempty(geom)", name="shape_not_empty"),
    Index("ix_premises_geom", "geom", postgresql_using="gist"),
)

incident_photo = Table(
    # the bytes lie in a folder under their hash
    "incident_photo",
    metadata,
    Column("incident_id", ForeignKey("incident.id", ondelete="CASCADE"), nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("who", Text, nullable=False),
    moment_column("at", now=True),
    PrimaryKeyConstraint("incident_id", "sha256"),
    CheckConstraint("media_type in ('image/jpeg', 'image/png', 'image/webp')", name="type_is_known"),
    CheckConstraint("length(sha256) = 32 and size_bytes > 0", name="is_whole"),
)

webhook_source = Table(
    # who sends signed reports; the secret must be known here too, for signatures are made anew to compare
    "webhook_source",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("channel", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("created_by", Text, nullable=False),
    moment_column("created_at", now=True),
    moment_column("revoked_at", nullable=True),
    CheckConstraint("channel in ('call', 'hotline', 'worker', 'sensor', 'web')", name="channel_is_known"),
    CheckConstraint("length(name) between 1 and 100", name="name_has_a_length"),
    CheckConstraint("length(secret) >= 24", name="secret_is_long"),
)

setting = Table(
    # rows are only added: what was reckoned under an earlier version can still be explained
    "setting",
    metadata,
    Column("subject", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("value", JSONB, nullable=False),
    Column("who", Text, nullable=False),
    moment_column("at", now=True),
    PrimaryKeyConstraint("subject", "version"),
    CheckConstraint("version >= 1", name="version_counts"),
)

#: A part of an address is found by its pairs of characters: that works for Chinese, which has no blanks.
Index("ix_demand_point_address_pairs", func.address_pairs(demand_point.c.address), postgresql_using="gin")
