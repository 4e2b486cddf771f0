"""What the installation holds, in one small answer for the front page."""

from typing import Any

from geo_service.api.access import PUBLIC
from geo_service.api.routing import Router
from geo_service.api.state import State

router = Router(prefix="/v1", tags=["status"], dependencies=[PUBLIC])


@router.get("/status")
def status(state: State) -> dict[str, Any]:
    """Count cells, incidents and responders, and give the last coverage computed; at most 5 s old."""
    return state.overview.get()
