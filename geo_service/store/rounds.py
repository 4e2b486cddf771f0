"""Places that are visited, who wants it, campaigns, and the lists of weeks."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import Connection, bindparam, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from geo_service.staffing.visit_signs import SEAL_BYTES
from geo_service.store import bulk
from geo_service.store.rounds_tables import (
    patrol_campaign,
    patrol_campaign_place,
    patrol_place,
    patrol_wish,
)

_LOCK = 0x6E0_2013


def lock(connection: Connection) -> None:
    """Let one change places, campaigns and lists at a time, until the transaction ends."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})


# ------------------------------------------------------------------------------------------------ places


def place_ids(connection: Connection) -> dict[str, int]:
    """Return the id of each place in use by its code."""
    rows = select(patrol_place.c.code, patrol_place.c.id).where(patrol_place.c.retired_at.is_(None))
    return {row.code: row.id for row in connection.execute(rows)}


def put_places(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Add places or correct them by code; returns the id of each.

    Each row: code, name, kind, address, lon, lat. A place keeps its seal, so that its sign stays good.
    """
    for row in rows:
        facts = {name: row[name] for name in ("name", "kind", "address", "lon", "lat")}
        new = upsert(patrol_place).values(code=row["code"], seal=secrets.token_bytes(SEAL_BYTES), **facts)
        connection.execute(
            new.on_conflict_do_update(index_elements=["code"], set_={**facts, "retired_at": None})
        )
    return place_ids(connection)


def retire_place(connection: Connection, code: str) -> bool:
    """Take a place out of use; its visits stay. Returns whether there was one."""
    ended = (
        update(patrol_place)
        .where(patrol_place.c.code == code, patrol_place.c.retired_at.is_(None))
        .values(retired_at=text("clock_timestamp()"))
    )
    return bool(connection.execute(ended).rowcount)


def renew_seal(connection: Connection, code: str) -> bool:
    """Give a place a new seal: the sign that hangs there is void. Returns whether there is such a place."""
    renewed = (
        update(patrol_place)
        .where(patrol_place.c.code == code, patrol_place.c.retired_at.is_(None))
        .values(seal=secrets.token_bytes(SEAL_BYTES), sealed_at=text("clock_timestamp()"))
    )
    return bool(connection.execute(renewed).rowcount)


def places(connection: Connection, *, codes: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Return the places in use in order of code, with their seals; all, or those of some codes."""
    columns = [one for one in patrol_place.c if one.name != "retired_at"]
    rows = select(*columns).where(patrol_place.c.retired_at.is_(None))
    if codes is not None:
        rows = rows.where(patrol_place.c.code.in_(list(codes)))
    return [dict(row) for row in connection.execute(rows.order_by(patrol_place.c.code)).mappings()]


def place(connection: Connection, number: int) -> dict[str, Any] | None:
    """Return a place in use by its id."""
    rows = select(patrol_place).where(patrol_place.c.id == number, patrol_place.c.retired_at.is_(None))
    found = connection.execute(rows).mappings().one_or_none()
    return None if found is None else dict(found)


# ------------------------------------------------------------------------------------------------ wishes


def put_wishes(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Say what departments want, in place of what each said of the same place before.

    Each row: place_id, department, grade, visit_s, last, exempt, exempt_until. Without a ``last`` the day
    known before stays.
    """
    for row in rows:
        new = upsert(patrol_wish).values(**row)
        said = {k: v for k, v in row.items() if k not in {"place_id", "department"}}
        if row["last"] is None:
            said.pop("last")
        connection.execute(new.on_conflict_do_update(index_elements=["place_id", "department"], set_=said))


def exempt(
    connection: Connection, place_id: int, department: str | None, reason: str, until: date | None
) -> int:
    """Take a place off a department's lists (None: off all), or put it on again (""); returns how many."""
    changed = update(patrol_wish).where(patrol_wish.c.place_id == place_id)
    if department is not None:
        changed = changed.where(patrol_wish.c.department == department)
    return connection.execute(changed.values(exempt=reason, exempt_until=until)).rowcount


def wishes(connection: Connection, zone: str) -> pd.DataFrame:
    """Return what is wanted of the places in use, with when it was last seen to.

    Columns: place_id, department, grade, visit_s, last (date or None: of the visits that count and of what
    was said), exempt, exempt_until.
    """
    rows = connection.execute(
        text("""
            select wish.place_id, wish.department, wish.grade, wish.visit_s,
                greatest(wish.last, seen.day) as last, wish.exempt, wish.exempt_until
            from patrol_wish as wish
            join patrol_place as place on place.id = wish.place_id and place.retired_at is null
            left join (
                select place_id, department, max((at at time zone :zone)::date) as day
                from patrol_visit cross join unnest(departments) as department
                where proof <> 'far' group by place_id, department
            ) as seen on seen.place_id = wish.place_id and seen.department = wish.department
            order by place.code collate "C", wish.department collate "C"
        """),
        {"zone": zone},
    )
    names = ["place_id", "department", "grade", "visit_s", "last", "exempt", "exempt_until"]
    return pd.DataFrame(rows.all(), columns=names, dtype=object)


# --------------------------------------------------------------------------------------------- campaigns


def put_campaign(connection: Connection, row: Mapping[str, Any], place_ids: Iterable[int]) -> None:
    """Add a campaign, or say it anew by its name: department, first, last, and its places."""
    facts = {name: row[name] for name in ("department", "first", "last")}
    new = upsert(patrol_campaign).values(name=row["name"], **facts)
    number = connection.execute(
        new.on_conflict_do_update(index_elements=["name"], set_=facts).returning(patrol_campaign.c.id)
    ).scalar_one()
    mine = patrol_campaign_place.c.campaign_id == number
    connection.execute(delete(patrol_campaign_place).where(mine))
    rows = [{"campaign_id": number, "place_id": one} for one in sorted(set(place_ids))]
    if rows:
        connection.execute(insert(patrol_campaign_place), rows)


def drop_campaign(connection: Connection, name: str) -> bool:
    """Forget a campaign; returns whether there was one."""
    return bool(connection.execute(delete(patrol_campaign).where(patrol_campaign.c.name == name)).rowcount)


def campaigns(connection: Connection) -> list[dict[str, Any]]:
    """Return the campaigns, the latest first, each with the codes of its places in use."""
    rows = connection.execute(
        text("""
            select campaign.name, campaign.department, campaign.first, campaign.last,
                coalesce(array_agg(place.code order by place.code collate "C")
                    filter (where place.code is not null), '{}') as places
            from patrol_campaign as campaign
            left join patrol_campaign_place as held on held.campaign_id = campaign.id
            left join patrol_place as place on place.id = held.place_id and place.retired_at is null
            group by campaign.id order by campaign.first desc, campaign.name collate "C"
        """)
    )
    return [dict(row) for row in rows.mappings()]


# ------------------------------------------------------------------------------------------------- weeks


def put_week(
    connection: Connection,
    monday: date,
    *,
    edition_id: int,
    who: str,
    stops: pd.DataFrame,
    left_out: Sequence[Mapping[str, Any]],
) -> None:
    """Write the lists of a week in place of earlier ones.

    Columns of ``stops``: responder_id, day, position, place_id, cell_id, departments, campaigns (lists of
    text), due, travel_s, visit_s.
    """
    connection.execute(text("delete from patrol_week where monday = :monday"), {"monday": monday})
    connection.execute(
        text("""
            insert into patrol_week (monday, edition_id, who, left_out)
            values (:monday, :edition, :who, :left_out)
        """).bindparams(bindparam("left_out", type_=JSONB)),
        {"monday": monday, "edition": edition_id, "who": who, "left_out": list(left_out)},
    )
    names = (
        "responder_id",
        "day",
        "position",
        "place_id",
        "cell_id",
        "departments",
        "campaigns",
        "due",
        "travel_s",
        "visit_s",
    )
    columns = {name: stops[name].tolist() for name in names}
    bulk.copy_columns(connection, "patrol_stop", {"monday": [monday] * len(stops), **columns})


def week(connection: Connection, monday: date) -> dict[str, Any] | None:
    """Return what is known of the lists of a week: monday, edition_id, who, made_at, left_out."""
    found = (
        connection.execute(
            text("select monday, edition_id, who, made_at, left_out from patrol_week where monday = :monday"),
            {"monday": monday},
        )
        .mappings()
        .one_or_none()
    )
    return None if found is None else dict(found)


def stops(
    connection: Connection, monday: date, zone: str, *, responder_id: int | None = None
) -> list[dict[str, Any]]:
    """Return the stops of a week in order of person, day and tour; of all, or of one.

    ``visited_at`` is when the place was visited in that week, as far as it counts, else None.
    """
    rows = connection.execute(
        text("""
            select responder.id as responder_id, responder.code as responder, responder.name,
                stop.day, stop.position, place.id as place_id, place.code as place,
                place.name as place_name, place.kind, place.address, place.lon, place.lat, stop.cell_id,
                stop.departments, stop.campaigns, stop.due, stop.travel_s, stop.visit_s, (
                    select max(at) from patrol_visit as visit
                    where visit.place_id = stop.place_id and visit.proof <> 'far'
                        and (at at time zone :zone)::date between :monday and :monday + 6
                ) as visited_at
            from patrol_stop as stop
            join responder on responder.id = stop.responder_id
            join patrol_place as place on place.id = stop.place_id
            where stop.monday = :monday
                and (cast(:who as integer) is null or stop.responder_id = :who)
            order by responder.code collate "C", stop.day, stop.position
        """),
        {"monday": monday, "zone": zone, "who": responder_id},
    )
    return [dict(row) for row in rows.mappings()]
