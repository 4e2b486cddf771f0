"""Plans before and at publishing: findings, waivers, publishing, a new base, going back; lineage of cells."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Header, Path, Query, Response
from pydantic import Field

from geo_service.api.access import READERS
from geo_service.api.moments import Moment
from geo_service.api.plan_json import finding_object, plan_object
from geo_service.api.routes.plans import JSON_ANSWER, Body, OnRevision, PlanId, Planner, Reader, json_answer
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import BadRequestError, Fault, NotFoundError
from geo_service.services import plan_findings, plan_publishing, planning
from geo_service.store import audit, lineage, plan_ground, plans

router = Router(prefix="/v1", tags=["plans"])

CellRef = tuple[Annotated[str, Field(max_length=32)], Annotated[str, Field(max_length=64)]]
IfMatch = Annotated[str, Header(description="The plan's revision as its ETag gave it", max_length=40)]


class NewWaiver(Body):
    """What somebody accepts, and why."""

    rule: str = Field(max_length=40)
    cells: list[CellRef] = Field(min_length=1, max_length=1000)
    why: str = Field(min_length=1, max_length=1000)
    until: date


class Publication(Body):
    """How a plan is published."""

    note: str = Field("", max_length=2000)
    valid_from: Moment | None = Field(None, description="Default: now")
    supersede: bool = Field(False, description="Replace editions that begin later")


class Rebase(OnRevision):
    """How a plan is moved to another edition."""

    as_of: Moment | None = Field(None, description="To the edition in force then; default: now")
    drop: list[Annotated[int, Field(ge=1)]] = Field([], max_length=10_000, description="Changes to leave out")


@router.get("/plans/{plan_id}/findings", responses=JSON_ANSWER, response_class=Response)
def findings(
    state: State,
    _: Reader,
    plan_id: PlanId,
    scope: Annotated[Literal["touched", "all"], Query(description="Cells of the plan, or all")] = "touched",
) -> Response:
    """List what the rules say of the cells that the plan changes, or of all."""
    with planning.viewing(state.plans, plan_id) as (row, plan, connection):
        cells = plan.changed() if scope == "touched" else None
        found = plan_findings.judge(connection, row, plan, cells)
    body = {"revision": row.revision, "findings": [finding_object(one) for one in found]}
    return json_answer(body, row.revision)


@router.post("/plans/{plan_id}/waivers", status_code=201, responses=JSON_ANSWER, response_class=Response)
def waive(state: State, who: Planner, plan_id: PlanId, body: NewWaiver) -> Response:
    """Accept what a rule says of some cells; your name and reason are kept with it."""
    with state.plans.hold(plan_id) as held, state.database.writing() as connection:
        row = plans.get(connection, plan_id, lock=True)
        planning.require_open(row)
        plan_findings.waive(
            connection,
            row,
            held.state(connection, row),
            rule=body.rule,
            cells=list(body.cells),
            who=who.name,
            why=body.why,
            until=body.until,
        )
        details = {"rule": body.rule, "cells": body.cells, "why": body.why}
        audit.record(connection, who.name, "plan.waive", f"plan {plan_id}", details)
    return json_answer({"rule": body.rule, "cells": body.cells}, row.revision, 201)


@router.post("/plans/{plan_id}/publish", responses=JSON_ANSWER, response_class=Response)
def publish(state: State, who: Planner, plan_id: PlanId, body: Publication, if_match: IfMatch) -> Response:
    """Publish the plan: it becomes the edition in force from the moment given on."""
    published = plan_publishing.publish_plan(
        state.plans,
        plan_id,
        revision=_revision(if_match),
        note=body.note,
        who=who.name,
        valid_from=body.valid_from,
        supersede=body.supersede,
    )
    answer = {
        "edition_id": published.edition_id,
        "valid_from": published.valid_from,
        "incidents_placed": published.placed,
    }
    return json_answer(answer, published.edition_id)


def _revision(etag: str) -> int:
    text = etag.strip().removeprefix("W/").strip('"')
    if not text.isdigit() or len(text) > 9:
        message = 'give the revision that you looked at, as the ETag has it: If-Match: "12"'
        raise BadRequestError(message, [Fault("If-Match", message, value=etag)])
    return int(text)


@router.post("/plans/{plan_id}/rebase", responses=JSON_ANSWER, response_class=Response)
def rebase(state: State, who: Planner, plan_id: PlanId, body: Rebase) -> Response:
    """Let the plan start from the edition in force; changes that do not fit are listed, unless left out."""
    row = plan_publishing.rebase_plan(
        state.plans,
        plan_id,
        revision=body.revision,
        drop=frozenset(body.drop),
        as_of=body.as_of,
        who=who.name,
    )
    return json_answer(plan_object(row), row.revision)


@router.post("/editions/{edition_id}/restore", responses=JSON_ANSWER, response_class=Response)
def restore(state: State, who: Planner, edition_id: PlanId, body: Publication) -> Response:
    """Publish the tiling of an earlier edition again, as a new edition."""
    published = plan_publishing.restore_edition(
        state.plans,
        edition_id,
        note=body.note,
        who=who.name,
        valid_from=body.valid_from,
        supersede=body.supersede,
    )
    answer: dict[str, Any] = {"edition_id": published.edition_id, "valid_from": published.valid_from}
    return json_answer(answer, published.edition_id)


@router.get("/cells/{code}/lineage", responses=JSON_ANSWER, response_class=Response, dependencies=[READERS])
def cell_lineage(
    state: State,
    code: Annotated[str, Path(max_length=64)],
    level: Annotated[str | None, Query(max_length=32)] = None,
) -> Response:
    """Tell what a cell got from others and passed on, edition by edition, in shares of what the giver had.

    ``level`` decides where two levels use the same code.
    """
    with state.database.reading() as connection:
        known = plan_ground.levels_with_code(connection, code)
        found = known if level is None else [one for one in known if one == level]
        if not found:
            raise NotFoundError(f"there never was a {level or 'cell'} {code}")
        if len(found) > 1:
            faults = [Fault("level", f"add one of {', '.join(found)}")]
            raise NotFoundError(f"several levels have a cell {code!r}", faults)
        rows = lineage.of_cell(connection, found[0], code)
    return json_answer({"level": found[0], "code": code, "lineage": rows}, len(rows))
