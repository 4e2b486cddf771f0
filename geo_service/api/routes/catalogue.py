"""The town's own lists: categories, response standards, access times in buildings."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Header, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request

from geo_service.api.access import ANYONE_KNOWN, roles
from geo_service.api.caching import CREDENTIALS, json_answer
from geo_service.api.reports import Urgency
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Principal, Role
from geo_service.services import catalogue, duplicates
from geo_service.staffing.clocks import LONGEST_S
from geo_service.staffing.floors import access_time_object

router = Router(prefix="/v1", tags=["incidents"])

#: Whoever leads the desk: what counts as in time is not for each dispatcher to say.
Lead = Annotated[Principal, roles(Role.LEADER)]
IfMatch = Annotated[str | None, Header(max_length=500, description="ETag of the list that was changed")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Start = Literal["reported", "accepted", "dispatched", "arrived"]
Seconds = Annotated[int, Field(ge=1, le=LONGEST_S)]
Short = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class Category(BaseModel):
    """A kind of incident: 部件 component or 事件 event."""

    model_config = ConfigDict(extra="forbid")

    code: Code
    parent_code: Code | None = None
    kind: Literal["component", "event"]
    name_zh: Name
    name_en: Name
    urgency: Urgency = "normal"
    capabilities: list[Word] = Field(
        default_factory=list, max_length=20, description="What who goes there must be able to do"
    )


class Categories(BaseModel):
    """All categories."""

    model_config = ConfigDict(extra="forbid")

    categories: list[Category] = Field(max_length=2000)


class Standard(BaseModel):
    """How soon incidents of some kind must have been reached, handled and closed."""

    model_config = ConfigDict(extra="forbid")

    code: Word
    name_zh: Name
    name_en: Name
    arrive_s: Seconds
    handle_s: Seconds
    close_s: Seconds
    arrive_from: Literal["reported", "accepted", "dispatched"] = "reported"
    handle_from: Start = "reported"
    close_from: Start = "reported"
    pausable: list[Literal["arrive", "handle", "close"]] = Field(["handle", "close"], max_length=3)
    categories: list[Code] = Field(default_factory=list, max_length=500, description="Empty: any")
    urgencies: list[Urgency] = Field(default_factory=list, max_length=4)
    cells: list[Word] = Field(
        default_factory=list, max_length=500, description="Codes of cells, with all inside"
    )


class Standards(BaseModel):
    """All response standards; of equally specific ones the last holds."""

    model_config = ConfigDict(extra="forbid")

    standards: list[Standard] = Field(max_length=200)


class AccessTime(BaseModel):
    """From the door of a building to a floor."""

    model_config = ConfigDict(extra="forbid")

    door_s: Short = 20.0
    stairs_up_s: Short = 18.0
    stairs_down_s: Short = 13.0
    lift_wait_s: Short = 40.0
    lift_s: Short = 3.0
    lift_from_floor: Annotated[int, Field(ge=2, le=200)] = 7


@router.get("/categories", dependencies=[ANYONE_KNOWN])
def categories(request: Request, state: State) -> Response:
    """List the categories of incidents."""
    with state.database.reading() as connection:
        return _told(request, "categories", catalogue.categories(connection))


@router.put("/categories")
def set_categories(
    request: Request, state: State, who: Lead, body: Categories, if_match: IfMatch = None
) -> Response:
    """Put a new list of categories in the place of the old one; what it lacks is retired."""
    rows = [one.model_dump() for one in body.categories]
    done = catalogue.set_categories(state.database, rows, who=who.name, if_match=if_match)
    return _told(request, "categories", done)


@router.get("/response-standards", dependencies=[ANYONE_KNOWN])
def standards(request: Request, state: State) -> Response:
    """List the response standards."""
    with state.database.reading() as connection:
        return _told(request, "standards", catalogue.standards(connection))


@router.put("/response-standards")
def set_standards(
    request: Request, state: State, who: Lead, body: Standards, if_match: IfMatch = None
) -> Response:
    """Set all response standards. Incidents that are there keep theirs until they are corrected."""
    rows = [one.model_dump() for one in body.standards]
    done = catalogue.set_standards(state.database, rows, who=who.name, if_match=if_match)
    return _told(request, "standards", done)


@router.get("/access-time", dependencies=[ANYONE_KNOWN])
def access_time(request: Request, state: State) -> Response:
    """Tell how long people take from the street to a floor."""
    with state.database.reading() as connection:
        return _told(request, None, access_time_object(catalogue.access_time(connection)))


@router.put("/access-time")
def set_access_time(
    request: Request, state: State, who: Lead, body: AccessTime, if_match: IfMatch = None
) -> Response:
    """Set how long people take from the street to a floor, by stairs and by lift."""
    done = catalogue.set_access_time(state.database, body.model_dump(), who=who.name, if_match=if_match)
    return _told(request, None, done)


class DuplicateRuleGiven(BaseModel):
    """A rule that follows a version; what is left out is as the program has it."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=0, le=2**31 - 2, description="The version looked at; refused if outdated")
    rule: dict[str, Any] = Field(
        description="enabled, within_m, within_s, channels, categories (with all below them)"
    )


class DuplicateRuleTold(BaseModel):
    """The rule in force; version 0 is what the program comes with: nothing is merged."""

    version: int
    rule: dict[str, Any]
    set_by: str
    set_at: datetime | None


@router.get("/duplicate-rule", dependencies=[ANYONE_KNOWN])
def duplicate_rule(state: State) -> DuplicateRuleTold:
    """Tell by which rule a report is merged into an earlier one without a person looking."""
    with state.database.reading() as connection:
        return _rule(duplicates.read_rule(connection))


@router.put("/duplicate-rule")
def set_duplicate_rule(state: State, who: Lead, body: DuplicateRuleGiven) -> DuplicateRuleTold:
    """Set the rule for duplicates. It holds for what is reported from now on; `enabled: false` ends it.

    What it merges names the version and whoever set it in the log of both incidents, and is undone as any
    merge: then the rule leaves that report alone.
    """
    return _rule(duplicates.set_rule(state.database, body.rule, after=body.version, who=who.name))


def _rule(found: duplicates.RuleSet) -> DuplicateRuleTold:
    return DuplicateRuleTold(
        version=found.version, rule=found.rule.as_mapping(), set_by=found.who, set_at=found.at
    )


def _told(request: Request, name: str | None, value: Any) -> Response:
    """Answer with the ETag that a change must name."""
    headers = {"ETag": catalogue.mark(value), "Cache-Control": "private, no-cache", "Vary": CREDENTIALS}
    if request.method == "GET" and headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return json_answer({name: value} if name else value, headers=headers)
