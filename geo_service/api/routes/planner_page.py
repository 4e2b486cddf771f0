"""The pages of the planner: the list of plans, and the editor of one.

Leaders read plans and comment on them; the page shows them nothing that changes a plan.
"""

from typing import Annotated

from fastapi import Path
from fastapi.responses import HTMLResponse

from geo_service.api.access import roles
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Role
from geo_service.store import plans, tiles
from geo_service.web.pages import CONTENT_SECURITY_POLICY, Lang, planner_page, plans_page

router = Router(
    prefix="/planner",
    tags=["pages"],
    dependencies=[roles(Role.PLANNER, Role.LEADER)],
    include_in_schema=False,
)

_PAGE = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}


@router.get("")
def plan_list(lang: Lang = "zh") -> HTMLResponse:
    """Show the plans there are."""
    return HTMLResponse(plans_page(lang), headers=_PAGE)


@router.get("/{plan_id}")
def editor(
    state: State, plan_id: Annotated[int, Path(ge=1, le=2**31 - 1)], lang: Lang = "zh"
) -> HTMLResponse:
    """Show the editor of a plan; what the plan holds is fetched by its scripts."""
    with state.database.reading() as connection:
        plans.get(connection, plan_id)
        version = tiles.base_version(connection)
    address = f"/maps/tiles/base/{{z}}/{{x}}/{{y}}.mvt?v={version}"
    return HTMLResponse(planner_page(plan_id, address, lang), headers=_PAGE)
