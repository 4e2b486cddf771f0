"""Levels, editions and cells of the boundaries."""

from datetime import datetime
from typing import Annotated, Any

import numpy as np
import orjson
import shapely
from fastapi import Depends, Path, Query, Response
from pydantic import BaseModel
from starlette.requests import Request

from geo_service.api.access import INSIDER, READERS
from geo_service.api.caching import tagged
from geo_service.api.routes.locate import AsOf, Crs, KnownAt
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.geometry.crs import Datum, parse_datum, transform_geometry
from geo_service.model import Principal
from geo_service.services import relations
from geo_service.services.tiling import Tiling
from geo_service.store import boundaries

router = Router(prefix="/v1", tags=["boundaries"], dependencies=[READERS])

PAGE = 1000
LevelCode = Annotated[str, Query(pattern="^[a-z][a-z0-9_]{0,31}$", description="Level, such as grid")]


def _tells_attributes(state: State, insider: Annotated[Principal | None, INSIDER]) -> bool:
    return state.open_counts or insider is not None


#: Whether the reader is told the attributes of cells.
Attributes = Annotated[bool, Depends(_tells_attributes)]


class EditionFacts(BaseModel):
    """A published tiling and when it is in force, as known now."""

    id: int
    valid_from: datetime | None
    valid_to: datetime | None
    recorded_at: datetime
    note: str
    published_by: str


@router.get("/editions")
def editions(state: State) -> list[EditionFacts]:
    """List what is in force when, as known now, the oldest first."""
    with state.database.reading() as connection:
        spans = boundaries.spans_in_force(connection)
    return [
        EditionFacts(**{name: getattr(span, name) for name in EditionFacts.model_fields}) for span in spans
    ]


@router.get("/cells", responses={200: {"content": {"application/geo+json": {}}}}, response_class=Response)
def cells(
    request: Request,
    state: State,
    told: Attributes,
    level: LevelCode,
    crs: Crs = "WGS84",
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}")] = 100,
    after: Annotated[str, Query(max_length=64, description="Code of the last cell seen")] = "",
    geometry: Annotated[bool, Query(description="With outlines")] = True,
) -> Response:
    """List the cells of a level in order of code as GeoJSON, a page at a time.

    Their attributes count households and residents: where maps are open on a network they take a key.
    """
    datum = parse_datum(crs)
    tiling = state.tilings.get(as_of, known_at)
    frame = tiling.at_level(level).sort_values("code", kind="stable")
    page = frame[frame["code"].astype(str) > after].head(min(limit, PAGE))
    shapes = page["geom"].to_numpy() if geometry else np.full(len(page), None, dtype=object)
    features = [
        _feature(row, shape, datum, attributes=told)
        for row, shape in zip(page.itertuples(index=False), shapes, strict=True)
    ]
    more = len(page) and str(page["code"].iloc[-1]) < str(frame["code"].iloc[-1])
    links = []
    if more:
        query = request.url.include_query_params(after=str(page["code"].iloc[-1])).query
        links.append({"rel": "next", "href": f"{request.url.path}?{query}"})
    body = {
        "type": "FeatureCollection",
        "edition": tiling.edition.id,
        "datum": str(datum),
        "numberReturned": len(features),
        "links": links,
        "features": features,
    }
    return tagged(request, orjson.dumps(body), f"{tiling.edition.id}", "application/geo+json")


@router.get(
    "/cells/{code}", responses={200: {"content": {"application/geo+json": {}}}}, response_class=Response
)
def cell(
    request: Request,
    state: State,
    told: Attributes,
    code: Annotated[str, Path(max_length=64)],
    level: LevelCode | None = None,
    crs: Crs = "WGS84",
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """Give one cell as a GeoJSON feature; ``level`` decides where two levels use the same code."""
    datum = parse_datum(crs)
    tiling = state.tilings.get(as_of, known_at)
    row, shape = _find(tiling, code, level)
    body = {**_feature(row, shape, datum, attributes=told), "edition": tiling.edition.id, "datum": str(datum)}
    return tagged(request, orjson.dumps(body), f"{tiling.edition.id}", "application/geo+json")


def _find(tiling: Tiling, code: str, level: str | None) -> tuple[Any, Any]:
    at = relations.find_cell(tiling, code, level)
    row = next(tiling.cells.iloc[[at]].itertuples(index=False))
    outlines = tiling.at_level(str(row.level))
    return row, outlines.loc[outlines["code"] == code, "geom"].iloc[0]


def _feature(row: Any, shape: Any, datum: Datum, *, attributes: bool) -> dict[str, Any]:
    geometry = None
    if shape is not None:
        geometry = orjson.loads(shapely.to_geojson(transform_geometry(shape, datum, inverse=True)))
    return {
        "type": "Feature",
        "id": row.code,
        "geometry": geometry,
        "properties": {
            "code": row.code,
            "level": row.level,
            "name": row.name,
            "kind": row.kind,
            "parent_level": row.parent_level,
            "parent_code": row.parent_code,
            "attributes": row.attributes if attributes else {},
        },
    }
