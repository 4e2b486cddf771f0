"""Figures over editions: incidents of one time in the cells of another, and the series of one place."""

from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
import pandas as pd
from fastapi import Path, Query, Response
from starlette.requests import Request

from geo_service.api.access import COUNTS, INSIDER, roles
from geo_service.api.caching import tagged
from geo_service.api.routes.cells import LevelCode
from geo_service.api.routes.locate import AsOf, KnownAt
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.formats.times import DEFAULT_TIMEZONE
from geo_service.model import Principal, Role
from geo_service.services import cell_figures, place_series, responding
from geo_service.services import series as counting
from geo_service.services.apportioning import By
from geo_service.services.figure_tables import axes_of, csv_text, moment_of, require_zone
from geo_service.services.scopes import Part
from geo_service.services.series import Axis, Counted, Question
from geo_service.services.staffed_cells import Cells
from geo_service.services.tiling import Tiling
from geo_service.staffing.response import FEW
from geo_service.store import boundaries, plan_ground

router = Router(prefix="/v1", tags=["figures"])

#: Counts by kind, week and micro-grid tell more than a map does.
INSIDERS = roles(Role.DISPATCHER, Role.LEADER, Role.PLANNER)

_BOTH: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}, "text/csv": {}}}}
_SPAN_HELP = "A year, month or day in the zone (2025, 2025-03, 2025-03-01), or a moment with its UTC offset"
Format = Annotated[
    Literal["json", "csv"] | None, Query(alias="format", description="Default: as the header Accept asks")
]
Since = Annotated[str, Query(alias="from", max_length=40, description=_SPAN_HELP)]
Until = Annotated[str, Query(alias="to", max_length=40, description=f"{_SPAN_HELP}; not in the span")]
Zone = Annotated[str, Query(max_length=40, description="IANA zone of the days")]
ApportionBy = Annotated[
    By, Query(description="What incidents that are known by a cell only are shared out by")
]


@router.get("/figures/incidents", responses=_BOTH, response_class=Response)
def incidents(
    request: Request,
    state: State,
    who: Annotated[Principal, INSIDERS],
    since: Since,
    until: Until,
    level: LevelCode,
    cells_of: Annotated[
        str | None,
        Query(max_length=40, description="Number of an edition, or a moment at which it is in force; now"),
    ] = None,
    by: Annotated[
        str | None, Query(max_length=40, description="category and one of week, month, year; with commas")
    ] = None,
    apportioned_by: ApportionBy = By.HOUSEHOLDS,
    timezone: Zone = DEFAULT_TIMEZONE,
    known_at: KnownAt = None,
    form: Format = None,
) -> Response:
    """Count the incidents of a span in the cells of any edition, whatever was in force when they happened.

    Incidents with coordinates are counted where they happened (``measured``). Those of which only a cell is
    known are shared out over the cells that hold its land (``apportioned``). What lies in no cell is a row
    without a code, so that the rows add up to the whole. A key for a part of the town is told of its cells
    only, and adds up those.
    """
    question = Question(
        moment_of(since, timezone, "from"),
        moment_of(until, timezone, "to"),
        axes_of(by),
        timezone,
        apportioned_by,
        known_at,
    )
    tiling = _tiling_of(state, cells_of, timezone, known_at)
    part = Part(tiling, who.scope) if who.scope else None
    own = part.require_level(level) if part else None
    with state.database.reading() as connection:
        counted = counting.count_incidents(connection, state.tilings, tiling, level, question)
    if own is not None:
        rows = counted.rows[counted.rows["code"].isin(own)].reset_index(drop=True)
        counted = Counted(tiling, level, rows)
    if _wants_csv(request, form):
        return _csv(request, counted.rows, f"{tiling.edition.id}")
    body = {
        "edition": tiling.edition.id,
        "level": level,
        "from": question.since,
        "to": question.until,
        "timezone": timezone,
        "by": list(question.by),
        "apportioned_by": apportioned_by.value,
        "totals": counted.totals(),
        "rows": counted.rows.to_dict("records"),
    }
    return tagged(request, orjson.dumps(body), f"{tiling.edition.id}", "application/json")


@router.get("/figures/response", responses=_BOTH, response_class=Response)
def response(
    request: Request,
    state: State,
    who: Annotated[Principal, INSIDERS],
    since: Since,
    until: Until,
    level: Annotated[
        str | None, Query(max_length=32, description="Of the cells, where these are counted by")
    ] = None,
    by: Annotated[
        str | None,
        Query(
            max_length=60,
            description="cell, category, channel, urgency, hour (of the day) and one of week, month; commas",
        ),
    ] = None,
    cells_of: Annotated[
        str | None,
        Query(max_length=40, description="Number of an edition, or a moment at which it is in force; now"),
    ] = None,
    timezone: Zone = DEFAULT_TIMEZONE,
    form: Format = None,
) -> Response:
    """Tell how long each phase took and which clocks were met, of the incidents reported in a span.

    For each phase (report → accept → dispatch → arrive → handle → close, and from the report on) ``n``, mean,
    median and 90th percentile in seconds; for each clock how many are decided (met, missed or overdue), how
    many were met, and the share: null where fewer than 5 are decided. A key for a part of the town counts
    its incidents only.
    """
    span = moment_of(since, timezone, "from"), moment_of(until, timezone, "to")
    question = responding.Question(*span, responding.axes_of(by), timezone)
    tiling = _tiling_of(state, cells_of, timezone, None)
    with state.database.reading() as connection:
        table = responding.response_table(connection, tiling, level, question, scope=who.scope)
    if _wants_csv(request, form):
        return _csv(request, table, f"{tiling.edition.id}")
    body = {
        "edition": tiling.edition.id,
        "level": level,
        "from": question.since,
        "to": question.until,
        "timezone": timezone,
        "by": list(question.by),
        "few": FEW,
        "rows": table.to_dict("records"),
    }
    return tagged(request, orjson.dumps(body), f"{tiling.edition.id}", "application/json")


