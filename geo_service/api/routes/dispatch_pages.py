"""The pages of the desk and of those it sends: ``/dispatch`` and ``/worker``.

Leaders read the desk; the page shows them nothing that changes an incident.
"""

from fastapi.responses import HTMLResponse, Response

from geo_service.api.access import PUBLIC, roles
from geo_service.api.map_ground import map_ground
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Role
from geo_service.services.rostering import town_zone
from geo_service.store import boundaries
from geo_service.web.assets import read_static
from geo_service.web.desk_pages import dispatch_page, worker_page
from geo_service.web.pages import CONTENT_SECURITY_POLICY, Lang

router = Router(tags=["pages"], include_in_schema=False)

_PAGE = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}


@router.get("/dispatch", dependencies=[roles(Role.DISPATCHER, Role.LEADER)])
def dispatch(state: State, lang: Lang = "zh") -> HTMLResponse:
    """Show the desk; what is on it is fetched by its scripts."""
    with state.database.reading() as connection:
        levels = [one.code for one in boundaries.levels(connection)]
    return HTMLResponse(dispatch_page(map_ground(state), levels, lang), headers=_PAGE)


@router.get("/worker", dependencies=[roles(Role.WORKER)])
def worker(state: State, lang: Lang = "zh") -> HTMLResponse:
    """Show the worker's own work."""
    with state.database.reading() as connection:
        zone = town_zone(connection).key
    return HTMLResponse(worker_page(zone, lang), headers=_PAGE)


@router.get("/worker-sw.js", dependencies=[PUBLIC])
def worker_service() -> Response:
    """Give the script that keeps the worker's page on the phone, so that it opens without a line."""
    script = read_static("js/worker/service.js")
    return Response(
        script,
        media_type="text/javascript",
        headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": "/worker"},
    )
