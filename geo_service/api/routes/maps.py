"""The maps: pages, and the shapes, figures, points and tiles that they fetch."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path, Query, Response
from starlette.requests import Request

from geo_service.api.access import READERS
from geo_service.api.caching import tagged
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import NotFoundError
from geo_service.maps.figures import Label
from geo_service.maps.layers import PageLink
from geo_service.maps.shapes import Detail
from geo_service.model import Mode
from geo_service.services.mapping import View, shapes_mark
from geo_service.services.rostering import town_zone
from geo_service.services.tiling import Tiling
from geo_service.store import tiles
from geo_service.web.pages import NAVIGATION, Lang

router = Router(prefix="/maps", tags=["maps"], dependencies=[READERS])

#: A map without a moment shows the last full quarter of an hour, so that its parts agree and can be kept.
STEP_MIN = 15

Kind = Literal["staffing", "coverage", "incidents"]
At = Annotated[
    Moment | None, Query(description="Moment with its UTC offset (default: this quarter of an hour)")
]
Version = Annotated[
    str, Query(max_length=64, description="Mark of the content; while it is the present one, kept for ever")
]
Language = Annotated[Lang, Query(description="Language of the page; its switch changes and remembers it")]
LimitS = Annotated[int, Query(ge=1, le=14_400)]
LevelPath = Annotated[str, Path(pattern="^[a-z][a-z0-9_]{0,31}$")]
EditionPath = Annotated[int, Path(ge=1, le=2**31 - 1)]


def _view(state: AppState, at: datetime | None, mode: Mode, limit_s: int) -> View:
    if at is None:
        now = datetime.now(UTC)
        at = now.replace(minute=now.minute - now.minute % STEP_MIN, second=0, microsecond=0)
    with state.database.reading() as connection:
        return View(at.astimezone(town_zone(connection)), mode, limit_s)


def _tiling(state: AppState, edition_id: int) -> Tiling:
    for span in state.tilings.spans():
        if span.id == edition_id:
            return state.tilings.load(span)
    raise NotFoundError(f"there is no edition {edition_id} in force at any time")


@router.get("/tiles/base/{z}/{x}/{y}.mvt", response_class=Response)
def base_tile(
    request: Request,
    state: State,
    z: Annotated[int, Path(ge=0, le=tiles.MAX_ZOOM)],
    x: Annotated[int, Path(ge=0)],
    y: Annotated[int, Path(ge=0)],
    v: Version = "",
) -> Response:
    """Give a vector tile of the base map: water, landuse, buildings, rail, roads."""
    if x >= 2**z or y >= 2**z:
        raise NotFoundError(f"at zoom {z} tiles go from 0 to {2**z - 1}")
    with state.database.reading() as connection:
        current = v != "" and v == tiles.base_version(connection)  # before the tile: it is no older, then
        tile = tiles.base_tile(connection, z, x, y)
    return tagged(request, tile, "t", "application/vnd.mapbox-vector-tile", for_ever=current)


@router.get("/shapes/{edition}/{level}.json", response_class=Response)
def shapes(
    request: Request,
    state: State,
    edition: EditionPath,
    level: LevelPath,
    detail: Annotated[int, Query(ge=0, le=2, description="0 overview, 1 town, 2 street")] = 1,
    v: Version = "",
) -> Response:
    """Give a level's cells, their borders shared, in the compact form of the map pages."""
    tiling = _tiling(state, edition)
    content = state.mapper.shapes(tiling, level, Detail(detail))
    return tagged(request, content, f"{edition}", "application/json", for_ever=v == shapes_mark(tiling))


@router.get("/figures/{edition}/{kind}/{level}.json", response_class=Response)
def figures(
    request: Request,
    state: State,
    edition: EditionPath,
    kind: Kind,
    level: LevelPath,
    measure: Annotated[str, Query(pattern="^[a-z0-9_]{1,32}$")],
    at: At = None,
    mode: Mode = Mode.EBIKE,
    limit_s: LimitS = 300,
) -> Response:
    """Give a map's figures for the cells of a level, with classes and colours."""
    tiling = _tiling(state, edition)
    content = state.mapper.figures(kind, tiling, level, measure, _view(state, at, mode, limit_s))
    return tagged(request, content, f"{edition}", "application/json")


@router.get("/heat.json", response_class=Response)
def heat(
    request: Request, state: State, at: At = None, mode: Mode = Mode.EBIKE, limit_s: LimitS = 300
) -> Response:
    """Give the incidents of the year up to a moment, gathered on a raster of 27 m."""
    return tagged(request, state.mapper.heat(_view(state, at, mode, limit_s)), "heat", "application/json")


@router.get("/units.json", response_class=Response)
def units(
    request: Request, state: State, at: At = None, mode: Mode = Mode.EBIKE, limit_s: LimitS = 300
) -> Response:
    """Give the places of those on duty, without names."""
    return tagged(request, state.mapper.units(_view(state, at, mode, limit_s)), "units", "application/json")


@router.get("/{kind}", response_class=Response)
def page(
    request: Request,
    state: State,
    kind: Kind,
    at: At = None,
    mode: Mode = Mode.EBIKE,
    limit_s: LimitS = 300,
    lang: Language = "zh",
) -> Response:
    """Show a map page (HTML)."""
    del lang  # the page's own script reads it, so that there is one page to keep for both
    view = _view(state, at, mode, limit_s)
    tiling = state.tilings.get(view.at)
    with state.database.reading() as connection:
        version = tiles.base_version(connection)
    links = [
        PageLink(Label(link.zh, link.en), link.url, current=link.url == request.url.path)
        for link in NAVIGATION
    ]
    made = state.mapper.served_page(kind, tiling, view, links, version)
    response = tagged(request, made.html, f"{tiling.edition.id}", "text/html")
    response.headers["Content-Security-Policy"] = made.content_security_policy
    return response
