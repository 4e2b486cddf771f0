"""The tables of plans: drafts of a redraw, what they must respect, what was accepted, what came of it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB

from geo_service.store.tables import geometry_column, metadata, moment_column

plan = Table(
    "plan",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False, server_default="open"),
    Column("base_edition_id", ForeignKey("edition.id"), nullable=False),
    # counts everything that happens to the plan: changes, undo, redo, rebase
    Column("revision", Integer, nullable=False, server_default="0"),
    # who last saw an older revision has not seen the edition that the plan starts from now
    Column("rebased_revision", Integer, nullable=False, server_default="0"),
    Column("created_by", Text, nullable=False),
    moment_column("created_at", now=True),
    Column("published_edition_id", ForeignKey("edition.id")),
    CheckConstraint("status in ('open', 'published', 'dropped')", name="status_is_known"),
    CheckConstraint(
        "(status = 'published') = (published_edition_id is not null)", name="published_has_edition"
    ),
    CheckConstraint("length(name) between 1 and 200", name="name_has_a_length"),
)

plan_change = Table(
    "plan_change",
    metadata,
    Column("plan_id", ForeignKey("plan.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("verb", Text, nullable=False),
    Column("arguments", JSONB, nullable=False),
    # edges and records before and after: what undoes it and repeats it on another base
    Column("patch", JSONB, nullable=False),
    Column("cells", JSONB, nullable=False),
    # undone: redo brings it back; dropped: another change was made after it was undone
    Column("state", Text, nullable=False, server_default="applied"),
    # the plan's revision when this came into effect or was undone, whichever was last
    Column("revision", Integer, nullable=False),
    Column("who", Text, nullable=False),
    moment_column("at", now=True),
    PrimaryKeyConstraint("plan_id", "number"),
    CheckConstraint("state in ('applied', 'undone', 'dropped')", name="state_is_known"),
)

plan_code = Table(
    "plan_code",
    metadata,
    # codes given to cells in plans: two plans never give out the same
    Column("level", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("plan_id", ForeignKey("plan.id"), nullable=False),
    PrimaryKeyConstraint("level", "code"),
)

plan_comment = Table(
    "plan_comment",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("plan_id", ForeignKey("plan.id"), nullable=False),
    Column("who", Text, nullable=False),
    moment_column("at", now=True),
    Column("body", Text, nullable=False),
    geometry_column("POINT", nullable=True),
    CheckConstraint("length(body) between 1 and 2000", name="body_has_a_length"),
    Index("ix_plan_comment_plan_id", "plan_id"),
)

waiver = Table(
    "waiver",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("plan_id", ForeignKey("plan.id"), nullable=False),
    Column("rule", Text, nullable=False),
    Column("cells", JSONB, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("until", Date),
    moment_column("at", now=True),
    CheckConstraint("length(why) between 1 and 1000", name="why_has_a_length"),
    Index("ix_waiver_plan_id", "plan_id"),
)

lineage = Table(
    "lineage",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("edition_id", ForeignKey("edition.id"), nullable=False),
    # who had it before and who has it now; null: nobody
    Column("from_cell_id", ForeignKey("cell.id")),
    Column("to_cell_id", ForeignKey("cell.id")),
    Column("kind", Text, nullable=False),
    # of what the old cell had, how much went to the new one; those of one cell add up to 1
    Column("share_land", Double),
    Column("share_households", Double),
    Column("share_incidents", Double),
    Column("land_m2", Double),
    UniqueConstraint("edition_id", "from_cell_id", "to_cell_id"),
    CheckConstraint(
        "kind in ('split', 'merge', 'recode', 'transfer', 'given_away', 'adopted', 'kept')",
        name="kind_is_known",
    ),
    CheckConstraint("share_land between 0 and 1", name="land_is_a_share"),
    CheckConstraint(
        "(from_cell_id is null) = (kind = 'adopted') and (to_cell_id is null) = (kind = 'given_away')"
        " and (share_land is null) = (kind = 'adopted')",
        name="nobody_fits_kind",
    ),
    Index("ix_lineage_from_cell_id", "from_cell_id"),
    Index("ix_lineage_to_cell_id", "to_cell_id"),
)

barrier = Table(
    "barrier",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    # the import or generator it came from: a new import of the same source replaces its barriers
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    geometry_column("LINESTRING"),
    Index("ix_barrier_source", "source"),
)

crossing = Table(
    "crossing",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    geometry_column("POINT"),
    Index("ix_crossing_source", "source"),
)

gap = Table(
    "gap",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("opened_edition_id", ForeignKey("edition.id"), nullable=False),
    # the edition whose border of the gap this is
    Column("seen_edition_id", ForeignKey("edition.id"), nullable=False),
    Column("closed_edition_id", ForeignKey("edition.id")),
    geometry_column("POLYGON"),
    Column("area_m2", Double, nullable=False),
    Column("length_m", Double, nullable=False),
    Column("width_m", Double, nullable=False),
    # [[level, code, metres of common border], ...], the longest first
    Column("neighbours", JSONB, nullable=False),
    # of a closed one: [[level, code, square metres], ..., {"gap": id, "area_m2": ...}, ...]
    Column("taken_by", JSONB),
    # who answers for it until it is closed; without one the first neighbour
    Column("fallback_level", Text),
    Column("fallback_code", Text),
    CheckConstraint("(fallback_level is null) = (fallback_code is null)", name="fallback_is_whole"),
    Index("ix_gap_closed_edition_id", "closed_edition_id"),
)
