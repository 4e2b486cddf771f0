"""Plans before and at publishing: findings, waivers, publishing, a new base, going back; lineage of cells."""

from typing import Annotated, Literal

from fastapi import Path, Query, Response
from pydantic import Field
from starlette.requests import Request

from geo_service.api.access import READERS
from geo_service.api.caching import json_answer, tagged_json
from geo_service.api.idempotency import Once, OnlyOnce
from geo_service.api.later import LATER_ANSWER, begin, prefers_later
from geo_service.api.moments import Day, Moment
from geo_service.api.plan_json import finding_object, plan_object
from geo_service.api.routes.plans import (
    JSON_ANSWER,
    Body,
    IfMatch,
    OnRevision,
    PlanId,
    Planner,
    Reader,
    seen_revision,
)
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import Fault, NotFoundError, Words
from geo_service.services import plan_findings, plan_publishing, planning
from geo_service.services.job_kinds import PUBLISH_PLAN, RESTORE_EDITION
from geo_service.services.publishing import Published
from geo_service.store import audit, lineage, plan_ground, plans
from geo_service.store.database import Connection

router = Router(prefix="/v1", tags=["plans"])

CellRef = tuple[Annotated[str, Field(max_length=32)], Annotated[str, Field(max_length=64)]]


EditionId = Annotated[int, Path(ge=1, le=2**31 - 1)]


class NewWaiver(Body):
    """What somebody accepts, and why."""

    rule: str = Field(max_length=40)
    cells: list[CellRef] = Field(min_length=1, max_length=1000)
    why: str = Field(min_length=1, max_length=1000)
    until: Day


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
    request: Request,
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
    return tagged_json(request, body, row.revision)


@router.post("/plans/{plan_id}/waivers", status_code=201, responses=JSON_ANSWER, response_class=Response)
def waive(state: State, who: Planner, plan_id: PlanId, body: NewWaiver, once: OnlyOnce) -> Response:
    """Accept what a rule says of some cells; your name and reason are kept with it."""

    def act() -> Response:
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
            answer = json_answer({"rule": body.rule, "cells": body.cells}, status=201)
            once.keep(connection, answer)
            details = {"rule": body.rule, "cells": body.cells, "why": body.why}
            audit.record(connection, who.name, "plan.waive", f"plan {plan_id}", details)
        return answer

    return once.answer(state.database, act)


@router.post("/plans/{plan_id}/publish", responses=LATER_ANSWER, response_class=Response)
def publish(
    request: Request,
    state: State,
    who: Planner,
    plan_id: PlanId,
    body: Publication,
    once: OnlyOnce,
    if_match: IfMatch = None,
) -> Response:
    """Publish the plan: it becomes the edition in force from the moment given on.

    The answer says what it touches: who holds a duty on a cell that changes. With ``Prefer: respond-async``
    it comes at once (202), and the address in ``Location`` tells how far the publication is.
    """
    revision = seen_revision(if_match)

    def act() -> Response:
        if prefers_later(request):
            plan_publishing.refuse_at_once(state.plans, plan_id, revision=revision)
            arguments = {"plan_id": plan_id, "revision": revision, **body.model_dump()}
            subject = plans.subject(plan_id)
            return begin(state, who, PUBLISH_PLAN, subject=subject, arguments=arguments, once=once)
        made = Kept(once)
        plan_publishing.publish_plan(
            state.plans,
            plan_id,
            revision=revision,
            note=body.note,
            who=who.name,
            valid_from=body.valid_from,
            supersede=body.supersede,
            finish=made.finish,
        )
        return made.answer

    return once.answer(state.database, act)


class Kept:
    """The answer to a publication, made and kept in its transaction."""

    answer: Response

    def __init__(self, once: Once) -> None:
        self._once = once

    def finish(self, connection: Connection, published: Published) -> None:
        """Make the answer."""
        self.answer = json_answer(published.as_dict())
        self._once.keep(connection, self.answer)


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
    return json_answer(plan_object(row))


@router.post("/editions/{edition_id}/restore", responses=LATER_ANSWER, response_class=Response)
def restore(
    request: Request, state: State, who: Planner, edition_id: EditionId, body: Publication, once: OnlyOnce
) -> Response:
    """Publish the tiling of an earlier edition again, as a new edition.

    With ``Prefer: respond-async`` the answer comes at once (202), as with the publication of a plan.
    """

    def act() -> Response:
        if prefers_later(request):
            with state.database.reading() as connection:
                plan_ground.edition_of(connection, edition_id)
            arguments = {"edition_id": edition_id, **body.model_dump()}
            subject = f"edition {edition_id}"
            return begin(state, who, RESTORE_EDITION, subject=subject, arguments=arguments, once=once)
        made = Kept(once)
        plan_publishing.restore_edition(
            state.plans,
            edition_id,
            note=body.note,
            who=who.name,
            valid_from=body.valid_from,
            supersede=body.supersede,
            finish=made.finish,
        )
        return made.answer

    return once.answer(state.database, act)


@router.get("/cells/{code}/lineage", responses=JSON_ANSWER, response_class=Response, dependencies=[READERS])
def cell_lineage(
    request: Request,
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
            raise NotFoundError(Words(f"there never was a {level or 'cell'} {code}", f"从未有过网格 {code}"))
        if len(found) > 1:
            levels = ", ".join(found)
            advice = Fault("level", Words(f"add one of {levels}", f"请加上其中一个层级：{levels}"))
            message = Words(f"several levels have a cell {code!r}", f"有几个层级都有网格 {code}")
            raise NotFoundError(message, [advice])
        rows = lineage.of_cell(connection, found[0], code)
    return tagged_json(request, {"level": found[0], "code": code, "lineage": rows}, len(rows))
