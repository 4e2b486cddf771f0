"""What a worker's phone asks for: his own work, in one answer."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from geo_service.api.access import roles
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Principal, Role
from geo_service.services import desk
from geo_service.services.own_work import own_work

router = Router(prefix="/v1", tags=["dispatch"])


class OwnWork(BaseModel):
    """Who the worker is, his time on duty, his cells, where he is sent."""

    now: datetime = Field(description="By the server's clock")
    responder: dict[str, Any]
    on_duty: bool
    until: datetime | None = Field(description="When he is off; null while he is off duty")
    post: dict[str, Any] | None = Field(description="The post he is bound to now (until) or next (from)")
    cells: list[dict[str, Any]] = Field(description="Those he holds, each with path and sign boards")
    tasks: list[dict[str, Any]] = Field(description="Open dispatches, each with its incident")


@router.get("/own-work")
def read(state: State, who: Annotated[Principal, roles(Role.WORKER)]) -> OwnWork:
    """Tell a worker what is his: the shift, the cells and their sign boards, the open dispatches."""
    with state.database.reading() as connection:
        responder_id = desk.acts_for(connection, who)
    return OwnWork(**own_work(state.database, state.tilings, state.desk.books.get(), responder_id))
