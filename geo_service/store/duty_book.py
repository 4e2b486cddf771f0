"""What the book of duty is made from, and the sign by which it is seen that something changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, and_, func, or_, select, text

from geo_service.store.roster_tables import team, team_member
from geo_service.store.tables import duty, post, responder

#: A change in one of these may change who is on duty, where, and what he can do.
_WATCHED = (
    "responder",
    "duty",
    "shift",
    "rota",
    "post",
    "post_window",
    "team",
    "team_member",
    "absence",
    "calendar",
    "calendar_day",
)
_NOW = timedelta(minutes=1)


def change_mark(connection: Connection) -> str:
    """Return a text that differs once rows were written, from the database's own counts (seconds late)."""
    mark: str = connection.execute(
        text("""
            select string_agg(concat_ws('.', relname, n_tup_ins, n_tup_upd, n_tup_del), ' ' order by relname)
            from pg_stat_user_tables where schemaname = 'public' and relname = any(:names)
        """),
        {"names": list(_WATCHED)},
    ).scalar_one()
    return mark


def responders(connection: Connection, at: datetime) -> pd.DataFrame:
    """Return the responders of a moment, by code: id, code, name, role, mode, capabilities, lon, lat.

    These are all who are still with us, and of a moment that is past also who left since. A moment within
    :data:`_NOW` counts as now: the database's clock may be ahead of the caller's.
    """
    left_since = and_(responder.c.retired_at > at, func.clock_timestamp() - _NOW > at)
    columns = ["id", "code", "name", "role", "mode", "capabilities", "lon", "lat"]
    rows = connection.execute(
        select(
            responder.c.id,
            responder.c.code,
            responder.c.name,
            responder.c.role,
            responder.c.mode,
            responder.c.capabilities,
            func.ST_X(responder.c.geom),
            func.ST_Y(responder.c.geom),
        )
        .where(or_(responder.c.retired_at.is_(None), left_since))
        .order_by(responder.c.code.collate("C"))
    )
    return pd.DataFrame(rows.all(), columns=columns).astype({"lon": float, "lat": float})


def held_cells(connection: Connection, at: datetime) -> Sequence[Any]:
    """Return who holds which cell at a moment: responder_id, cell_id."""
    rows = select(duty.c.responder_id, duty.c.cell_id).where(duty.c.held_during.op("@>")(at)).distinct()
    return connection.execute(rows).all()


def posts(connection: Connection) -> Sequence[Any]:
    """Return the posts: id, code, name, lon, lat."""
    point = (func.ST_X(post.c.geom).label("lon"), func.ST_Y(post.c.geom).label("lat"))
    return connection.execute(select(post.c.id, post.c.code, post.c.name, *point)).all()


def teams(connection: Connection, at: datetime) -> Sequence[Any]:
    """Return the teams and who is in them at a moment, the lead first, as rows of a team's member.

    Each row: code, name, capabilities (of the team as such), least, responder_id.
    """
    held = or_(team.c.retired_at.is_(None), team.c.retired_at > at)
    return connection.execute(
        select(team.c.code, team.c.name, team.c.capabilities, team.c.least, team_member.c.responder_id)
        .join(team_member, team_member.c.team_id == team.c.id)
        .where(held, team_member.c.held_during.op("@>")(at))
        .order_by(team.c.code.collate("C"), team_member.c.lead.desc(), team_member.c.id)
    ).all()
