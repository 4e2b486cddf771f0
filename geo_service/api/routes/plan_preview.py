"""Before and after of a plan: as JSON, as cells for two maps, on paper, and as a page."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Response
from fastapi.responses import HTMLResponse
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.caching import tagged, tagged_json
from geo_service.api.moments import Moment
from geo_service.api.plan_json import geometry_objects
from geo_service.api.routes.cells import LevelCode
from geo_service.api.routes.plans import JSON_ANSWER, PlanId, Reader
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.formats.plan_pdf import plan_report_pdf
from geo_service.model import Role
from geo_service.services import preview
from geo_service.services.preview import Preview
from geo_service.store import plans
from geo_service.web.pages import CONTENT_SECURITY_POLICY, Lang, plan_preview_page

router = Router(prefix="/v1", tags=["plans"])
page_router = Router(
    prefix="/planner",
    tags=["pages"],
    dependencies=[roles(Role.PLANNER, Role.LEADER)],
    include_in_schema=False,
)


@dataclass(frozen=True)
class Asked:
    """Which comparison is asked for."""

    plan_id: PlanId
    against: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="Another plan; default: the edition")
    ] = None
    level: LevelCode | None = None
    at: Annotated[Moment | None, Query(description="Who is on duty and holds what; default: now")] = None


def _made(state: State, asked: Annotated[Asked, Depends()]) -> Preview:
    """Make the comparison, or take it from memory."""
    return state.previews.of(asked.plan_id, against=asked.against, level=asked.level, at=asked.at)


Made = Annotated[Preview, Depends(_made)]
_PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}}}}


@router.get("/plans/{plan_id}/preview", responses=JSON_ANSWER, response_class=Response)
def plan_preview(request: Request, _: Reader, made: Made) -> Response:
    """Tell what the plan does: figures of cells before and after, what changes hands, what the rules say."""
    return tagged_json(request, made.report, made.revision)


@router.get("/plans/{plan_id}/preview/map", responses=JSON_ANSWER, response_class=Response)
def plan_preview_map(request: Request, _: Reader, made: Made) -> Response:
    """Give the cells around what changes, before and after, as GeoJSON with their workload.

    The outlines are those of cells above them whose land changes.
    """
    body = {
        "revision": made.revision,
        "level": made.level,
        "bounds": preview.window(made),
        "before": _collection(preview.map_cells(made, 0)),
        "after": _collection(preview.map_cells(made, 1)),
        "outlines_before": _collection(preview.map_outlines(made, 0)),
        "outlines_after": _collection(preview.map_outlines(made, 1)),
    }
    return tagged_json(request, body, made.revision)


def _collection(cells: list[dict[str, Any]]) -> dict[str, Any]:
    shapes = geometry_objects([cell["shape"] for cell in cells])
    features = [
        {
            "type": "Feature",
            "id": cell["code"],
            "geometry": shape,
            "properties": {name: value for name, value in cell.items() if name != "shape"},
        }
        for cell, shape in zip(cells, shapes, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


@router.get("/plans/{plan_id}/preview.pdf", responses=_PDF, response_class=Response)
def plan_preview_pdf(request: Request, _: Reader, asked: Annotated[Asked, Depends()], made: Made) -> Response:
    """Give the report for the file: two maps, tables, findings, lines to sign on."""
    maps = preview.map_cells(made, 0), preview.map_cells(made, 1)
    content = plan_report_pdf(made.report, maps, preview.window(made))
    headers = {"Content-Disposition": f'inline; filename="plan-{asked.plan_id}-r{made.revision}.pdf"'}
    return tagged(request, content, str(made.revision), "application/pdf", headers=headers)


@page_router.get("/{plan_id}/preview")
def preview_page(state: State, asked: Annotated[Asked, Depends()], lang: Lang = "zh") -> HTMLResponse:
    """Show the report; its scripts fetch it, as the address asks for it."""
    with state.database.reading() as connection:
        plans.get(connection, asked.plan_id)
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
    return HTMLResponse(plan_preview_page(asked.plan_id, lang), headers=headers)
