"""The tables of the roster beyond who works when: teams, absences, calendars, stations, required roles."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Time,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DATERANGE, TSTZRANGE, ExcludeConstraint

from geo_service.store.tables import geometry_column, metadata, moment_column


def _code() -> list[Column[object]]:
    return [
        Column("id", Integer, Identity(always=True), primary_key=True),
        Column("code", Text, nullable=False, unique=True),
    ]


def _one_to_seven(name: str) -> CheckConstraint:
    return CheckConstraint(
        "cardinality(weekdays) > 0 and weekdays <@ '{1,2,3,4,5,6,7}'::smallint[]", name=name
    )


team = Table(
    # several people, perhaps of several agencies, that are sent as one
    "team",
    metadata,
    *_code(),
    Column("name", Text, nullable=False),
    # patrol, emergency, joint (联勤), ...: a word of the town's own
    Column("kind", Text, nullable=False, server_default="patrol"),
    # what the team can do as a team, beyond what its members can
    Column("capabilities", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    # so many of its members on duty make the team ready
    Column("least", SmallInteger, nullable=False, server_default="1"),
    moment_column("retired_at", nullable=True),
    CheckConstraint("least between 1 and 100", name="least_is_a_count"),
)

team_member = Table(
    "team_member",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("team_id", ForeignKey("team.id", ondelete="CASCADE"), nullable=False),
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), nullable=False),
    Column("lead", Boolean, nullable=False, server_default=text("false")),
    Column("held_during", TSTZRANGE, nullable=False),
    ExcludeConstraint(
        ("team_id", "="),
        ("responder_id", "="),
        ("held_during", "&&"),
        using="gist",
        name="ex_team_member_held_once",
    ),
    CheckConstraint("not isempty(held_during)", name="not_empty"),
    Index("ix_team_member_responder_id", "responder_id"),
)

calendar = Table(
    # terms and holidays: what hangs on a calendar rests on its days off
    "calendar",
    metadata,
    *_code(),
    Column("name", Text, nullable=False),
)

calendar_day = Table(
    "calendar_day",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), nullable=False),
    Column("days", DATERANGE, nullable=False),
    # the day of the week whose hours hold instead (调休), ISO; null: a day off
    Column("as_weekday", SmallInteger),
    Column("name", Text, nullable=False, server_default=""),
    # a day of a calendar is one thing
    ExcludeConstraint(("calendar_id", "="), ("days", "&&"), using="gist", name="ex_calendar_day_one_thing"),
    CheckConstraint("as_weekday between 1 and 7", name="iso_weekday"),
    CheckConstraint("not isempty(days) and not lower_inf(days) and not upper_inf(days)", name="bounded"),
)

absence = Table(
    # leave and swaps: while it lasts somebody does not work, and perhaps another does in his place
    "absence",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("responder_id", ForeignKey("responder.id", ondelete="CASCADE"), nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    Column("kind", Text, nullable=False),
    # null: nobody stands in
    Column("substitute_id", ForeignKey("responder.id", ondelete="CASCADE")),
    # only his time at this post; null: all his shifts
    Column("post_id", ForeignKey("post.id", ondelete="CASCADE")),
    Column("note", Text, nullable=False, server_default=""),
    CheckConstraint("kind in ('leave', 'sick', 'training', 'swap', 'other')", name="kind_is_known"),
    CheckConstraint(
        "not isempty(during) and not lower_inf(during) and not upper_inf(during)", name="bounded"
    ),
    CheckConstraint("substitute_id <> responder_id", name="somebody_else_stands_in"),
    CheckConstraint("kind <> 'swap' or substitute_id is not null", name="a_swap_has_two"),
    # of one post, or of all his work, he is away once at a time
    ExcludeConstraint(
        ("responder_id", "="),
        (text("coalesce(post_id, 0)"), "="),
        ("during", "&&"),
        using="gist",
        name="ex_absence_once_at_a_time",
    ),
    Index("ix_absence_during", "during", postgresql_using="gist"),
)

station = Table(
    "station",
    metadata,
    *_code(),
    Column("name", Text, nullable=False),
    # police, governance, service, fire, ...
    Column("kind", Text, nullable=False),
    geometry_column("POINT"),
)

staffing_need = Table(
    # who a cell of a kind must have, and when: the template from which vacancies are told
    "staffing_need",
    metadata,
    *_code(),
    Column("level", Text, nullable=False),
    # null: cells of every kind
    Column("cell_kind", Text),
    Column("role", Text, nullable=False),
    Column("count", SmallInteger, nullable=False, server_default="1"),
    Column("weekdays", ARRAY(SmallInteger), nullable=False),
    Column("start_local", Time, nullable=False),
    # at or before the start: on the next day
    Column("end_local", Time, nullable=False),
    Column("timezone", Text, nullable=False, server_default="Asia/Shanghai"),
    # on_duty: they must be at work; held: the role must be given to somebody
    Column("presence", Text, nullable=False, server_default="on_duty"),
    # those who hold the role on a cell above count too
    Column("from_above", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("cell_kind in ('regular', 'dedicated', 'street_face')", name="kind_is_known"),
    CheckConstraint("count between 1 and 1000", name="is_a_count"),
    CheckConstraint("presence in ('on_duty', 'held')", name="presence_is_known"),
    _one_to_seven("iso_weekdays"),
)
