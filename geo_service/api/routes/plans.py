"""Plans: opening one, its cells, changes one by one, undo and redo, events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Protocol

import orjson
from fastapi import Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from geo_service.api.access import Access, roles
from geo_service.api.caching import json_answer, tagged_json
from geo_service.api.idempotency import Once, OnlyOnce
from geo_service.api.plan_json import change_object, changed_object, feature_collection, plan_object
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import (
    BadRequestError,
    Fault,
    GeoServiceError,
    InvalidInputError,
    PreconditionRequiredError,
    Words,
)
from geo_service.model import Principal, Role
from geo_service.planning import verbs
from geo_service.planning.register import CellKey
from geo_service.services import plan_findings, planning
from geo_service.services.plan_search import find_cells
from geo_service.services.plan_state import PlanState
from geo_service.services.planning import Changed
from geo_service.store import boundaries, plans
from geo_service.store.database import Connection
from geo_service.store.plans import PlanRow

router = Router(prefix="/v1", tags=["plans"])

MAX_FEATURES = 5000
PAGE = 1000
#: How often an open stream of events looks at the plan.
EVENT_EVERY_S = 1.0
HEARTBEAT_EVERY = 15
#: A stream ends after so many looks; the browser opens another, and shows its key again.
LOOKS = 600
LOOKS_PER_KEY = 4
MAY_READ = Access(frozenset({Role.PLANNER, Role.LEADER}))

Planner = Annotated[Principal, roles(Role.PLANNER)]
Reader = Annotated[Principal, roles(Role.PLANNER, Role.LEADER)]
PlanId = Annotated[int, Path(ge=1, le=2**31 - 1)]
JSON_ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}


class Body(BaseModel):
    """A body that takes nothing unknown."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class NewPlan(Body):
    """A plan to open."""

    name: str = Field(min_length=1, max_length=200)
    note: str = Field("", max_length=2000)
    edition_id: int | None = Field(None, ge=1, le=2**31 - 1, description="Default: the edition in force")


class OnRevision(Body):
    """The revision that the caller knows."""

    revision: int = Field(ge=0, le=2**31 - 1)


class NewChange(OnRevision):
    """An edit; its arguments depend on the verb."""

    verb: str = Field(max_length=32, description=f"One of: {', '.join(verbs.VERBS)}")
    arguments: dict[str, Any] = Field(
        description="By verb; what stands in brackets may be left out:\n\n"
        + "".join(f"- `{name}`: {verb.takes}\n" for name, verb in verbs.VERBS.items())
        + "\nWritten: "
        + "; ".join(f"{name} `{written}`" for name, written in verbs.NOTATION.items())
    )


class NewComment(Body):
    """A remark, perhaps on a place."""

    body: str = Field(min_length=1, max_length=2000)
    place: tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]] | None = (
        None
    )


IfMatch = Annotated[
    str | None,
    Header(description="The plan's ETag, of which the revision is compared, or that alone", max_length=80),
]


def seen_revision(etag: str | None) -> int:
    """Return the revision that ``If-Match`` names: the plan's ETag, which begins with it, or that alone.

    Raises
    ------
    PreconditionRequiredError, BadRequestError
        It is missing; it is no such tag.
    """
    advice = Words(
        'give the revision that you looked at, as the ETag has it: If-Match: "12"',
        '请写明看到的修订号，如 ETag 所示：If-Match: "12"',
    )
    if etag is None:
        raise PreconditionRequiredError(advice, [Fault("If-Match", advice)])
    number = etag.strip().removeprefix("W/").strip('"').partition("-")[0]
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise BadRequestError(advice, [Fault("If-Match", advice, value=etag)])
    return int(number)


