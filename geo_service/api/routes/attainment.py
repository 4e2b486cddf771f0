"""Attainable or not: why nobody arrived in time, of one incident and by cell."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.caching import tagged
from geo_service.api.routes.cells import LevelCode
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.formats.times import DEFAULT_TIMEZONE
from geo_service.model import Principal, Role
from geo_service.services.attaining import attainment_table
from geo_service.services.figure_tables import csv_text, moment_of
from geo_service.services.scopes import part_of, without_others
from geo_service.staffing.attainment import CAUSES_ZH

router = Router(prefix="/v1", tags=["figures"])

Reader = Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER, Role.PLANNER)]
MOST_AT_ONCE = 500
_BOTH: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}, "text/csv": {}}}}
_SPAN = "A year, month or day in the zone (2025, 2025-03, 2025-03-01), or a moment with its UTC offset"


class Span(BaseModel):
    """Whose breaches are worked out, and at most how many at once."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: str = Field(alias="from", max_length=40, description=_SPAN)
    until: str = Field(alias="to", max_length=40, description=_SPAN)
    timezone: str = Field(DEFAULT_TIMEZONE, max_length=40)
    limit: int = Field(MOST_AT_ONCE, ge=1, le=MOST_AT_ONCE)


class WorkedOut(BaseModel):
    """How many breaches were worked out now, and how many of the span are left."""

    worked_out: int
    left: int


@router.get("/incidents/{incident_id}/breach")
def breach(state: State, who: Reader, incident_id: UUID) -> dict[str, Any]:
    """Tell why nobody arrived in time: who could have been there, who was sent and when, what it failed by.

    409 for an incident whose arrival clock is not broken, or of which no place is known. Who of another part
    of the town could have been there is told without his name to a key for a part of it.
    """
    found, part = state.attainment.of(incident_id), part_of(state.tilings, who)
    with state.database.reading() as connection:
        return without_others(connection, part, found)


@router.get("/figures/attainment", responses=_BOTH, response_class=Response)
def attainment(
    request: Request,
    state: State,
    who: Reader,
    since: Annotated[str, Query(alias="from", max_length=40, description=_SPAN)],
    until: Annotated[str, Query(alias="to", max_length=40, description=f"{_SPAN}; not in the span")],
    level: LevelCode,
    timezone: Annotated[str, Query(max_length=40, description="IANA zone of the days")] = DEFAULT_TIMEZONE,
    form: Annotated[str | None, Query(alias="format", pattern="^(json|csv)$")] = None,
) -> Response:
    """Count the breaches of the arrival clock by cell and cause, of incidents reported in a span.

    ``breaches`` less ``worked_out`` is what nobody has looked into yet: POST the same span.
    """
    span = moment_of(since, timezone, "from"), moment_of(until, timezone, "to")
    tiling = state.tilings.get()
    with state.database.reading() as connection:
        table = attainment_table(connection, tiling, level, span, scope=who.scope)
    mark = f"{tiling.edition.id}"
    if form == "csv" or (form is None and "text/csv" in request.headers.get("accept", "")):
        return tagged(request, "\ufeff" + csv_text(table), mark, "text/csv; charset=utf-8")
    body = {
        "edition": tiling.edition.id,
        "level": level,
        "from": span[0],
        "to": span[1],
        "causes_zh": {cause.value: words for cause, words in CAUSES_ZH.items()},
        "rows": table.to_dict("records"),
    }
    return tagged(request, orjson.dumps(body), mark, "application/json")


@router.post("/figures/attainment")
def work_out(
    state: State, who: Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER)], body: Span
) -> WorkedOut:
    """Work out the breaches of a span that are not yet, some hundreds at a time."""
    span = moment_of(body.since, body.timezone, "from"), moment_of(body.until, body.timezone, "to")
    done, left = state.attainment.work_out(*span, scope=who.scope, limit=body.limit)
    return WorkedOut(worked_out=done, left=left)
