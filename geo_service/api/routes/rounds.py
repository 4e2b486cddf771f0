"""What is to be visited, the lists of a week, and their signs."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.caching import json_answer
from geo_service.api.later import LATER_ANSWER, begin, prefers_later
from geo_service.api.moments import Day
from geo_service.api.routes.imports import Commit, Crs, Upload, content_of
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.formats.patrol_places import read_campaigns, read_places
from geo_service.formats.rounds_pdf import visit_signs_pdf, week_pdf
from geo_service.model import Principal, Role
from geo_service.services import rounds, week_lists
from geo_service.services.job_kinds import WEEK_LISTS
from geo_service.services.rostering import town_zone
from geo_service.store import rounds as store

router = Router(prefix="/v1", tags=["patrol"])

Planner = Annotated[Principal, roles(Role.PLANNER)]
Reader = Annotated[Principal, roles(Role.PLANNER, Role.DISPATCHER, Role.LEADER)]
Code = Annotated[str, Path(max_length=64, description="Code of the place")]
Monday = Annotated[Day, Path(description="The Monday with which the week begins")]
_PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}}}}
_WEEK: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {}, "text/csv": {}, "application/pdf": {}}}
}
MOST_SIGNS = 600


class NewRules(BaseModel):
    """The rules of patrols; what is left out is as the program has it."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(ge=0, description="The version that was seen")
    rules: dict[str, Any]


class Exemption(BaseModel):
    """Why and until when a place is not visited."""

    model_config = ConfigDict(extra="forbid")

    department: str | None = Field(default=None, max_length=60, description="Of one only; default: of all")
    reason: str = Field(max_length=200, description="Empty: it is visited again")
    until: Day | None = Field(default=None, description="Last day; default: until further notice")


@router.get("/patrol/rules")
def patrol_rules(state: State, _: Reader) -> dict[str, Any]:
    """Give the rules of patrols: days between visits by grade, what proves a visit, quotas."""
    with state.database.reading() as connection:
        return rounds.rules_set(connection)


@router.put("/patrol/rules")
def set_patrol_rules(state: State, who: Planner, body: NewRules) -> dict[str, Any]:
    """Set the rules of patrols; who sets them names the version that he has seen."""
    return rounds.set_rules(state.database, body.rules, after=body.after, who=who.name)


@router.get("/patrol/places")
def patrol_places(state: State, _: Reader) -> dict[str, Any]:
    """List the places to be visited: cell, which departments ask, how often, exempt or not, last visit."""
    with state.database.reading() as connection:
        return {"places": rounds.places(connection, state.tilings.get())}


@router.post("/imports/places")
def import_places(
    state: State, who: Planner, file: Upload, crs: Crs = None, commit: Commit = False
) -> dict[str, Any]:
    """Import places to be visited from CSV or xlsx: one row for each place and department.

    Columns: place_code 编号, place_name 名称, department 部门, grade 等级, lon, lat, visit_minutes,
    last_visit, exempt 免检原因, exempt_until. What the file does not name stays.
    """
    table = read_places(content_of(file), crs=crs)
    report = rounds.import_places(state.database, state.tilings.get(), table, who=who.name, commit=commit)
    return report.as_dict()


@router.put("/patrol/places/{code}/exemption", status_code=204, response_class=Response)
def exempt_place(state: State, who: Planner, code: Code, body: Exemption) -> None:
    """Take a place off the lists with the reason, or put it on again."""
    rounds.set_exempt(state.database, code, body.department, body.reason.strip(), body.until, who=who.name)


@router.delete("/patrol/places/{code}", status_code=204, response_class=Response)
def retire_place(state: State, who: Planner, code: Code) -> None:
    """Take a place out of use; visits made there stay."""
    rounds.retire(state.database, code, who=who.name)


@router.post("/patrol/places/{code}/sign")
def renew_sign(state: State, who: Planner, code: Code) -> dict[str, str]:
    """Make the QR sign that hangs at a place void and give the code of a new one."""
    return {"place": code, "sign": rounds.renew_sign(state.database, code, who=who.name)}


@router.get("/patrol/signs.pdf", responses=_PDF, response_class=Response)
def sign_sheets(
    request: Request,
    state: State,
    _: Planner,
    place: Annotated[list[str] | None, Query(max_length=64, description="Code; default: all")] = None,
    cell: Annotated[str | None, Query(max_length=64, description="Only in this cell")] = None,
    address: Annotated[
        str | None,
        Query(max_length=200, pattern="^https?://", description="By which phones reach the service"),
    ] = None,
) -> Response:
    """Print the QR signs of places as PDF, six to a page."""
    with state.database.reading() as connection:
        rows = rounds.places(connection, state.tilings.get(), signs=True)
    chosen = [
        row
        for row in rows
        if (not place or row["code"] in place)
        and (cell is None or any(one["code"] == cell for one in row["path"]))
    ]
    content = visit_signs_pdf(chosen[:MOST_SIGNS], address or str(request.base_url))
    headers = {"Content-Disposition": 'inline; filename="signs.pdf"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/pdf", headers=headers)


@router.get("/patrol/campaigns")
def patrol_campaigns(state: State, _: Reader) -> dict[str, Any]:
    """List the campaigns, the latest first, each with its places."""
    with state.database.reading() as connection:
        return {"campaigns": store.campaigns(connection)}


@router.post("/imports/campaigns")
def import_campaigns(state: State, who: Planner, file: Upload, commit: Commit = False) -> dict[str, Any]:
    """Import campaigns from CSV or xlsx: campaign, department, campaign_from, campaign_to, place_code."""
    report = rounds.import_campaigns(
        state.database, read_campaigns(content_of(file)), who=who.name, commit=commit
    )
    return report.as_dict()


@router.delete("/patrol/campaigns/{name}", status_code=204, response_class=Response)
def end_campaign(state: State, who: Planner, name: Annotated[str, Path(max_length=60)]) -> None:
    """Forget a campaign."""
    rounds.end_campaign(state.database, name, who=who.name)


@router.put("/patrol/weeks/{monday}", responses=LATER_ANSWER, response_class=Response)
def make_week(request: Request, state: State, who: Planner, monday: Monday) -> Response:
    """Make the lists of a week in place of earlier ones.

    Visits to the same place by several departments are one; what is covered already is dropped; each
    worker's days are about equally long, over the streets. With ``Prefer: respond-async`` a job makes them.
    """
    week_lists.require_monday(monday)
    if prefers_later(request):
        week = monday.isoformat()
        return begin(state, who, WEEK_LISTS, subject=f"patrol week {week}", arguments={"monday": week})
    tiling = state.tilings.get()
    return json_answer(week_lists.make_week(state.database, state.ground, tiling, monday, who=who.name))


@router.get("/patrol/weeks/{monday}", responses=_WEEK, response_class=Response)
def read_week(
    state: State,
    _: Reader,
    monday: Monday,
    form: Annotated[Literal["json", "csv", "pdf"], Query(alias="format")] = "json",
) -> Response:
    """Give the lists of a week by person and day, as JSON, as CSV, or as PDF to be printed."""
    with state.database.reading() as connection:
        told = week_lists.week(connection, state.tilings.get(), monday)
        zone = town_zone(connection)
    name = f'filename="week-{monday}.{form}"'
    if form == "csv":
        content = "\ufeff" + week_lists.as_csv(told, zone)
        headers = {"Content-Disposition": f"attachment; {name}"}
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
    if form == "pdf":
        headers = {"Content-Disposition": f"inline; {name}"}
        return Response(week_pdf(told, zone), media_type="application/pdf", headers=headers)
    return json_answer(told)