@router.post("/plans", status_code=201, responses=JSON_ANSWER, response_class=Response)
def open_plan(state: State, who: Planner, body: NewPlan, once: OnlyOnce) -> Response:
    """Open a plan: a draft that starts from an edition."""

    def act() -> Response:
        made: list[Response] = []

        def within(connection: Connection, row: PlanRow) -> None:
            headers = {"Location": f"/v1/plans/{row.id}"}
            made.append(json_answer(plan_object(row), status=201, headers=headers))
            once.keep(connection, made[0])

        planning.open_plan(
            state.plans,
            name=body.name.strip() or body.name,
            note=body.note,
            edition_id=body.edition_id,
            who=who.name,
            within=within,
        )
        return made[0]

    return once.answer(state.database, act)


@router.get("/plans", responses=JSON_ANSWER, response_class=Response)
def list_plans(
    request: Request,
    state: State,
    _: Reader,
    before: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only plans with a smaller id")] = 0,
    limit: Annotated[int, Query(ge=1, description="At most 100")] = 50,
) -> Response:
    """List plans, the newest first; ``next`` is where older ones are, if there may be some."""
    limit = min(limit, 100)
    with state.database.reading() as connection:
        rows = plans.every(connection, before=before, limit=limit)
    body: dict[str, Any] = {"plans": [plan_object(row) for row in rows]}
    if len(rows) == limit:
        body["next"] = f"/v1/plans?before={rows[-1].id}&limit={limit}"
    return tagged_json(request, body, len(rows))


@router.get("/plans/{plan_id}", responses=JSON_ANSWER, response_class=Response)
def get_plan(request: Request, state: State, _: Reader, plan_id: PlanId) -> Response:
    """Give a plan: its revision, its levels, what undo and redo can do. Its ETag goes into ``If-Match``."""
    with (
        state.plans.hold(plan_id) as held,
        planning.viewing(state.plans, plan_id) as (row, plan, connection),
    ):
        plan_findings.warm_in_background(state.plans, held, row.base_edition_id)
        in_force = boundaries.edition_in_force(connection)
        body = plan_object(row) | {
            "base_in_force": in_force is not None and in_force.id == row.base_edition_id,
            "can_undo": plans.last_applied(connection, plan_id) is not None,
            "can_redo": plans.first_undone(connection, plan_id) is not None,
            "levels": _levels(connection, plan),
            "bounds": plan.bounds(),
        }
    return tagged_json(request, body, row.revision, strong=True)


def _levels(connection: Connection, plan: PlanState) -> list[dict[str, Any]]:
    leaf_levels = {plan.redraw.key_of(leaf)[0] for leaf in plan.redraw.space.leaves()}
    return [
        {
            "code": level.code,
            "depth": level.depth,
            "name_zh": level.name_zh,
            "name_en": level.name_en,
            "is_leaf_level": level.code in leaf_levels,
        }
        for level in boundaries.levels(connection)
        if level.code in plan.base.levels
    ]


@router.delete("/plans/{plan_id}", responses=JSON_ANSWER, response_class=Response)
def drop_plan(state: State, who: Planner, plan_id: PlanId, if_match: IfMatch = None) -> Response:
    """Give a plan up; it stays readable."""
    row = planning.drop_plan(state.plans, plan_id, who=who.name, revision=seen_revision(if_match))
    return json_answer(plan_object(row))


@router.get("/plans/{plan_id}/cells", responses=JSON_ANSWER, response_class=Response)
def cells(
    request: Request,
    state: State,
    _: Reader,
    plan_id: PlanId,
    level: Annotated[str, Query(max_length=32)],
    bbox: Annotated[str | None, Query(max_length=120, description="west,south,east,north")] = None,
    limit: Annotated[int, Query(ge=1, description=f"At most {MAX_FEATURES}")] = 2000,
) -> Response:
    """Give the cells of a level as the plan stands, as GeoJSON; ``numberMatched`` counts them all."""
    box = _box(bbox)
    with planning.viewing(state.plans, plan_id) as (row, plan, _connection):
        keys = plan.keys_on(level, box)
        shown = keys[: min(limit, MAX_FEATURES)]
        body = feature_collection(plan, shown)
    body |= {"revision": row.revision, "numberMatched": len(keys), "numberReturned": len(shown)}
    return tagged_json(request, body, row.revision)


