"""The table of what the street may know of people who work for it."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, Text, text

from geo_service.store.tables import metadata

public_contact = Table(
    # who stands here may be named in public, with this number ("": by name only). The number is one of its
    # own, apart from responder_contact: whoever reads this table can never come upon a private one
    "public_contact",
    metadata,
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), primary_key=True),
    Column("phone", Text, nullable=False, server_default=text("''")),
    CheckConstraint("length(phone) <= 40", name="phone_is_short"),
)
