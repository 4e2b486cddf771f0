"""Responders, the duties they hold, and when they work: shifts, weekly rotas and posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, delete, func, select, text

from geo_service.store import bulk
from geo_service.store.roster_tables import calendar_day
from geo_service.store.tables import post, post_window, responder, rota, shift


def upsert_responders(connection: Connection, responders: pd.DataFrame, now: datetime) -> int:
    """Add responders or correct them by code, with contact and home cell; returns how many rows were given.

    Columns: code, name, role, mode, lon, lat (NaN: no base), capabilities (list), phone ("" none),
    home_level, home_cell_code (None: none). A home cell that the responder does not hold yet becomes a duty
    from now on, and ends the earlier one.
    """
    connection.execute(
        text("""
            create temporary table incoming (
                code text, name text, role text, mode text, geom extensions.geometry, capabilities jsonb,
                phone text, home_level text, home_cell_code text
            ) on commit drop
        """)
    )
    names = ("code", "name", "role", "mode", "phone", "home_level", "home_cell_code")
    columns = {name: responders[name].tolist() for name in names}
    columns["geom"] = bulk.points_ewkb_hex(responders[["lon", "lat"]].to_numpy(dtype=float))
    columns["capabilities"] = [bulk.json_text(value) for value in responders["capabilities"]]
    count = bulk.copy_columns(connection, "incoming", columns)
    connection.execute(
        text("""
            insert into responder (code, name, role, mode, geom, capabilities)
            select code, name, role, mode, geom, capabilities from incoming
            on conflict (code) do update set name = excluded.name, role = excluded.role, mode = excluded.mode,
                geom = excluded.geom, capabilities = excluded.capabilities, retired_at = null
        """)
    )
    connection.execute(
        text("""
            insert into responder_contact (responder_id, phone)
            select responder.id, incoming.phone from incoming join responder using (code)
            where incoming.phone <> ''
            on conflict (responder_id) do update set phone = excluded.phone
        """)
    )
    _hold_home_cells(connection, now)
    connection.execute(text("drop table incoming"))
    return count


def _hold_home_cells(connection: Connection, now: datetime) -> None:
    connection.execute(
        text("""
            create temporary table home on commit drop as
            select responder.id as responder_id, cell.id as cell_id, incoming.role
            from incoming join responder using (code)
            join level on level.code = incoming.home_level
            join cell on cell.level_id = level.id and cell.code = incoming.home_cell_code
        """)
    )
    connection.execute(
        text("""
            update duty set held_during = tstzrange(lower(held_during), :now)
            from home
            where duty.responder_id = home.responder_id and upper_inf(held_during)
              and (duty.cell_id, duty.role) <> (home.cell_id, home.role) and lower(held_during) < :now
        """),
        {"now": now},
    )
    connection.execute(
        text("""
            insert into duty (responder_id, cell_id, role, held_during)
            select responder_id, cell_id, role, tstzrange(:now, null) from home
            where not exists (
                select from duty where duty.responder_id = home.responder_id and duty.cell_id = home.cell_id
                    and duty.role = home.role and upper_inf(held_during)
            )
        """),
        {"now": now},
    )
    connection.execute(text("drop table home"))


def responder_ids(connection: Connection) -> dict[str, int]:
    """Return the id of each responder by code."""
    rows = connection.execute(select(responder.c.code, responder.c.id))
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True, slots=True)
class ReplacedShifts:
    """What a file of shifts did: shifts written, removed, and cut at an end of its span."""

    written: int
    removed: int
    cut: int


def replace_shifts(connection: Connection, shifts: pd.DataFrame) -> ReplacedShifts:
    """Set the shifts of the responders named, over the span that the file covers for each.

    Columns: responder_id, start, end. The span goes from the first start to the last end. What lay in it is
    removed; of a shift that reaches beyond it the part outside stays, because of that time the file says
    nothing.
    """
    spans = shifts.groupby("responder_id").agg(start=("start", "min"), end=("end", "max"))
    connection.execute(
        text("create temporary table span (responder_id int, during tstzrange) on commit drop")
    )
    bulk.copy_columns(
        connection,
        "span",
        {"responder_id": spans.index.tolist(), "during": _ranges(spans)},
    )
    connection.execute(
        text("""
            create temporary table beyond on commit drop as
            select shift.id, responder_id, tstzmultirange(on_duty) - tstzmultirange(during) as parts
            from shift join span using (responder_id)
            where on_duty && during and not on_duty <@ during
        """)
    )
    removed = connection.execute(
        text("""
            delete from shift using span
            where shift.responder_id = span.responder_id and on_duty && during
        """)
    ).rowcount
    connection.execute(
        text("insert into shift (responder_id, on_duty) select responder_id, unnest(parts) from beyond")
    )
    cut = connection.execute(text("select count(*) from beyond")).scalar_one()
    connection.execute(text("drop table span, beyond"))
    written = bulk.copy_columns(
        connection, shift, {"responder_id": shifts["responder_id"].tolist(), "on_duty": _ranges(shifts)}
    )
    return ReplacedShifts(written, removed - cut, cut)


def _ranges(shifts: pd.DataFrame) -> list[str]:
    return [bulk.range_text(start, end) for start, end in zip(shifts["start"], shifts["end"], strict=True)]


def replace_rota(connection: Connection, rows: pd.DataFrame) -> int:
    """Set the weekly rota of the responders named.

    Columns: responder_id, weekday (ISO, 1 is Monday), start_local, end_local, timezone; and, if they are
    there, every_weeks and week (of which weeks it is on, counted from 1 January 2024), days (a daterange),
    calendar_id.
    """
    connection.execute(delete(rota).where(rota.c.responder_id == func.any(_ids(rows))))
    return bulk.copy_columns(connection, rota, _weekly(rows))


def replace_posts(connection: Connection, posts: pd.DataFrame, windows: pd.DataFrame) -> int:
    """Set all posts and their windows.

    Columns of ``posts``: code, name, kind, lon, lat, and calendar_id if it is there; of ``windows``:
    post_code, responder_id (None: nobody is named), weekday, start_local, end_local, timezone.
    """
    connection.execute(delete(post))
    bulk.copy_columns(
        connection,
        post,
        {
            "code": posts["code"].tolist(),
            "name": posts["name"].tolist(),
            "kind": posts["kind"].tolist(),
            "geom": bulk.points_ewkb_hex(posts[["lon", "lat"]].to_numpy(dtype=float)),
            **({"calendar_id": posts["calendar_id"].tolist()} if "calendar_id" in posts else {}),
        },
    )
    post_id = {row[0]: row[1] for row in connection.execute(select(post.c.code, post.c.id))}
    columns = {"post_id": [post_id[code] for code in windows["post_code"]], **_weekly(windows)}
    columns["responder_id"] = [None if pd.isna(key) else int(key) for key in windows["responder_id"]]
    return bulk.copy_columns(connection, post_window, columns)


def _ids(rows: pd.DataFrame) -> list[int]:
    return sorted({int(value) for value in rows["responder_id"]})


def _weekly(rows: pd.DataFrame) -> dict[str, list[object]]:
    names = ("responder_id", "weekday", "start_local", "end_local", "timezone")
    more = ("every_weeks", "week", "days", "calendar_id")
    return {name: rows[name].tolist() for name in (*names, *(name for name in more if name in rows))}


def responders(connection: Connection) -> pd.DataFrame:
    """Return every responder in order of code: id, code, name, role, mode, lon, lat (NaN: no base)."""
    rows = connection.execute(
        select(
            responder.c.id,
            responder.c.code,
            responder.c.name,
            responder.c.role,
            responder.c.mode,
            func.ST_X(responder.c.geom).label("lon"),
            func.ST_Y(responder.c.geom).label("lat"),
        ).order_by(responder.c.code.collate("C"))
    )
    frame = pd.DataFrame(rows.all(), columns=["id", "code", "name", "role", "mode", "lon", "lat"])
    return frame.astype({"lon": float, "lat": float})


def shifts_between(connection: Connection, start: datetime, end: datetime) -> Sequence[Any]:
    """Return the shifts that overlap a span of time: rows of id, responder_id, post_id, start, end."""
    return connection.execute(
        select(
            shift.c.id,
            shift.c.responder_id,
            shift.c.post_id,
            func.lower(shift.c.on_duty).label("start"),
            func.upper(shift.c.on_duty).label("end"),
        ).where(shift.c.on_duty.op("&&")(func.tstzrange(start, end)))
    ).all()


def rotas(connection: Connection) -> Sequence[Any]:
    """Return the weekly rota.

    Rows of responder_id, start_local, end_local, timezone, every_weeks, week, first, last (dates, None:
    open), calendar_id, weekdays (ISO) and the smallest id of what was put together.
    """
    hours = (
        rota.c.responder_id,
        rota.c.start_local,
        rota.c.end_local,
        rota.c.timezone,
        rota.c.every_weeks,
        rota.c.week,
        rota.c.days,
        rota.c.calendar_id,
    )
    days = (func.lower(rota.c.days).label("first"), (func.upper(rota.c.days) - 1).label("last"))
    return connection.execute(
        select(
            *hours,
            *days,
            func.array_agg(rota.c.weekday).label("weekdays"),
            func.min(rota.c.id).label("id"),
        )
        .group_by(*hours)
        .order_by(*hours)
    ).all()


def most_used_timezone(connection: Connection) -> str | None:
    """Return the time zone in which most of the weekly rota is written; None without a rota."""
    by_use = select(rota.c.timezone).group_by(rota.c.timezone).order_by(func.count().desc(), rota.c.timezone)
    return connection.execute(by_use.limit(1)).scalar_one_or_none()


def windows(connection: Connection) -> Sequence[Any]:
    """Return the post windows.

    Rows of post_id, lead_min, calendar_id, responder_id (None: nobody is named), start_local, end_local,
    timezone, weekdays (ISO) and the smallest id of what was put together.
    """
    hours = (
        post_window.c.post_id,
        post_window.c.responder_id,
        post_window.c.start_local,
        post_window.c.end_local,
        post_window.c.timezone,
    )
    return connection.execute(
        select(
            *hours,
            post.c.lead_min,
            post.c.calendar_id,
            func.array_agg(post_window.c.weekday).label("weekdays"),
            func.min(post_window.c.id).label("id"),
        )
        .join(post, post.c.id == post_window.c.post_id)
        .group_by(*hours, post.c.lead_min, post.c.calendar_id)
        .order_by(*hours)
    ).all()


def post_places(connection: Connection) -> dict[int, tuple[float, float]]:
    """Return longitude and latitude of each post."""
    rows = connection.execute(select(post.c.id, func.ST_X(post.c.geom), func.ST_Y(post.c.geom)))
    return {key: (lon, lat) for key, lon, lat in rows}


def calendars(connection: Connection) -> dict[int, dict[date, int | None]]:
    """Return for each calendar its days out of the ordinary: the ISO weekday that holds instead, or None."""
    rows = connection.execute(
        select(
            calendar_day.c.calendar_id,
            func.lower(calendar_day.c.days).label("first"),
            func.upper(calendar_day.c.days).label("end"),
            calendar_day.c.as_weekday,
        )
    )
    found: dict[int, dict[date, int | None]] = {}
    for calendar_id, first, end, as_weekday in rows:
        own = found.setdefault(calendar_id, {})
        own.update({first + timedelta(days=i): as_weekday for i in range((end - first).days)})
    return found


def absences_between(connection: Connection, start: datetime, end: datetime) -> Sequence[Any]:
    """Return the absences that overlap a span: id, responder_id, substitute_id, post_id, start, end.

    One who has retired is away from then on: such rows have no id and end with the span.
    """
    return connection.execute(
        text("""
            select id, responder_id, substitute_id, post_id, lower(during) as start, upper(during) as "end"
            from absence where during && tstzrange(:start, :end)
            union all
            select null, id, null, null, retired_at, cast(:end as timestamptz) + interval '9 days'
            from responder where retired_at < :end
        """),
        {"start": start, "end": end},
    ).all()


def duties(connection: Connection, at: datetime) -> pd.DataFrame:
    """Return who holds which cell at a moment: responder_id, cell_id, role."""
    rows = connection.execute(
        text("select responder_id, cell_id, role from duty where held_during @> cast(:at as timestamptz)"),
        {"at": at},
    )
    return pd.DataFrame(rows.all(), columns=["responder_id", "cell_id", "role"])


def count(connection: Connection) -> int:
    """Return how many responders there are; who has retired does not count."""
    working = select(func.count()).select_from(responder).where(responder.c.retired_at.is_(None))
    number: int = connection.execute(working).scalar_one()
    return number
