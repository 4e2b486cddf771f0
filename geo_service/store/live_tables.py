"""The tables of telling others: webhooks, what was sent to each, and which land a caller sees."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from geo_service.store.tables import metadata, moment_column

principal_scope = Table(
    # a caller without a line here sees the whole town
    "principal_scope",
    metadata,
    Column("principal_id", ForeignKey("principal.id"), nullable=False),
    Column("cell_id", ForeignKey("cell.id"), nullable=False),
    PrimaryKeyConstraint("principal_id", "cell_id"),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    # signs what is sent; whoever may change the webhook has seen it once
    Column("secret", Text, nullable=False),
    # topics or beginnings of topics (incident.*); empty: everything
    Column("topics", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("created_by", Text, nullable=False),
    moment_column("created_at", now=True),
    moment_column("stopped_at", nullable=True),
    # one process at a time sends to it; a process that was killed is waited for until then
    moment_column("busy_until", now=True),
    UniqueConstraint("name"),
    CheckConstraint("url ~ '^https?://'", name="url_is_http"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("webhook_id", ForeignKey("webhook.id"), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    moment_column("next_at", now=True),
    moment_column("done_at", nullable=True),
    # what the receiver said last, or why it said nothing
    Column("answer", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("webhook_id", "position"),
    CheckConstraint("state in ('waiting', 'delivered', 'dead')", name="state_is_known"),
    Index("ix_delivery_waiting", "webhook_id", "next_at", postgresql_where=text("state = 'waiting'")),
)
