"""The tables of rounds: what is to be visited, the lists of a week, visits made, hours of a day."""

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from geo_service.store.tables import metadata, moment_column


def _words(name: str) -> Column[object]:
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'::text[]"))


patrol_place = Table(
    # a shop, a works, a school: what stands there, never who lives there
    "patrol_place",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
    # its QR sign is signed with this; a new one makes the old sign void
    Column("seal", LargeBinary, nullable=False),
    moment_column("sealed_at", now=True),
    moment_column("retired_at", nullable=True),
    CheckConstraint("lon between -180 and 180 and lat between -90 and 90", name="on_the_globe"),
    CheckConstraint("length(seal) = 16", name="seal_is_whole"),
)

patrol_wish = Table(
    # that a department wants a place visited, and how often
    "patrol_wish",
    metadata,
    Column("place_id", ForeignKey("patrol_place.id", ondelete="CASCADE"), nullable=False),
    Column("department", Text, nullable=False),
    Column("grade", Text, nullable=False),
    Column("visit_s", Integer, nullable=False),
    # when it was last seen to before visits were kept here
    Column("last", Date),
    # why it is not visited, and until which day; empty: it is
    Column("exempt", Text, nullable=False, server_default=""),
    Column("exempt_until", Date),
    PrimaryKeyConstraint("place_id", "department"),
    CheckConstraint("visit_s between 0 and 28800", name="visit_within_a_day"),
    CheckConstraint("exempt <> '' or exempt_until is null", name="term_of_an_exemption"),
)

patrol_campaign = Table(
    # a drive of one department over a span of days
    "patrol_campaign",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("department", Text, nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    CheckConstraint("last >= first", name="ends_after_it_begins"),
)

patrol_campaign_place = Table(
    "patrol_campaign_place",
    metadata,
    Column("campaign_id", ForeignKey("patrol_campaign.id", ondelete="CASCADE"), nullable=False),
    Column("place_id", ForeignKey("patrol_place.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("campaign_id", "place_id"),
    Index("ix_patrol_campaign_place_place_id", "place_id"),
)

patrol_week = Table(
    "patrol_week",
    metadata,
    Column("monday", Date, primary_key=True),
    Column("edition_id", ForeignKey("edition.id"), nullable=False),
    Column("who", Text, nullable=False),
    moment_column("made_at", now=True),
    # what was asked for and is on nobody's list, with the reason
    Column("left_out", JSONB, nullable=False),
    CheckConstraint("extract(isodow from monday) = 1", name="begins_on_monday"),
)

patrol_stop = Table(
    # one visit of somebody's list, in the order of his tour
    "patrol_stop",
    metadata,
    Column("monday", ForeignKey("patrol_week.monday", ondelete="CASCADE"), nullable=False),
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), nullable=False),
    Column("day", Date, nullable=False),
    Column("position", SmallInteger, nullable=False),
    Column("place_id", ForeignKey("patrol_place.id"), nullable=False),
    # the leaf in which it lies
    Column("cell_id", ForeignKey("cell.id"), nullable=False),
    Column("departments", ARRAY(Text), nullable=False),
    _words("campaigns"),
    Column("due", Date, nullable=False),
    # from the stop before, or from where the tour begins
    Column("travel_s", Integer, nullable=False),
    Column("visit_s", Integer, nullable=False),
    PrimaryKeyConstraint("monday", "responder_id", "day", "position"),
    UniqueConstraint("monday", "place_id"),
    Index("ix_patrol_stop_place_id", "place_id"),
    Index("ix_patrol_stop_responder_id", "responder_id"),
    CheckConstraint("day between monday and monday + 6", name="within_its_week"),
    CheckConstraint("position > 0 and travel_s >= 0 and visit_s >= 0", name="counts"),
    CheckConstraint("cardinality(departments) > 0", name="somebody_asks"),
)

patrol_visit = Table(
    # that a place was visited: no track, only how far from it the phone was
    "patrol_visit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("place_id", ForeignKey("patrol_place.id"), nullable=False),
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), nullable=False),
    moment_column("at"),
    moment_column("received_at", now=True),
    Column("how", Text, nullable=False),
    Column("departments", ARRAY(Text), nullable=False),
    # near: a fix bears it out; unseen: there was none; far: a fix speaks against it, and it does not count
    Column("proof", Text, nullable=False),
    Column("distance_m", REAL),
    UniqueConstraint("place_id", "responder_id", "at"),
    Index("ix_patrol_visit_at", "at"),
    Index("ix_patrol_visit_responder_id", "responder_id"),
    CheckConstraint("how in ('scanned', 'typed')", name="how_is_known"),
    CheckConstraint("proof in ('near', 'unseen', 'far')", name="proof_is_known"),
    CheckConstraint("(proof = 'unseen') = (distance_m is null)", name="distance_where_a_fix_is"),
)

patrol_person_day = Table(
    # what quotas are counted from, and no more: it ages out as well, later than the tracks
    "patrol_person_day",
    metadata,
    Column("day", ForeignKey("patrol_day.day", ondelete="CASCADE"), nullable=False),
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), nullable=False),
    Column("shift_s", Integer, nullable=False),
    Column("patrol_s", Integer, nullable=False),
    Column("silent_s", Integer, nullable=False),
    Column("away_s", Integer, nullable=False),
    Column("person_times", Integer, nullable=False),
    PrimaryKeyConstraint("day", "responder_id"),
    Index("ix_patrol_person_day_responder_id", "responder_id"),
    CheckConstraint("least(shift_s, patrol_s, silent_s, away_s, person_times) >= 0", name="counts"),
)

patrol_post_day = Table(
    # how each post was kept at each of its times
    "patrol_post_day",
    metadata,
    Column("day", Date, nullable=False),
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE"), nullable=False),
    moment_column("from_at"),
    moment_column("to_at"),
    Column("outcome", Text, nullable=False),
    moment_column("arrived_at", nullable=True),
    Column("share", REAL, nullable=False),
    PrimaryKeyConstraint("day", "post_id", "from_at"),
    ForeignKeyConstraint(["day"], ["patrol_day.day"], ondelete="CASCADE"),
    Index("ix_patrol_post_day_post_id", "post_id"),
    CheckConstraint("outcome in ('kept', 'late', 'left', 'missed')", name="outcome_is_known"),
    CheckConstraint("to_at > from_at and share between 0 and 1.001", name="a_span"),
)
