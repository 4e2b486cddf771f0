"""The graph's minutes against actual arrivals, and speeds fitted to them."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from geo_service.api.access import roles
from geo_service.api.heavy import heavy
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Principal, Role
from geo_service.services.coverage_truth import fit_paces, truth

router = Router(prefix="/v1", tags=["coverage"])

LOOKS = roles(Role.LEADER, Role.PLANNER, Role.DISPATCHER)
SETS = roles(Role.PLANNER)

Since = Annotated[Moment, Query(alias="from", description="Sent from this moment on, with its UTC offset")]
Until = Annotated[Moment, Query(alias="to", description="… and before this one")]


@router.get("/coverage/truth")
@heavy
def compared(state: State, who: Annotated[Principal, LOOKS], since: Since, until: Until) -> dict[str, Any]:
    """Tell how the graph's times differ from actual arrivals: bias and spread by mode and class of hour."""
    del who
    return truth(state.database, state.ground, since, until)


class Fitting(BaseModel):
    """What paces are fitted to, and what they are called."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
    since: Moment
    until: Moment


@router.post("/coverage/paces")
@heavy
def fit(state: State, who: Annotated[Principal, SETS], body: Fitting) -> dict[str, Any]:
    """Fit speeds by class of street and hour to the arrivals of a span; kept as a new version of the name."""
    return fit_paces(state.database, state.ground, body.since, body.until, name=body.name, who=who.name)
