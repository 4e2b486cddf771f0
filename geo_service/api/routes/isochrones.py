"""What can be reached from a place within some minutes, as polygons."""

from typing import Annotated

import orjson
import shapely
from fastapi import Query, Response
from starlette.requests import Request

from geo_service.api.access import READERS
from geo_service.api.caching import tagged
from geo_service.api.heavy import heavy
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.model import Mode
from geo_service.services.isochrones import isochrones

router = Router(prefix="/v1", tags=["coverage"], dependencies=[READERS])


@router.get(
    "/isochrones", responses={200: {"content": {"application/geo+json": {}}}}, response_class=Response
)
@heavy
def outlines(
    request: Request,
    state: State,
    place: Annotated[
        list[Annotated[str, Query(max_length=64)]],
        Query(description="lon,lat in WGS 84; several mean: from any of them", max_length=50),
    ],
    minutes: Annotated[str, Query(max_length=100, description="Limits, with commas: 5,10,15")] = "5",
    mode: Mode = Mode.EBIKE,
) -> Response:
    """Outline what can be reached within limits of time: valid, each inside the longer ones, no slivers.

    They are for the eye; shares of households come from /v1/coverage, which asks each house.
    """
    places = [_pair(one) for one in place]
    frame = isochrones(state.ground, places, mode, _numbers(minutes))
    features = [
        {
            "type": "Feature",
            "properties": {"minutes": row.minutes, "mode": row.mode},
            "geometry": orjson.Fragment(shapely.to_geojson(row.geometry)),
        }
        for row in frame.itertuples()
    ]
    body = orjson.dumps({"type": "FeatureCollection", "features": features})
    return tagged(request, body, "isochrones", "application/geo+json")


def _pair(text: str) -> tuple[float, float]:
    lon, _, lat = text.partition(",")
    try:
        pair = float(lon), float(lat)
    except ValueError:
        pair = (float("nan"), float("nan"))
    if not (-180 <= pair[0] <= 180 and -90 <= pair[1] <= 90):
        words = Words("write it as lon,lat, like 118.05,29.03", "请写成 经度,纬度，如 118.05,29.03")
        raise InvalidInputError(words, [Fault("place", words, value=text)])
    return pair


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        words = Words("give minutes with commas, like 5,10", "请用逗号分隔分钟数，如 5,10")
        raise InvalidInputError(words, [Fault("minutes", words, value=text)]) from error
