"""Who is on duty at a moment, and where: shifts and weekly rotas, less those pinned at posts."""

from datetime import datetime, timedelta

import pandas as pd

from geo_service.store import staffing
from geo_service.store.database import Connection

#: A holder is at his post this long before its window opens.
POST_LEAD = timedelta(minutes=10)


def on_duty(connection: Connection, at: datetime) -> pd.DataFrame:
    """Return the responders on duty at a moment, in order of code.

    Columns: those of :func:`geo_service.store.staffing.responders` plus ``pinned`` (bound to a post from ten
    minutes before its window until it closes); a pinned one stands at his post.
    """
    responders = staffing.responders(connection)
    shifts = staffing.shifts_covering(connection, at, at)
    present = set(shifts.loc[(shifts["start"] <= at) & (at < shifts["end"]), "responder_id"])
    rota = staffing.rotas(connection)
    present |= set(rota.loc[weekly_at(rota, at), "responder_id"])
    windows = staffing.windows(connection)
    pinned = windows[weekly_at(windows, at) | weekly_at(windows, at + POST_LEAD)]
    posts = pinned.drop_duplicates("responder_id").set_index("responder_id")[["lon", "lat"]]
    duty = responders[responders["id"].isin(present)].reset_index(drop=True)
    duty["pinned"] = duty["id"].isin(posts.index)
    at_post = posts.reindex(duty["id"])
    for axis in ("lon", "lat"):
        duty[axis] = duty[axis].where(~duty["pinned"], at_post[axis].to_numpy())
    return duty
