"""Every table, as SQLAlchemy Core. Constraints that protect an invariant live here, in the database.

PostGIS and the other extensions live in the schema ``extensions``; our tables in ``public``.
"""

from geoalchemy2 import Geometry
from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import DATERANGE, INT4RANGE, JSONB, TSTZRANGE, ExcludeConstraint
from sqlalchemy.types import UserDefinedType

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class TransactionId(UserDefinedType[int]):
    """PostgreSQL's ``xid8``: the 64-bit id of a transaction."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """Name of the type in SQL."""
        return "xid8"


def geometry_column(kind: str, *, nullable: bool = False, name: str = "geom") -> Column[object]:
    """Return a geometry column in EPSG:4326 with a GiST index."""
    return Column(name, Geometry(kind, srid=4326, spatial_index=False), nullable=nullable)


def _web_mercator(kind: str) -> Column[object]:
    """Return the same geometry in EPSG:3857, kept by the database, for vector tiles."""
    return Column(
        "geom3857",
        Geometry(kind, srid=3857, spatial_index=False),
        Computed("extensions.st_transform(geom, 3857)", persisted=True),
    )


def moment_column(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    """Return a timestamptz column."""
    default = func.clock_timestamp() if now else None
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=default)


# ------------------------------------------------------------------------------------------- boundaries

level = Table(
    "level",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("depth", SmallInteger, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    CheckConstraint("code ~ '^[a-z][a-z0-9_]{0,31}$'", name="code_is_a_word"),
    # seen to at the end of a statement: one moves all the levels below a new one
    UniqueConstraint("depth", deferrable=True),
    CheckConstraint("depth >= 0", name="depth_from_the_top"),
)

cell = Table(
    "cell",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("level_id", ForeignKey("level.id"), nullable=False),
    Column("code", Text, nullable=False),
    # the pair outlives the cell, so a retired code cannot be issued again on its level
    UniqueConstraint("level_id", "code"),
    CheckConstraint("length(code) between 1 and 64", name="code_has_a_length"),
)

edition = Table(
    "edition",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("note", Text, nullable=False, server_default=""),
    Column("published_by", Text, nullable=False),
    moment_column("recorded_at", now=True),
    # order of the leaves' codes, shapes and parents: two editions with equal digests are the same tiling
    Column("digest", LargeBinary, nullable=False),
    Column("tolerance_m", Double, nullable=False, server_default="0"),
)

edition_span = Table(
    "edition_span",
    metadata,
    Column("edition_id", ForeignKey("edition.id"), nullable=False),
    Column("valid_during", TSTZRANGE, nullable=False),
    Column("recorded_during", TSTZRANGE, nullable=False),
    ExcludeConstraint(
        ("valid_during", "&&"), ("recorded_during", "&&"), using="gist", name="ex_edition_span_one_in_force"
    ),
    CheckConstraint("not isempty(valid_during) and not isempty(recorded_during)", name="not_empty"),
)

cell_version = Table(
    "cell_version",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("cell_id", ForeignKey("cell.id"), nullable=False),
    Column("parent_id", ForeignKey("cell.id")),
    Column("editions", INT4RANGE, nullable=False),
    Column("kind", Text, nullable=False, server_default="regular"),
    Column("name", Text, nullable=False, server_default=""),
    Column("attributes", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    geometry_column("MULTIPOLYGON", nullable=True),
    ExcludeConstraint(("cell_id", "="), ("editions", "&&"), using="gist", name="ex_cell_version_one_each"),
    CheckConstraint("geom is null or not extensions.st_isempty(geom)", name="shape_not_empty"),
    CheckConstraint("kind in ('regular', 'dedicated', 'street_face')", name="kind_is_known"),
    CheckConstraint("not isempty(editions)", name="editions_not_empty"),
    Index("ix_cell_version_editions_geom", "editions", "geom", postgresql_using="gist"),
    Index("ix_cell_version_parent_id", "parent_id"),
)

# ------------------------------------------------------------------------------------- the ground itself

demand_point = Table(
    "demand_point",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source_id", Text, nullable=False, unique=True),
    geometry_column("POINT"),
    geometry_column("POLYGON", nullable=True, name="footprint"),
    Column("households", Integer, nullable=False, server_default="0"),
    Column("residents", Integer, nullable=False, server_default="0"),
    Column("kind", Text, nullable=False, server_default="building"),
    Column("address", Text, nullable=False, server_default=""),
    Column("attributes", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    CheckConstraint("households between 0 and 100000 and residents between 0 and 1000000", name="counts"),
    Index("ix_demand_point_geom", "geom", postgresql_using="gist"),
    Index("ix_demand_point_footprint", "footprint", postgresql_using="gist"),
)

map_feature = Table(
    "map_feature",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    # the import or generator it came from: a new import of the same source replaces its features
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    geometry_column("GEOMETRY"),
    _web_mercator("GEOMETRY"),
    Index("ix_map_feature_geom3857", "geom3857", postgresql_using="gist"),
    Index("ix_map_feature_source", "source"),
)

road_network = Table(
    "road_network",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("report", JSONB, nullable=False),
    Column("in_use", Boolean, nullable=False, server_default=text("true")),
    moment_column("imported_at", now=True),
    # at most one network is the one that travel times are computed on
    Index("uq_road_network_in_use", "in_use", unique=True, postgresql_where=text("in_use")),
)

road_node = Table(
    "road_node",
    metadata,
    Column("network_id", ForeignKey("road_network.id", ondelete="CASCADE"), nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("block", SmallInteger, nullable=False),
    geometry_column("POINT"),
    PrimaryKeyConstraint("network_id", "id"),
)

road_edge = Table(
    "road_edge",
    metadata,
    Column("network_id", ForeignKey("road_network.id", ondelete="CASCADE"), nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
    Column("u", BigInteger, nullable=False),
    Column("v", BigInteger, nullable=False),
    Column("length_m", Double, nullable=False),
    Column("class", Text, nullable=False),
    Column("access", SmallInteger, nullable=False),
    Column("maxspeed_kmh", REAL, nullable=False),
    Column("name", Text, nullable=False),
    geometry_column("LINESTRING"),
    _web_mercator("LINESTRING"),
    PrimaryKeyConstraint("network_id", "id"),
    # u and v are ends of the same network by construction (RoadNetwork checks); as foreign keys they would
    # cost a look-up for each edge on the way in, and without an index a scan for each node on the way out
    CheckConstraint("length_m >= 0 and length_m < 'infinity'::float8", name="length_is_finite"),
    Index("ix_road_edge_geom3857", "geom3857", postgresql_using="gist"),
)

# -------------------------------------------------------------------------------------------- incidents

incident = Table(
    "incident",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    moment_column("occurred_at"),
    moment_column("recorded_at", now=True),
    geometry_column("POINT", nullable=True),
    Column("accuracy_m", REAL),
    Column("floor", SmallInteger),
    Column("category", Text, nullable=False, server_default=""),
    Column("urgency", Text, nullable=False, server_default="normal"),
    Column("channel", Text, nullable=False, server_default="web"),
    Column("address", Text, nullable=False, server_default=""),
    Column("attributes", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    # name of the key that brought it in: a source is what the sender says it is
    Column("reported_by", Text, nullable=False),
    # where no point is known: the cell that was named
    Column("named_cell_id", ForeignKey("cell.id")),
    # the building (a demand point's source_id) whose place was taken for it
    Column("building", Text),
    # the datum in which its point was given
    Column("datum", Text, nullable=False, server_default="WGS84"),
    # what the service noticed and did not change: a list of objects, each with its "flag"
    Column("flags", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    # when it was last said anew where it lies; null: it lies where the report said
    moment_column("relocated_at", nullable=True),
    # the same report sent twice is one incident
    UniqueConstraint("source", "source_id"),
    CheckConstraint(
        "geom is null or (extensions.st_x(geom) between -180 and 180"
        " and extensions.st_y(geom) between -90 and 90)",
        name="point_on_earth",
    ),
    CheckConstraint("accuracy_m >= 0 and accuracy_m < 'infinity'::float4", name="accuracy_is_finite"),
    CheckConstraint("occurred_at >= '1900-01-01Z' and occurred_at < '2201-01-01Z'", name="moment_in_range"),
    CheckConstraint("urgency in ('low', 'normal', 'urgent', 'critical')", name="urgency_is_known"),
    CheckConstraint("geom is null or named_cell_id is null", name="one_place"),
    Index("ix_incident_geom", "geom", postgresql_using="gist"),
    Index("ix_incident_relocated_at", "relocated_at", postgresql_where=text("relocated_at is not null")),
    Index("ix_incident_occurred_at_id", "occurred_at", "id"),
    # what arrived lately: rows lie in the order in which they came
    Index("ix_incident_recorded_at", "recorded_at", postgresql_using="brin"),
)

placement = Table(
    "placement",
    metadata,
    Column("incident_id", ForeignKey("incident.id", ondelete="CASCADE"), nullable=False),
    # it holds in every edition from the one up to, not with, the other; without end it holds in each new
    # edition too, until one changes the land around it
    Column("since_edition", ForeignKey("edition.id"), nullable=False),
    Column("until_edition", Integer),
    Column("cell_id", ForeignKey("cell.id")),
    Column("how", Text, nullable=False),
    Column("border_m", REAL),
    Column("runner_up_id", ForeignKey("cell.id")),
    PrimaryKeyConstraint("incident_id", "since_edition"),
    CheckConstraint("until_edition > since_edition", name="editions_not_empty"),
    CheckConstraint("how in ('inside', 'on_edge', 'by_cell', 'near_gap', 'none')", name="how_is_known"),
    CheckConstraint(
        "(how in ('inside', 'on_edge', 'by_cell')) = (cell_id is not null)", name="cell_fits_how"
    ),
    Index(
        "ux_placement_incident_id_open",
        "incident_id",
        unique=True,
        postgresql_where=text("until_edition is null"),
    ),
    Index("ix_placement_cell_id", "cell_id"),
)

# --------------------------------------------------------------------------------------------- staffing

responder = Table(
    "responder",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("mode", Text, nullable=False),
    geometry_column("POINT", nullable=True),
    Column("capabilities", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("agency", Text, nullable=False, server_default=""),
    # who has left keeps his history and works no more
    moment_column("retired_at", nullable=True),
    CheckConstraint("mode in ('walk', 'ebike', 'car')", name="mode_is_known"),
)

responder_contact = Table(
    # apart from the responder, so that a list of who is on duty can never leak a number
    "responder_contact",
    metadata,
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), primary_key=True),
    Column("phone", Text, nullable=False),
)

duty = Table(
    "duty",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), nullable=False),
    Column("cell_id", ForeignKey("cell.id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("held_during", TSTZRANGE, nullable=False),
    ExcludeConstraint(
        ("responder_id", "="),
        ("cell_id", "="),
        ("role", "="),
        ("held_during", "&&"),
        using="gist",
        name="ex_duty_held_once",
    ),
    Index("ix_duty_cell_id", "cell_id"),
)

shift = Table(
    "shift",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), nullable=False),
    Column("on_duty", TSTZRANGE, nullable=False),
    # the post that he stands at; null: he can be sent
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE")),
    Column("note", Text, nullable=False, server_default=""),
    ExcludeConstraint(("responder_id", "="), ("on_duty", "&&"), using="gist", name="ex_shift_one_at_a_time"),
    CheckConstraint(
        "not isempty(on_duty) and not lower_inf(on_duty) and not upper_inf(on_duty)", name="bounded"
    ),
    Index("ix_shift_on_duty", "on_duty", postgresql_using="gist"),
)

rota = Table(
    # a shift that comes back every week, in local time; an end at or before the start is the next day's
    "rota",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), nullable=False),
    Column("weekday", SmallInteger, nullable=False),
    Column("start_local", Time, nullable=False),
    Column("end_local", Time, nullable=False),
    Column("timezone", Text, nullable=False, server_default="Asia/Shanghai"),
    # a rota of several weeks: on in every n-th week, and in which of the n, counted from 1 January 2024
    Column("every_weeks", SmallInteger, nullable=False, server_default="1"),
    Column("week", SmallInteger, nullable=False, server_default="0"),
    # the days on which its shifts may start
    Column("days", DATERANGE, nullable=False, server_default="(,)"),
    # it rests on the days off of this calendar
    Column("calendar_id", ForeignKey("calendar.id")),
    ExcludeConstraint(
        *((name, "=") for name in ("responder_id", "weekday", "start_local", "every_weeks", "week")),
        ("days", "&&"),
        using="gist",
        name="ex_rota_each_once",
    ),
    CheckConstraint("weekday between 1 and 7", name="iso_weekday"),
    CheckConstraint(
        "every_weeks between 1 and 52 and week >= 0 and week < every_weeks", name="week_of_weeks"
    ),
    CheckConstraint("not isempty(days)", name="days_not_empty"),
)

post = Table(
    "post",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    # such as school (护学岗) or checkpoint (卡点)
    Column("kind", Text, nullable=False),
    geometry_column("POINT"),
    # whoever stands there is there this long before a window opens
    Column("lead_min", SmallInteger, nullable=False, server_default="10"),
    # its windows are shut on the days off of this calendar
    Column("calendar_id", ForeignKey("calendar.id")),
    CheckConstraint("lead_min between 0 and 120", name="lead_is_short"),
)

post_window = Table(
    "post_window",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE"), nullable=False),
    # null: nobody is named yet, and the post is empty
    Column("responder_id", ForeignKey("responder.id", ondelete="SET NULL")),
    Column("weekday", SmallInteger, nullable=False),
    Column("start_local", Time, nullable=False),
    Column("end_local", Time, nullable=False),
    Column("timezone", Text, nullable=False, server_default="Asia/Shanghai"),
    UniqueConstraint("post_id", "responder_id", "weekday", "start_local"),
    CheckConstraint("weekday between 1 and 7 and end_local > start_local", name="within_a_day"),
)

# --------------------------------------------------------------------------------------------- coverage

coverage_run = Table(
    "coverage_run",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("edition_id", ForeignKey("edition.id"), nullable=False),
    Column("network_id", ForeignKey("road_network.id", ondelete="CASCADE"), nullable=False),
    Column("mode", Text, nullable=False),
    moment_column("at"),
    Column("limit_s", Integer, nullable=False),
    # digest of every input: equal inputs give equal runs, so a run is computed once
    Column("fingerprint", LargeBinary, nullable=False, unique=True),
    Column("summary", JSONB, nullable=False),
    moment_column("computed_at", now=True),
)

coverage_cell = Table(
    "coverage_cell",
    metadata,
    Column("run_id", ForeignKey("coverage_run.id", ondelete="CASCADE"), nullable=False),
    Column("cell_id", ForeignKey("cell.id"), nullable=False),
    Column("weight", Double, nullable=False),
    Column("covered_weight", Double, nullable=False),
    # weights are households, or square metres in a cell where nobody lives: the two are never added up
    Column("by_area", Boolean, nullable=False),
    Column("median_s", REAL),
    Column("worst_s", REAL),
    PrimaryKeyConstraint("run_id", "cell_id"),
)

# ------------------------------------------------------------------------------ who, what, and to whom

principal = Table(
    "principal",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    # SHA-256 of a 256-bit random key: nothing to guess, so no slow hash is needed
    Column("key_sha256", LargeBinary, nullable=False, unique=True),
    moment_column("created_at", now=True),
    moment_column("revoked_at", nullable=True),
    CheckConstraint(
        "role in ('admin', 'planner', 'dispatcher', 'leader', 'worker', 'device')", name="role_is_known"
    ),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    moment_column("at", now=True),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    # SHA-256 over the previous row's hash and this row: a change or removal breaks the chain
    Column("chain", LargeBinary, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger, Identity(always=True), primary_key=True),
    # readers go by transaction, not by seq: commits do not come in the order of their numbers
    Column("xid", TransactionId, nullable=False, server_default=text("pg_current_xact_id()")),
    Column("topic", Text, nullable=False),
    Column("payload", JSONB, nullable=False),
    moment_column("created_at", now=True),
    # place in the order of commits, given when it is announced: readers go on after the last they saw. (The
    # ids of transactions would not do: they begin anew in a restored database)
    Column("position", BigInteger, unique=True),
    Index("ix_outbox_waiting", "xid", "seq", postgresql_where=text("position is null")),
    Index("ix_outbox_created_at", "created_at"),
)
