"""Visits proved by the sign at the place, a worker's list of the week, and what is owed in a month."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from geo_service.api.access import roles
from geo_service.api.moments import Moment
from geo_service.api.routes.patrol import First, Last
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import NotFoundError
from geo_service.model import Principal, Role
from geo_service.services import desk, patrol_people, visits, week_lists
from geo_service.services.months import month_of
from geo_service.services.rostering import town_zone
from geo_service.services.visits import Scan, Seen

router = Router(prefix="/v1", tags=["patrol"])

Worker = Annotated[Principal, roles(Role.WORKER)]
Reader = Annotated[Principal, roles(Role.PLANNER, Role.DISPATCHER, Role.LEADER)]
Month = Annotated[str, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="Such as 2026-11")]


class PhoneFix(BaseModel):
    """Where the phone was, WGS84."""

    model_config = ConfigDict(extra="forbid")

    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    accuracy_m: float | None = Field(default=None, ge=0, le=1e6)
    at: Moment


class NewVisit(BaseModel):
    """What a worker tells of a visit."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=300, description="What stands on the sign, or its address")
    at: Moment = Field(description="When he was there; may be hours ago where the line was dead")
    how: Literal["scanned", "typed"] = "typed"
    fix: PhoneFix | None = None
    departments: list[str] = Field(default_factory=list, max_length=50, description="Default: all that ask")


@router.post("/patrol/visits")
def add_visit(state: State, who: Worker, body: NewVisit) -> dict[str, Any]:
    """Register a visit by the code of the sign at the place.

    Told again within half an hour it is the same visit. The phone's fix bears it out (``near``), speaks
    against it (``far``: kept, and does not count), or there is none (``unseen``). Of the fix only the
    distance is kept.
    """
    with state.database.reading() as connection:
        responder_id = desk.acts_for(connection, who)
    seen = None if body.fix is None else Seen(body.fix.lon, body.fix.lat, body.fix.accuracy_m, body.fix.at)
    scan = Scan(body.code, body.at, body.how, seen, tuple(body.departments))
    return visits.take(state.database, responder_id, scan)


@router.get("/own-week")
def own_week(state: State, who: Worker) -> dict[str, Any]:
    """Give a worker his own list of this week, by day in the order of the tour, and his fixed routes."""
    with state.database.reading() as connection:
        responder_id = desk.acts_for(connection, who)
        monday = week_lists.monday_of(datetime.now(UTC).astimezone(town_zone(connection)).date())
        try:
            told = week_lists.week(connection, state.tilings.get(), monday, responder_id=responder_id)
        except NotFoundError:
            return {"monday": monday, "made_at": None, "days": [], "routes": []}
    mine = told["people"][0] if told["people"] else {"days": [], "routes": []}
    return {"monday": monday, "made_at": told["made_at"], "days": mine["days"], "routes": mine["routes"]}


@router.get("/patrol/visits")
def list_visits(
    state: State,
    _: Reader,
    first: First,
    last: Last,
    place: Annotated[str | None, Query(max_length=64, description="Only at this place")] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> dict[str, Any]:
    """List the visits made in a span of days, the latest first, each with what bears it out."""
    with state.database.reading() as connection:
        return {"visits": visits.listed(connection, first, last, place=place, limit=limit)}


@router.get("/patrol/quotas")
def quotas(state: State, _: Reader, month: Month) -> dict[str, Any]:
    """Tell for each person the days and hours of patrol in a month, person-times, visits, absence.

    And, where his role has a quota, what is short of it.
    """
    first, last = month_of(month, UTC).days
    with state.database.reading() as connection:
        return {"month": month, "people": patrol_people.quotas(connection, first, last)}


@router.get("/patrol/posts")
def posts_kept(state: State, _: Reader, first: First, last: Last) -> dict[str, Any]:
    """Tell how posts were kept: taken ten minutes before (kept), later (late), left too early, missed."""
    with state.database.reading() as connection:
        return patrol_people.posts(connection, first, _bounded(first, last))


def _bounded(first: date, last: date) -> date:
    """Return the last day, at most 400 days after the first."""
    return min(last, date.fromordinal(first.toordinal() + 400))
