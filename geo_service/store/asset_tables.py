"""The table of assets: what stands in the town that sees, serves or sells, and how far it reaches."""

from sqlalchemy import CheckConstraint, Column, Double, Identity, Index, Integer, Table, Text

from geo_service.store.tables import geometry_column, metadata

asset = Table(
    "asset",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    # camera, police_room, centre, shop
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    geometry_column("POINT"),
    # as the crow flies
    Column("reach_m", Double, nullable=False),
    CheckConstraint("kind in ('camera', 'police_room', 'centre', 'shop')", name="kind_is_known"),
    CheckConstraint("reach_m > 0 and reach_m <= 20000", name="reach_is_near"),
    Index("ix_asset_kind", "kind"),
)