@router.get("/plans/{plan_id}/cells/search", responses=JSON_ANSWER, response_class=Response)
def search_cells(
    request: Request,
    state: State,
    _: Reader,
    plan_id: PlanId,
    q: Annotated[str, Query(min_length=1, max_length=100, description="Part of a name or code")],
    limit: Annotated[int, Query(ge=1, description="At most 100")] = 20,
) -> Response:
    """Find cells by name or code as the plan stands; the likeliest first, with the names above them."""
    with planning.viewing(state.plans, plan_id) as (row, plan, _connection):
        keys = find_cells(plan, q, min(limit, 100))
        body = {"revision": row.revision, "cells": [_found(plan, key) for key in keys]}
    return tagged_json(request, body, row.revision)


def _found(plan: PlanState, key: CellKey) -> dict[str, Any]:
    *above, own = plan.redraw.register.path(key)
    outline = plan.outline(key)
    return {
        "level": own[0],
        "code": own[1],
        "name": plan.name_of(own),
        "above": [plan.name_of(cell) for cell in above],
        "bounds": None if outline.is_empty else [round(value, 7) for value in outline.bounds],
    }


def _box(bbox: str | None) -> tuple[float, float, float, float] | None:
    if bbox is None:
        return None
    try:
        west, south, east, north = map(float, bbox.split(","))
    except ValueError:
        west = south = east = north = float("nan")
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        message = "give four degrees: west,south,east,north"
        raise InvalidInputError(message, [Fault("bbox", message, value=bbox)])
    return west, south, east, north


@router.get("/plans/{plan_id}/changes", responses=JSON_ANSWER, response_class=Response)
def changes(
    request: Request,
    state: State,
    _: Reader,
    plan_id: PlanId,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Number of the last change seen")] = 0,
    since_revision: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="Only what was done or undone after this revision")
    ] = None,
) -> Response:
    """List the changes of a plan in order, those undone as well."""
    with planning.viewing(state.plans, plan_id) as (row, plan, connection):
        if since_revision is None:
            rows = plans.changes(connection, plan_id, after, PAGE)
        else:
            rows = plans.changes_since(connection, plan_id, since_revision)
        told = [change_object(change, plan) for change in rows]
    body: dict[str, Any] = {"revision": row.revision, "changes": told}
    if since_revision is None and len(rows) == PAGE:
        body["next"] = f"/v1/plans/{plan_id}/changes?after={rows[-1].number}"
    return tagged_json(request, body, row.revision)


@router.post("/plans/{plan_id}/changes", responses=JSON_ANSWER, response_class=Response)
def change_plan(state: State, who: Planner, plan_id: PlanId, body: NewChange, once: OnlyOnce) -> Response:
    """Carry out an edit; the answer has the cells as they are now and their figures before and after."""
    return _changed(
        state,
        plan_id,
        once,
        lambda within: planning.change_plan(
            state.plans,
            plan_id,
            revision=body.revision,
            verb=body.verb,
            arguments=body.arguments,
            who=who.name,
            within=within,
        ),
    )


@router.post("/plans/{plan_id}/undo", responses=JSON_ANSWER, response_class=Response)
def undo(state: State, who: Planner, plan_id: PlanId, body: OnRevision, once: OnlyOnce) -> Response:
    """Take the last change back."""
    return _changed(
        state,
        plan_id,
        once,
        lambda within: planning.undo(
            state.plans, plan_id, revision=body.revision, who=who.name, within=within
        ),
    )


@router.post("/plans/{plan_id}/redo", responses=JSON_ANSWER, response_class=Response)
def redo(state: State, who: Planner, plan_id: PlanId, body: OnRevision, once: OnlyOnce) -> Response:
    """Bring back the change that was undone last."""
    return _changed(
        state,
        plan_id,
        once,
        lambda within: planning.redo(
            state.plans, plan_id, revision=body.revision, who=who.name, within=within
        ),
    )


class Edit(Protocol):
    """An edit of a plan, which tells of itself within its transaction."""

    def __call__(self, within: planning.Within) -> Changed:
        """Make the edit."""


