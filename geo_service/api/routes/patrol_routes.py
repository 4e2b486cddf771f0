"""Fixed routes: what is walked, how often, in which hours, and how much of it was."""

from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import BaseModel, ConfigDict, Field

from geo_service.api.access import roles
from geo_service.api.routes.imports import Commit, Crs, Upload, content_of
from geo_service.api.routes.patrol import First, Last
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.formats.patrol_routes import line_of, read_routes
from geo_service.model import Principal, Role
from geo_service.services import patrol_routes, rounds

router = Router(prefix="/v1", tags=["patrol"])

Planner = Annotated[Principal, roles(Role.PLANNER)]
Reader = Annotated[Principal, roles(Role.PLANNER, Role.DISPATCHER, Role.LEADER)]
Code = Annotated[str, Path(min_length=1, max_length=64, description="Code of the route")]
OnTheClock = Annotated[str, Field(max_length=5, description="Such as 08:30")]


class Route(BaseModel):
    """A route: a line (EPSG:4326), on how many days of a week and in which hours it is walked."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: str = Field(min_length=1, max_length=120)
    geometry: dict[str, Any] = Field(description="A GeoJSON LineString")
    days_a_week: int = Field(default=7, ge=1, le=7)
    opens: OnTheClock = Field(default="00:00", alias="from")
    closes: OnTheClock = Field(default="24:00", alias="to", description="Before `from`: of the next day")


@router.get("/patrol/routes")
def routes(state: State, _: Reader) -> dict[str, Any]:
    """List the fixed routes: cell, days a week, hours, length and line."""
    with state.database.reading() as connection:
        return {"routes": patrol_routes.listed(connection, state.tilings.get())}


@router.put("/patrol/routes/{code}")
def put_route(state: State, who: Planner, code: Code, body: Route) -> dict[str, Any]:
    """Add a fixed route, or say it anew; it is walked by who holds the cell in which most of it lies."""
    line = line_of(body.geometry)
    if line is None:
        words = Words("give a LineString of two points or more", "请给出至少两点的线（LineString）")
        raise InvalidInputError(words, [Fault("geometry", words)])
    given = patrol_routes.NewRoute(body.name, line, body.days_a_week, body.opens, body.closes)
    return patrol_routes.put(state.database, state.tilings.get(), code, given, who=who.name)


@router.delete("/patrol/routes/{code}", status_code=204, response_class=Response)
def retire_route(state: State, who: Planner, code: Code) -> None:
    """Take a fixed route out of use; what was walked of it stays."""
    patrol_routes.retire(state.database, code, who=who.name)


@router.post("/imports/routes")
def import_routes(
    state: State, who: Planner, file: Upload, crs: Crs = None, commit: Commit = False
) -> dict[str, Any]:
    """Import fixed routes from GeoJSON: a LineString each, with code, name, days_a_week, from and to."""
    told = read_routes(content_of(file), crs=crs)
    report = patrol_routes.import_routes(
        state.database, state.tilings.get(), told, who=who.name, commit=commit
    )
    return report.as_dict()


@router.get("/patrol/route-days")
def route_days(state: State, _: Reader, first: First, last: Last) -> dict[str, Any]:
    """Tell for each route how much of it was walked on each day counted, and whether that was enough.

    The threshold is the rule `route_share`. Figures of a day stay when its tracks have aged out.
    """
    with state.database.reading() as connection:
        rules = rounds.rules(connection)
        found = patrol_routes.figures(connection, first, last, rules)
    return {"enough": rules.route_share, "routes": found}
