"""For whoever watches the service: is the process alive, can it do its work."""

from pydantic import BaseModel

from geo_service.api.access import PUBLIC
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.store import readiness

router = Router(prefix="/health", tags=["service"], dependencies=[PUBLIC])


class Live(BaseModel):
    """The process answers."""

    status: str = "live"


class Ready(BaseModel):
    """The process can do its work."""

    status: str = "ready"
    revision: str


@router.get("/live")
async def live() -> Live:
    """Tell that the process answers; nothing else is looked at."""
    return Live()


@router.get("/ready")
def ready(state: State) -> Ready:
    """Tell whether the database answers and has the schema of this version; 503 with the reason if not."""
    return Ready(revision=readiness.check(state.database))
