"""Coverage and staffing density as figures."""

from typing import Annotated, Any

import orjson
from fastapi import Query, Response
from starlette.requests import Request

from geo_service.api.access import COUNTS, INSIDER
from geo_service.api.caching import tagged
from geo_service.api.heavy import heavy
from geo_service.api.moments import Moment
from geo_service.api.routes.cells import LevelCode
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Mode, Principal
from geo_service.services.coverage import coverage_frame, run_coverage
from geo_service.services.scopes import Part

router = Router(prefix="/v1", tags=["coverage"], dependencies=[COUNTS])

At = Annotated[Moment, Query(description="Moment with its UTC offset")]
LimitS = Annotated[int, Query(ge=1, le=14_400, description="Seconds within which somebody must arrive")]


@router.get("/coverage")
@heavy
def coverage(state: State, at: At, mode: Mode = Mode.EBIKE, limit_s: LimitS = 300) -> dict[str, Any]:
    """Tell what share of all households is reached in time by those on duty at a moment."""
    tiling = state.tilings.get(at)
    run = run_coverage(state.database, state.ground, tiling, at=at, mode=mode, limit_s=limit_s)
    return run.as_dict()


@router.get(
    "/coverage/cells", responses={200: {"content": {"application/geo+json": {}}}}, response_class=Response
)
@heavy
def coverage_cells(
    request: Request,
    state: State,
    insider: Annotated[Principal | None, INSIDER],
    at: At,
    level: LevelCode,
    mode: Mode = Mode.EBIKE,
    limit_s: LimitS = 300,
    geometry: Annotated[bool, Query(description="With outlines")] = True,
) -> Response:
    """Tell share, weight and longest time of each cell of a level, as GeoJSON.

    A key for a part of the town is told of its cells only.
    """
    tiling = state.tilings.get(at)
    run = run_coverage(state.database, state.ground, tiling, at=at, mode=mode, limit_s=limit_s)
    frame = coverage_frame(tiling, run, level)
    if insider is not None and insider.scope:
        frame = frame[frame["code"].isin(Part(tiling, insider.scope).require_level(level))]
    if not geometry:
        frame["geometry"] = None
    body = orjson.loads(frame.to_json(na="null", drop_id=True))
    body |= {"run_id": run.id, "edition": tiling.edition.id}
    return tagged(request, orjson.dumps(body), f"run-{run.id}", "application/geo+json")