def _changed(state: AppState, plan_id: int, once: Once, edit: Edit) -> Response:
    """Make an edit and answer with what it did.

    With a key the answer is made and kept in the transaction of the edit; without one it is made afterwards,
    so that others wait less.
    """
    made: list[Response] = []

    def within(connection: Connection, changed: Changed, plan: PlanState) -> None:
        if once.key is not None:
            made.append(_told(connection, changed.row, plan, changed))
            once.keep(connection, made[0])

    def act() -> Response:
        with state.plans.hold(plan_id):
            changed = edit(within)
            if not made:
                with planning.viewing(state.plans, plan_id) as (row, plan, connection):
                    made.append(_told(connection, row, plan, changed))
        return made[0]

    return once.answer(state.database, act)


def _told(connection: Connection, row: PlanRow, plan: PlanState, changed: Changed) -> Response:
    try:
        with connection.begin_nested():  # what the rules cannot read must not take the edit with it
            findings = plan_findings.judge(connection, row, plan, changed.cells)
    except GeoServiceError:  # the change is made all the same: GET findings tells what is wrong
        findings = []
    return json_answer(changed_object(changed, plan, findings))


@router.get("/plans/{plan_id}/comments", responses=JSON_ANSWER, response_class=Response)
def comments(request: Request, state: State, _: Reader, plan_id: PlanId) -> Response:
    """List the remarks on a plan."""
    with state.database.reading() as connection:
        row = plans.get(connection, plan_id)
        found = plans.comments(connection, plan_id)
    body = [{"id": c.id, "who": c.who, "at": c.at, "body": c.body, "place": c.place} for c in found]
    return tagged_json(request, {"comments": body}, row.revision)


@router.post("/plans/{plan_id}/comments", status_code=201, responses=JSON_ANSWER, response_class=Response)
def add_comment(state: State, who: Reader, plan_id: PlanId, body: NewComment, once: OnlyOnce) -> Response:
    """Add a remark, perhaps on a place."""

    def act() -> Response:
        with state.database.writing() as connection:
            plans.get(connection, plan_id)
            plans.add_comment(connection, plan_id, who=who.name, body=body.body, place=body.place)
            answer = json_answer({"body": body.body}, status=201)
            once.keep(connection, answer)
        return answer

    return once.answer(state.database, act)


@router.get("/plans/{plan_id}/events", response_class=StreamingResponse)
async def events(request: Request, state: State, _: Reader, plan_id: PlanId) -> StreamingResponse:
    """Stream the plan's revision whenever it moves on, as server-sent events.

    ``judgement`` is another one when somebody waived a finding, declared an exclave or withdrew it: the
    revision stays, but what the rules say of the plan is to be asked for again.
    """
    await run_in_threadpool(_row, state, plan_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _stream(request, state, plan_id), media_type="text/event-stream", headers=headers
    )


async def _stream(request: Request, state: AppState, plan_id: int) -> AsyncIterator[bytes]:
    known: tuple[int, str] | None = None
    quiet = 0
    for look in range(LOOKS):
        if await request.is_disconnected():
            return
        try:
            if look % LOOKS_PER_KEY == 0:  # a key that was revoked meanwhile sees no more
                request.state.principal = None  # otherwise it answers from the first time
                await MAY_READ.check(request)
            row, judgement = await run_in_threadpool(_row, state, plan_id)
        except GeoServiceError:  # or the database is away for a moment: the browser comes again
            return
        if (row.revision, judgement) != known:
            known, quiet = (row.revision, judgement), 0
            told = {"revision": row.revision, "status": row.status, "judgement": judgement}
            event = orjson.dumps(told).decode()
            yield f"id: {row.revision}\ndata: {event}\n\n".encode()
        elif (quiet := quiet + 1) % HEARTBEAT_EVERY == 0:
            yield b": still here\n\n"
        await asyncio.sleep(EVENT_EVERY_S)


def _row(state: AppState, plan_id: int) -> tuple[PlanRow, str]:
    with state.database.reading() as connection:
        return plans.get(connection, plan_id), plans.judgement_mark(connection, plan_id)
