"""What a worker's phone asks for: his own work, in one answer."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from geo_service.api.access import roles
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Principal, Role
from geo_service.services import desk
from geo_service.services.own_way import own_way
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
    desk_phone: str = Field(description="By which the desk is called; empty where none is set")


class OwnWay(BaseModel):
    """The way to where the worker is sent, and what lies beside it; EPSG:4326 degrees."""

    place: tuple[float, float]
    way: dict[str, Any] | None = Field(description="GeoJSON, with `travel_s`, `length_m`; null: unknown")
    box: tuple[float, float, float, float] = Field(description="West, south, east, north of what is told")
    streets: list[dict[str, Any]] = Field(description="Each with `name` and `line`")
    buildings: list[list[list[float]]] = Field(description="Outlines; none where the way is long")


@router.get("/own-work")
def read(state: State, who: Annotated[Principal, roles(Role.WORKER)]) -> OwnWork:
    """Tell a worker what is his: the shift, the cells and their sign boards, the open dispatches."""
    with state.database.reading() as connection:
        responder_id = desk.acts_for(connection, who)
    told = own_work(state.database, state.tilings, state.desk.books.get(), responder_id)
    return OwnWork(**told, desk_phone=state.desk.desks.get().phone)


@router.get("/own-work/way")
def way(state: State, who: Annotated[Principal, roles(Role.WORKER)]) -> OwnWay:
    """Tell a worker the way to where he is sent, with the streets and buildings beside it, to be drawn."""
    with state.database.reading() as connection:
        responder_id = desk.acts_for(connection, who)
    return OwnWay(**asdict(own_way(state.desk, responder_id)))