@router.get("/figures/cells", responses=_BOTH, response_class=Response, dependencies=[COUNTS])
def cells(
    request: Request,
    state: State,
    insider: Annotated[Principal | None, INSIDER],
    level: LevelCode,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    form: Format = None,
) -> Response:
    """Give area, households, residents, incidents of a year, staff on duty and workload of a level's cells.

    ``workload_index`` has no unit: 1 is the mean cell of the level. It weighs households (0.3), residents
    (0.2), incidents of a year (0.4) and area (0.1), each by its ratio to the mean. A key for a part of the
    town is told of its cells only.
    """
    tiling = state.tilings.get(as_of, known_at)
    leaves = state.ground.land_and_people(tiling)
    with state.database.reading() as connection:
        at = as_of or boundaries.moment(connection)
        table = cell_figures.cell_table(connection, tiling, level, leaves, at)
    if insider is not None and insider.scope:
        table = table[table["code"].isin(Part(tiling, insider.scope).require_level(level))]
    table = table.round({"area_m2": 1, "workload_index": 4})
    for name in ("households", "residents", "incidents_year", "staff"):
        table[name] = table[name].astype(int)
    if _wants_csv(request, form):
        return _csv(request, table, f"{tiling.edition.id}")
    body = {
        "edition": tiling.edition.id,
        "level": level,
        "at": at,
        "units": {"area_m2": "m²", "workload_index": "mean cell of the level = 1"},
        "cells": table.to_dict("records"),
    }
    return tagged(request, orjson.dumps(body), f"{tiling.edition.id}", "application/json")


@router.get("/cells/{code}/series", responses=_BOTH, response_class=Response)
def series(
    request: Request,
    state: State,
    who: Annotated[Principal, INSIDERS],
    code: Annotated[str, Path(max_length=64)],
    level: LevelCode | None = None,
    since: Annotated[str | None, Query(alias="from", max_length=40, description=_SPAN_HELP)] = None,
    until: Annotated[str | None, Query(alias="to", max_length=40, description=_SPAN_HELP)] = None,
    by: Annotated[Literal["week", "month", "year"], Query(description="Length of a period")] = "month",
    apportioned_by: ApportionBy = By.HOUSEHOLDS,
    timezone: Zone = DEFAULT_TIMEZONE,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    form: Format = None,
) -> Response:
    """Tell the series of one place across splits and merges, by default of the last two years.

    The place is the land of the cell as it is at ``as_of``. Each period says what was measured there and what
    was apportioned, who held the place, and which editions changed that (``breaks``); ``editions`` tells
    households, residents and area of the same place as each edition has them.
    """
    require_zone(timezone)  # the periods are days in it, whether or not a span is given
    tiling = state.tilings.get(as_of, known_at)
    if who.scope:
        held = Cells(tiling)
        held.seen(held.find(code, level), who.scope)  # 403 for a cell of another part
    with state.database.reading() as connection:
        now = boundaries.moment(connection)
        question = Question(
            moment_of(since, timezone, "from") if since else place_series.two_years_before(now),
            moment_of(until, timezone, "to") if until else now,
            (Axis(by),),
            timezone,
            apportioned_by,
            known_at,
        )
        found = place_series.series_of(connection, state.tilings, tiling, (level, code), question)
    if _wants_csv(request, form):
        return _csv(request, pd.DataFrame(place_series.rows_of(found)), f"{tiling.edition.id}")
    body = place_series.as_dict(found, question)
    return tagged(request, orjson.dumps(body), f"{tiling.edition.id}", "application/json")


def _tiling_of(state: AppState, cells_of: str | None, timezone: str, known_at: datetime | None) -> Tiling:
    if cells_of is not None and cells_of.isdecimal() and len(cells_of) < 10 and not _is_year(cells_of):
        with state.database.reading() as connection:
            edition = plan_ground.edition_of(connection, int(cells_of))
        return state.tilings.load(edition)
    as_of = moment_of(cells_of, timezone, "cells_of") if cells_of is not None else None
    return state.tilings.get(as_of, known_at)


def _is_year(text: str) -> bool:
    return len(text) == 4 and text[:2] in {"19", "20", "21"}  # "cells of 2026": those of its first day


def _wants_csv(request: Request, form: str | None) -> bool:
    if form is not None:
        return form == "csv"
    accepted = request.headers.get("accept", "")
    return "text/csv" in accepted and "application/json" not in accepted


def _csv(request: Request, table: pd.DataFrame, mark: str) -> Response:
    text = csv_text(table)
    return tagged(request, "\ufeff" + text, mark, "text/csv; charset=utf-8")
