"""Views of the roster: a week, who covers a cell, vacancies, alarms; and its page."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Path, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.caching import tagged_json
from geo_service.api.moments import Moment
from geo_service.api.routes.cells import LevelCode
from geo_service.api.routes.roster_entries import JSON, Reader
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.model import Principal, Role
from geo_service.services import roster_views, vacancies
from geo_service.services.roster_views import PAGE, WeekFilter
from geo_service.services.rostering import town_zone
from geo_service.services.staffed_cells import Cells
from geo_service.web.pages import CONTENT_SECURITY_POLICY, Lang, roster_page

router = Router(prefix="/v1", tags=["roster"])
page_router = Router(
    tags=["pages"],
    dependencies=[roles(Role.DISPATCHER, Role.LEADER, Role.PLANNER)],
    include_in_schema=False,
)

CellCode = Annotated[str | None, Query(max_length=64, description="Only this cell and those in it")]
WEEK = timedelta(days=7)


def _where(
    state: AppState, who: Principal, code: str | None, level: str | None
) -> tuple[Cells, frozenset[int] | None]:
    """Return the cells, and those that are looked at: the one asked for, or what the caller sees."""
    cells = Cells(state.tilings.get())
    return cells, cells.seen(None if code is None else cells.find(code, level), frozenset(who.scope))


@router.get("/roster", responses=JSON, response_class=Response)
def week(
    request: Request,
    state: State,
    who: Reader,
    since: Annotated[Moment, Query(alias="from", description="Beginning of the span")],
    to: Annotated[Moment, Query(description="Its end, at most five weeks later")],
    cell: CellCode = None,
    level: LevelCode | None = None,
    q: Annotated[str, Query(max_length=64, description="Part of a name or code")] = "",
    role: Annotated[str | None, Query(max_length=64)] = None,
    after: Annotated[str, Query(max_length=65, description="The next of the page before")] = "",
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}")] = PAGE,
) -> Response:
    """Give people with duties, shifts and leave, and posts with who stands there, over a span."""
    cells, roots = _where(state, who, cell, level)
    seen = frozenset(cells.within(who.scope)) if who.scope else None
    which = WeekFilter(roots, q, role, after, min(limit, PAGE), seen)
    with state.database.reading() as connection:
        body = roster_views.week(connection, cells, since, to, which)
    return tagged_json(request, body, cells.tiling.edition.id)


@router.get("/cells/{code}/on-duty", responses=JSON, response_class=Response)
def on_duty(
    request: Request,
    state: State,
    who: Reader,
    code: Annotated[str, Path(max_length=64)],
    level: LevelCode | None = None,
    at: Annotated[Moment | None, Query(description="Default: now")] = None,
) -> Response:
    """Give who covers a cell at a moment: its own people, those of the cells above, the neighbours'.

    A key for a part of the town is told of the neighbours inside it only.
    """
    cells, _ = _where(state, who, code, level)
    cell_id = cells.find(code, level)
    with state.database.reading() as connection:
        body = roster_views.cover(connection, cells, cell_id, at or datetime.now(UTC), who.scope)
    return tagged_json(request, body, cells.tiling.edition.id)


@router.get("/vacancies", responses=JSON, response_class=Response)
def list_vacancies(
    request: Request,
    state: State,
    who: Reader,
    since: Annotated[Moment | None, Query(alias="from", description="Default: now")] = None,
    to: Annotated[Moment | None, Query(description="Default: a week later")] = None,
    cell: CellCode = None,
    level: LevelCode | None = None,
) -> Response:
    """Give what cells lack by the template: each vacancy, how many lack in each hour, empty posts."""
    cells, roots = _where(state, who, cell, level)
    start = since or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with state.database.reading() as connection:
        body = vacancies.vacancies(connection, cells, start, to or start + WEEK, roots)
    return tagged_json(request, body, cells.tiling.edition.id)


@router.get("/alarms", responses=JSON, response_class=Response)
def alarms(
    request: Request,
    state: State,
    who: Reader,
    at: Annotated[Moment | None, Query(description="Default: now")] = None,
    ahead_min: Annotated[int, Query(ge=0, le=24 * 60, description="Also what will be, in minutes")] = 60,
    cell: CellCode = None,
    level: LevelCode | None = None,
) -> Response:
    """Give what must alarm somebody: cells with nobody on duty, posts with nobody there in time."""
    cells, roots = _where(state, who, cell, level)
    fresh_fix = timedelta(seconds=state.desk.desks.get().fresh_fix_s)
    with state.database.reading() as connection:
        body: dict[str, Any] = vacancies.alarms(
            connection,
            cells,
            at or datetime.now(UTC),
            roots,
            timedelta(minutes=ahead_min),
            fresh_fix=fresh_fix,
        )
    return tagged_json(request, body, cells.tiling.edition.id)


class Shown(BaseModel):
    """What the page's address says of it; its scripts read it."""

    week: str = Field("", max_length=10)
    cell: str = Field("", max_length=64)
    level: str = Field("", max_length=32)
    q: str = Field("", max_length=64)
    role: str = Field("", max_length=64)
    lang: Lang = "zh"


@page_router.get("/roster")
def page(state: State, shown: Annotated[Shown, Query()]) -> HTMLResponse:
    """Show the week of the roster; what it holds is fetched by its scripts."""
    with state.database.reading() as connection:
        zone = town_zone(connection).key
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
    return HTMLResponse(roster_page(zone, shown.lang), headers=headers)
