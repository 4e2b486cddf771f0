"""The page of those who lead, and its answers: tiles, cells of the map, a week, a card, a comparison."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Response
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.caching import tagged, tagged_json
from geo_service.api.map_ground import map_ground
from geo_service.api.moments import Day, Moment
from geo_service.api.routes.cells import LevelCode
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import NotFoundError
from geo_service.model import Mode, Principal, Role
from geo_service.services import route_weeks
from geo_service.services.lead_readings import Kind
from geo_service.services.leading import Look
from geo_service.store import boundaries
from geo_service.web.lead_page import lead_page
from geo_service.web.pages import CONTENT_SECURITY_POLICY, Lang

router = Router(prefix="/v1/lead", tags=["lead"])
page_router = Router(tags=["pages"], include_in_schema=False)

#: Names of people stand on a cell's card; planners of staff look at the same figures.
LEADERS = roles(Role.LEADER, Role.PLANNER)
Who = Annotated[Principal, LEADERS]
_JSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}
_ROUTES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}, "text/csv": {}}}}

FirstDay = Annotated[Day, Query(alias="from", description="First local day")]
LastDay = Annotated[Day, Query(alias="to", description="Last local day, included")]


def looked_at(
    who: Who,
    cell: Annotated[
        str | None, Query(max_length=64, description="Code of a cell; default: all that the key is for")
    ] = None,
    cell_level: Annotated[
        str | None,
        Query(
            pattern="^[a-z][a-z0-9_]{0,31}$",
            description="Its level, where two levels have a cell of this code",
        ),
    ] = None,
    at: Annotated[Moment | None, Query(description="Moment with its UTC offset; default: now")] = None,
    mode: Annotated[
        Literal["own", "walk", "ebike", "car"],
        Query(description="How people travel for coverage: all alike, or each his own way"),
    ] = "ebike",
) -> Look:
    """Read what is looked at from the query."""
    return Look(cell, cell_level, at, frozenset(who.scope), None if mode == "own" else Mode(mode))


Looked = Annotated[Look, Depends(looked_at)]


@router.get("/summary", responses=_JSON, response_class=Response)
def summary(request: Request, state: State, look: Looked) -> Response:
    """Give the figures of all tiles for the town or a cell: coverage, staff, vacancies, queue, clocks.

    Each comes with what it is held against: coverage with its week, hour by hour, and the worst of it; clocks
    (567) and patrols with the days before; today's incidents with what is usual. ``queue`` is of now whatever
    ``at`` says. A key for a part of the town is told of that part.
    """
    told = state.leading.summary(look)
    return tagged_json(request, told, told["edition"])


@router.get("/cells", responses=_JSON, response_class=Response)
def cells(
    request: Request,
    state: State,
    look: Looked,
    level: LevelCode,
    reading: Annotated[Kind, Query(description="What the cells are coloured by")] = Kind.COVERAGE,
) -> Response:
    """Give a reading of the cells of a level, with classes, colours, units and words, as the maps have it."""
    return tagged(request, state.leading.cells(look, level, reading), "cells", "application/json")


@router.get("/week", responses=_JSON, response_class=Response)
def week(request: Request, state: State, look: Looked, level: LevelCode) -> Response:
    """Give the coverage of the cells of a level in each of the 168 hours of the moment's week, compactly.

    ``states`` has the state of each hour; ``share`` is base64 of little-endian 16-bit numbers, cell by cell
    (in the order of ``codes``) the share in each state in steps of 1/10,000; 65535 where nobody lives.
    """
    number, told = state.leading.week(look, level)
    return tagged_json(request, told, f"week-{number}")


@router.get("/card", responses=_JSON, response_class=Response)
def card(request: Request, state: State, look: Looked) -> Response:
    """Give one cell in full: owner, staff by shift, people, incidents, coverage, history of its borders."""
    told = state.leading.card(look)
    return tagged_json(request, told, told["edition"])


@router.get("/figures", responses=_JSON, response_class=Response)
def figures(request: Request, state: State, look: Looked, since: FirstDay, until: LastDay) -> Response:
    """Give the figures of the town or a cell over some days: two of these are a comparison."""
    told = state.leading.figures(look, since, until)
    return tagged_json(request, told, "figures")


@router.get("/routes", responses=_ROUTES, response_class=Response)
def routes(
    request: Request,
    state: State,
    look: Looked,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """Give the fixed routes of the town or a cell with the turns of the week: given out, due, walked.

    The week is that of the day before the moment, up to that day; those most behind stand first. As CSV one
    line a route, without the lines.
    """
    told = state.leading.routes(look)
    if form == "csv":
        name = f'attachment; filename="routes-{told["monday"]}.csv"'
        content = "\ufeff" + route_weeks.as_csv(told)
        headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
    return tagged_json(request, told, "routes")


@router.get("/patrols", responses=_JSON, response_class=Response)
def patrols(request: Request, state: State, look: Looked, level: LevelCode) -> Response:
    """Say whether the last week's patrols went where incidents are, by cells of a level.

    Of the town or of one cell. ``match`` is the share of patrol time that lies as the incidents lie; null
    without patrols or without incidents. ``more`` names cells with more of the incidents than of the patrols,
    ``less`` the reverse.
    """
    return tagged_json(request, state.leading.patrols(look, level), "patrols")


@page_router.get("/lead")
def page(
    state: State,
    who: Who,
    lang: Lang = "zh",
    kiosk: Annotated[bool, Query(description="Full screen, no controls, from view to view")] = False,
    cell: Annotated[str, Query(max_length=64)] = "",
    level: Annotated[str, Query(max_length=32)] = "",
    reading: Annotated[str, Query(max_length=32)] = "",
    mode: Annotated[str, Query(max_length=8)] = "",
    seconds: Annotated[int, Query(ge=3, le=600, description="In kiosk mode: how long each view stays")] = 15,
) -> HTMLResponse:
    """Show the page; what is on it is fetched by its scripts, which also read the address."""
    del cell, level, reading, mode, seconds
    begin, levels = _view(state, who)
    made = lead_page(map_ground(state), begin, levels, lang, kiosk=kiosk, is_whole=not who.scope)
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
    return HTMLResponse(made, headers=headers)


def _view(state: AppState, who: Principal) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the cell at which somebody begins, and the levels in it with their names."""
    try:
        view = state.leading.view(Look(scope=frozenset(who.scope)))
    except NotFoundError:  # nothing is published yet: the page says so
        return {"code": None, "name": "", "path": []}, []
    with state.database.reading() as connection:
        names = {one.code: {"zh": one.name_zh, "en": one.name_en} for one in boundaries.levels(connection)}
    return view["cell"], [{**one, **names[one["code"]]} for one in view["levels"]]
