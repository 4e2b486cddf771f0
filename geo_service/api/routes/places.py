"""Places that reports name: addresses of buildings, and premises for which a unit answers itself."""

from datetime import datetime
from typing import Annotated, Any

import geopandas as gpd
from fastapi import File, Form, Path, Query, Response, UploadFile
from fastapi.params import Depends
from starlette.requests import Request

from geo_service.api.access import READERS, roles
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import BadRequestError, Fault, InvalidInputError, Words
from geo_service.formats.export import geojson_bytes
from geo_service.formats.premises import read_premises
from geo_service.model import Principal, Role
from geo_service.services import premises as service
from geo_service.store import premises, reporting

router = Router(prefix="/v1", tags=["incidents"])

Planner = Annotated[Principal, roles(Role.PLANNER)]
Lon = Annotated[float | None, Query(ge=-180, le=180, allow_inf_nan=False)]
Lat = Annotated[float | None, Query(ge=-90, le=90, allow_inf_nan=False)]
PAGE = 1000
GEOJSON = "application/geo+json"
Code = Annotated[str, Path(min_length=1, max_length=64)]
MOST_WORDS = 8
#: A place is called by a building not farther than this.
NEAR_M = 100.0
#: Premises that a search of addresses names.
MOST_PREMISES = 5

#: Addresses lead to dwellings: whoever has a key may search them, the public may not.
SEARCHERS: Depends = roles(*Role)


@router.get("/addresses", dependencies=[SEARCHERS])
def addresses(
    state: State,
    q: Annotated[
        str | None,
        Query(
            min_length=2,
            max_length=100,
            description=f"Parts of the address, any order; none: what is within {NEAR_M:g} m of the place",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, description="At most 50")] = 10,
    lon: Lon = None,
    lat: Lat = None,
) -> dict[str, Any]:
    """Search buildings by parts of their address; near ``lon``, ``lat`` first where these are given.

    Without ``q`` those nearest to the place are given, each with ``distance_m``.

    Premises whose name fits go before them: ``building`` is null then, and ``premises`` is their code.
    """
    if (lon is None) != (lat is None):
        both = Words("give both lon and lat", "lon 与 lat 须同时给出")
        raise BadRequestError(both, [Fault("lat" if lat is None else "lon", both)])
    near = (lon, lat) if lon is not None and lat is not None else None
    if q is None:
        if near is None:
            what = Words("give q, or lon and lat", "请给出 q，或 lon 与 lat")
            raise BadRequestError(what, [Fault("q", what)])
        with state.database.reading() as connection:
            close = reporting.nearest_buildings(connection, near, within_m=NEAR_M, limit=min(limit, 50))
        return {"addresses": close}
    words = q.split()
    if not any(len(word) >= 2 for word in words) or len(words) > MOST_WORDS:
        message = Words(
            f"give up to {MOST_WORDS} words, one of them of two characters or more",
            f"最多 {MOST_WORDS} 个词，至少一个词有两个字",
        )
        raise BadRequestError(message, [Fault("q", message, value=q)])
    with state.database.reading() as connection:
        grounds = premises.named(connection, words, limit=min(limit, MOST_PREMISES))
        found = reporting.addresses(connection, q, limit=min(limit, 50), near=near)
        return {"addresses": [*grounds, *found][: min(limit, 50)]}


@router.get(
    "/premises",
    dependencies=[READERS],
    response_class=Response,
    responses={200: {"content": {GEOJSON: {}}, "description": "A FeatureCollection"}},
)
def list_premises(
    request: Request,
    state: State,
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}")] = 100,
    after: Annotated[str | None, Query(max_length=64, description="Code of the last one seen")] = None,
    at: Annotated[Moment | None, Query(description="Those of this moment (default: now)")] = None,
) -> Response:
    """List premises as GeoJSON, in order of code; ``next`` leads to the next page.

    A page can be imported again: ``valid_from`` and ``valid_until`` (null: always) say when each holds.
    """
    size = min(limit, PAGE)
    with state.database.reading() as connection:
        rows = premises.page(connection, limit=size, after=after, at=at)
    names = ("code", "name", "kind", "responsible_unit", "valid_from", "valid_until")
    frame = gpd.GeoDataFrame(
        {name: [_plain(row[name]) for row in rows] for name in names},
        geometry=[row["shape"] for row in rows],
        crs=4326,
    )
    following = None
    if len(rows) == size:
        query = request.url.include_query_params(after=rows[-1]["code"]).query
        following = f"{request.url.path}?{query}"
    return Response(geojson_bytes(frame, members={"next": following}), media_type=GEOJSON)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


@router.post("/imports/premises", tags=["imports"])
def import_premises(
    state: State,
    who: Planner,
    file: Annotated[UploadFile, File(description="Polygons, such as GeoJSON; at most 20 MB")],
    crs: Annotated[str | None, Form(max_length=20)] = None,
    layer: Annotated[str | None, Form(max_length=100)] = None,
    commit: Annotated[
        bool, Query(description="Write it; without this only the differences are told")
    ] = False,
) -> dict[str, Any]:
    """Import premises (单位责任区): premises_code, premises_name, premises_kind, responsible_unit.

    ``valid_from`` and ``valid_until`` say since when and until when; what held under the same code ends where
    this begins. A row of the same code and beginning is corrected.
    """
    content = file.file.read()
    if not content:
        raise InvalidInputError(
            Words("the file is empty", "文件为空"),
            [Fault("file", Words("choose a file with content", "请选择有内容的文件"))],
        )
    table = read_premises(content, crs=crs, layer=layer)
    return service.import_premises(state.database, table, who=who.name, commit=commit).as_dict()


@router.delete("/premises/{code}", status_code=204, response_class=Response)
def remove_premises(
    state: State,
    who: Planner,
    code: Code,
    at: Annotated[Moment | None, Query(description="From this moment on (default: now)")] = None,
) -> Response:
    """Take premises out of the register; for the time before they stay."""
    service.remove(state.database, code, who=who.name, at=at)
    return Response(status_code=204)
