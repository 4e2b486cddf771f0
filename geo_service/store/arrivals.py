"""Reports that have just come, each stored with all that belongs to it, in one statement."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

from geo_service.errors import HeldError
from geo_service.staffing.clocks import Clock
from geo_service.store import bulk, incidents
from geo_service.store.at_once import Question
from geo_service.store.lives import Kept, columns

#: Types of what is stored of a report: the columns of the incident, its place, its life.
_TYPES = {
    **{name: incidents.TYPES.get(name, "text") for name in incidents.COLUMNS},
    "lon": "float8",
    "lat": "float8",
    "edition_id": "int",
    "cell_id": "int",
    "how": "text",
    "border_m": "float8",
    "runner_up_id": "int",
    "standard": "jsonb",
    "status": "text",
    **dict.fromkeys(
        ("reported_at", "arrive_due_at", "handle_due_at", "close_due_at", "next_due_at", "watch_at"),
        "timestamptz",
    ),
}


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a report lies from an edition on; ids None and ``border_m`` None where there is none."""

    edition_id: int
    cell_id: int | None
    how: str
    border_m: float | None
    runner_up_id: int | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report with its id (columns :data:`incidents.COLUMNS`, lon and lat or None), its place and its life.

    ``placing`` is None where no boundaries were in force when it happened.
    """

    row: Mapping[str, Any]
    placing: Placing | None
    kept: Kept
    clocks: tuple[Clock, Clock, Clock]


@dataclass(frozen=True, slots=True)
class Stored:
    """What only the table knows of a report: when it was stored, and its numbers as they were rounded."""

    recorded_at: datetime
    accuracy_m: float | None
    border_m: float | None


#: So long a lot waits for a report that somebody else is just storing: all the others wait with it.
PATIENCE_MS = 1_000


def patience() -> Question[None]:
    """Return the question that goes before the storing: from it on the transaction waits but briefly."""
    words = "select set_config('lock_timeout', %(patience)s, true)"
    return Question(words, {"patience": str(PATIENCE_MS)}, lambda _: None)


@contextmanager
def contested() -> Iterator[None]:
    """Say of what is not stored because somebody else is just storing it that only this is held up."""
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise HeldError("somebody else is just storing this report; try again in a few seconds") from error


def store_question(arrivals: Sequence[Arrival]) -> Question[dict[UUID, Stored]]:
    """Return the question that stores what is not there yet; its answer has what was new, by id.

    With each goes its placement, its life, the first line of its log and an event for the feed. Ids that are
    given in one order never block each other crosswise.
    """
    rows = orjson.dumps([_row(one) for one in arrivals]).decode()
    return Question(_STORE, {"rows": rows}, lambda found: {row[0]: Stored(*row[1:]) for row in found})


def _row(one: Arrival) -> dict[str, Any]:
    place = one.placing
    kept = columns(one.kept.life, one.clocks)
    return {
        **one.row,
        "attributes": orjson.Fragment(bulk.json_text(one.row["attributes"])),
        **({name: getattr(place, name) for name in Placing.__slots__} if place else {}),
        **{name: value for name, value in kept.items() if name in _TYPES},
        "standard": one.kept.standard,
    }


_OF_INCIDENT = ", ".join(incidents.COLUMNS)
_STORE = f"""
    with given as materialized (
        select * from json_to_recordset(%(rows)s)
            as given ({", ".join(f"{name} {kind}" for name, kind in _TYPES.items())})
    ), new as (
        insert into incident ({_OF_INCIDENT}, geom)
        select {_OF_INCIDENT}, st_setsrid(st_makepoint(lon, lat), 4326) from given
        on conflict do nothing returning id, recorded_at, accuracy_m
    ), placed as (
        insert into placement
            (incident_id, since_edition, until_edition, cell_id, how, border_m, runner_up_id)
        -- later editions that are not in force yet, or no more, are not spoken of
        select id, edition_id, (select min(edition.id) from edition where edition.id > edition_id),
            cell_id, how, border_m, runner_up_id
        from given join new using (id) where edition_id is not null
        returning incident_id, border_m
    ), begun as (
        insert into incident_life (
            incident_id, status, reported_at, standard,
            arrive_due_at, handle_due_at, close_due_at, next_due_at, watch_at
        )
        select id, status, reported_at, standard,
            arrive_due_at, handle_due_at, close_due_at, next_due_at, watch_at
        from given join new using (id)
    ), logged as (
        insert into incident_log (incident_id, at, who, move, to_status)
        select id, reported_at, reported_by, 'report', status from given join new using (id)
    ), told as (
        insert into outbox (topic, payload)
        select 'incident.reported', jsonb_build_object('id', id, 'source', source)
        from given join new using (id)
    )
    select id, recorded_at, new.accuracy_m, placed.border_m
    from new left join placed on placed.incident_id = new.id
"""  # noqa: S608 - our own names
