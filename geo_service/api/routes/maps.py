"""The maps: pages, and the shapes, figures, points and tiles that they fetch."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar

from anyio import to_thread
from fastapi import Depends, Path, Query, Response
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from geo_service.api.access import INSIDER, READERS, require_sight_of_plans
from geo_service.api.caching import tagged, tagged_json
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import Fault, ForbiddenError, InvalidInputError, NotFoundError, Words
from geo_service.maps.figures import Label
from geo_service.maps.layers import PageLink
from geo_service.maps.offline import Page
from geo_service.maps.shapes import Detail
from geo_service.model import Mode, Principal
from geo_service.services.atlas.choices import OFFERED_LIMITS_S
from geo_service.services.atlas.kinds import YEAR_DAYS
from geo_service.services.atlas.registry import KINDS
from geo_service.services.mapping import View, shapes_mark
from geo_service.services.rostering import town_zone
from geo_service.services.tiling import Tiling
from geo_service.store import tiles
from geo_service.web.pages import (
    CONTENT_SECURITY_POLICY,
    MAPS_URL,
    NAVIGATION,
    Lang,
    MapCard,
    NavLink,
    maps_page,
)

router = Router(prefix="/maps", tags=["maps"], dependencies=[READERS])
listed = Router(prefix="/v1", tags=["maps"], dependencies=[READERS])

#: A map without a moment shows the last full quarter of an hour, so that its parts agree and can be kept.
STEP_MIN = 15

Kind = Literal[
    "staffing",
    "coverage",
    "week",
    "blind",
    "incidents",
    "hotspots",
    "colours",
    "workload",
    "patrol",
    "compare",
    "reach",
    "assets",
    "gaps",
]
At = Annotated[
    Moment | None, Query(description="Moment with its UTC offset (default: this quarter of an hour)")
]
Version = Annotated[
    str, Query(max_length=64, description="Mark of the content; while it is the present one, kept for ever")
]
Language = Annotated[Lang, Query(description="Language of the page; its switch changes and remembers it")]
Number = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
LevelPath = Annotated[str, Path(pattern="^[a-z][a-z0-9_]{0,31}$")]
EditionPath = Annotated[int, Path(ge=1, le=2**31 - 1)]


def _asked(
    state: State,
    insider: Annotated[Principal | None, INSIDER],
    at: At = None,
    mode: Mode = Mode.EBIKE,
    limit_s: Annotated[int, Query(ge=1, le=14_400, description="Seconds to arrive in")] = 300,
    role: Annotated[
        str, Query(pattern="^[a-z_]{0,32}$", description="Only those on duty with this role")
    ] = "",
    days: Annotated[int, Query(ge=1, le=366, description="Span of incidents and patrols")] = YEAR_DAYS,
    against: Annotated[Number, Query(description="Edition to compare with (default: the one before)")] = None,
    plan: Annotated[Number, Query(description="Plan to compare with; needs a key")] = None,
    siting: Annotated[
        Number, Query(description="Siting run to show (default: the last); needs a key")
    ] = None,
    public: Annotated[
        bool,
        Query(description="For the public: small counts kept back. Without a key always, on a network"),
    ] = False,
) -> View:
    """Read what is asked of a map.

    Raises
    ------
    ForbiddenError
        A plan or a siting run is shown to those who plan and lead the whole town.
    InvalidInputError
        Without such a key the limit is one of those that the page offers.
    """
    if insider is None and limit_s not in OFFERED_LIMITS_S:
        told = ", ".join(map(str, OFFERED_LIMITS_S))
        words = Words(f"without a key limit_s is one of {told}", f"未登录时，时限只能取 {told} 秒之一")
        raise InvalidInputError(words, [Fault("limit_s", words, value=limit_s)])
    if at is None:
        now = datetime.now(UTC)
        at = now.replace(minute=now.minute - now.minute % STEP_MIN, second=0, microsecond=0)
    places = insider is not None and not insider.scope
    if plan is not None:
        require_sight_of_plans(insider, plan)
    if siting is not None and not places:
        words = Words(
            "a siting run takes the key of a planner, leader or dispatcher of the whole town",
            "查看选址结果需要负责全域的相应密钥",
        )
        raise ForbiddenError(words, [Fault("siting", words, value=siting)])
    with state.database.reading() as connection:
        at = at.astimezone(town_zone(connection))
    is_public = public or (insider is None and not state.open_counts)
    smallest = state.settings.smallest_count if is_public else 0
    return View(at, mode, limit_s, role, days, against, plan, siting, smallest, places)


T = TypeVar("T")

AskedView = Annotated[View, Depends(_asked)]


def _links() -> list[PageLink]:
    return [PageLink(Label(link.zh, link.en), link.url, current=link.url == MAPS_URL) for link in NAVIGATION]


async def _worked_out(state: AppState, make: Callable[[], T]) -> T:
    """Return what is made in one of the few threads for maps, so that maps do not take all there are."""
    return await to_thread.run_sync(make, limiter=state.map_threads)


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
async def figures(
    request: Request,
    state: State,
    edition: EditionPath,
    kind: Kind,
    level: LevelPath,
    measure: Annotated[str, Query(pattern="^[a-z0-9_]{1,32}$")],
    asked: AskedView,
) -> Response:
    """Give a map's figures for the cells of a level, with classes and colours."""
    content = await _worked_out(
        state, lambda: state.mapper.figures(kind, _tiling(state, edition), level, measure, asked)
    )
    return tagged(request, content, f"{edition}", "application/json")


@router.get("/overlays/{edition}/{kind}/{overlay}.json", response_class=Response)
async def overlay(
    request: Request,
    state: State,
    edition: EditionPath,
    kind: Kind,
    overlay: LevelPath,
    asked: AskedView,
) -> Response:
    """Give what lies over the cells of a map: points (no names of people), heat, or areas."""
    content = await _worked_out(
        state, lambda: state.mapper.overlay(kind, _tiling(state, edition), overlay, asked)
    )
    return tagged(request, content, f"{edition}", "application/json")


@router.get("/heat.json", response_class=Response)
async def heat(request: Request, state: State, asked: AskedView) -> Response:
    """Give the incidents of the year up to a moment, gathered on a raster of 27 m."""
    content = await _worked_out(
        state, lambda: state.mapper.overlay("incidents", state.tilings.get(asked.at), "heat", asked)
    )
    return tagged(request, content, "heat", "application/json")


@router.get("/units.json", response_class=Response)
async def units(request: Request, state: State, asked: AskedView) -> Response:
    """Give the places of those on duty, without names."""
    content = await _worked_out(
        state, lambda: state.mapper.overlay("staffing", state.tilings.get(asked.at), "units", asked)
    )
    return tagged(request, content, "units", "application/json")


@router.get("", response_class=Response)
def list_page(state: State, insider: Annotated[Principal | None, INSIDER], lang: Language = "zh") -> Response:
    """Show the list of maps (HTML): what each tells, to open, to save as one file, and for the public.

    Who is shown the public form whatever he asks for is not offered it.
    """
    cards = [
        MapCard(
            one.code,
            NavLink(one.label.zh, one.label.en, f"/maps/{one.code}"),
            NavLink(one.about.zh, one.about.en, f"/maps/{one.code}/file"),
            tuple(one.ramp),
        )
        for one in KINDS.values()
    ]
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
    has_public_form = insider is not None or state.open_counts
    made = maps_page(cards, lang=lang, has_public_form=has_public_form)
    return HTMLResponse(made, headers=headers)


@router.get("/{kind}", response_class=Response)
async def page(
    request: Request,
    state: State,
    kind: Kind,
    asked: AskedView,
    level: Annotated[
        str,
        Query(pattern="^[a-z][a-z0-9_]{0,31}$", description="Level to open with; auto: as the zoom has room"),
    ] = "auto",
    lang: Language = "zh",
) -> Response:
    """Show a map page (HTML)."""
    del lang  # the page's own script reads it, so that there is one page to keep for both

    def make() -> tuple[Page, Tiling]:
        tiling = state.tilings.get(asked.at)
        with state.database.reading() as connection:
            version = tiles.base_version(connection)
        return state.mapper.served_page(kind, tiling, asked, _links(), version, level), tiling

    # the cells of a plan, with their figures, stand in its page; other pages are a few kilobytes
    made, tiling = await (to_thread.run_sync(make) if asked.plan is None else _worked_out(state, make))
    response = tagged(request, made.html, f"{tiling.edition.id}", "text/html")
    response.headers["Content-Security-Policy"] = made.content_security_policy
    return response


@router.get("/{kind}/file", response_class=Response)
async def file(request: Request, state: State, kind: Kind, asked: AskedView) -> Response:
    """Give a map as one file (HTML) that opens on a machine without a network."""

    def make() -> tuple[Page, Tiling]:
        tiling = state.tilings.get(asked.at)
        return state.mapper.file_page(kind, tiling, asked), tiling

    made, tiling = await _worked_out(state, make)
    public = "-public" if asked.smallest else ""
    name = f"{kind}-{asked.at:%Y%m%d-%H%M}{public}.html"
    response = tagged(request, made.html, f"{tiling.edition.id}", "text/html")
    response.headers["Content-Security-Policy"] = made.content_security_policy
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@listed.get("/maps")
def list_maps(request: Request) -> Response:
    """List the maps: names, measures, parameters, what lies over the cells, addresses."""
    return tagged_json(request, {"maps": [one.describe() for one in KINDS.values()]}, "maps")
