"""Plans: opening one, its cells, changes one by one, undo and redo, events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from geo_service.api.access import Access, roles
from geo_service.api.plan_json import change_object, changed_object, feature_collection, plan_object
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import Fault, GeoServiceError, InvalidInputError
from geo_service.model import Principal, Role
from geo_service.services import plan_findings, planning
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

    verb: str = Field(max_length=32)
    arguments: dict[str, Any]


class NewComment(Body):
    """A remark, perhaps on a place."""

    body: str = Field(min_length=1, max_length=2000)
    place: tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]] | None = (
        None
    )


def json_answer(body: Any, revision: int, status: int = 200) -> Response:
    """Return an answer whose ETag is the plan's revision."""
    content = orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    return Response(content, status, {"ETag": f'"{revision}"'}, "application/json")


@router.post("/plans", status_code=201, responses=JSON_ANSWER, response_class=Response)
def open_plan(state: State, who: Planner, body: NewPlan) -> Response:
    """Open a plan: a draft that starts from an edition."""
    row = planning.open_plan(
        state.plans,
        name=body.name.strip() or body.name,
        note=body.note,
        edition_id=body.edition_id,
        who=who.name,
    )
    return json_answer(plan_object(row), row.revision, 201)


@router.get("/plans", responses=JSON_ANSWER, response_class=Response)
def list_plans(
    state: State,
    _: Reader,
    before: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only plans with a smaller id")] = 0,
    limit: Annotated[int, Query(ge=1, description="At most 100")] = 50,
) -> Response:
    """List plans, the newest first."""
    with state.database.reading() as connection:
        rows = plans.every(connection, before=before, limit=min(limit, 100))
    return json_answer({"plans": [plan_object(row) for row in rows]}, 0)


@router.get("/plans/{plan_id}", responses=JSON_ANSWER, response_class=Response)
def get_plan(state: State, _: Reader, plan_id: PlanId) -> Response:
    """Give a plan: its revision, its levels, what undo and redo can do."""
    with (
        state.plans.hold(plan_id) as held,
        planning.viewing(state.plans, plan_id) as (row, plan, connection),
    ):
        plan_findings.warm_in_background(state.plans, held, row.base_edition_id)
        body = plan_object(row) | {
            "base_in_force": state.tilings.edition().id == row.base_edition_id,
            "can_undo": plans.last_applied(connection, plan_id) is not None,
            "can_redo": plans.first_undone(connection, plan_id) is not None,
            "levels": _levels(connection, plan),
            "bounds": plan.bounds(),
        }
    return json_answer(body, row.revision)


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
def drop_plan(state: State, who: Planner, plan_id: PlanId) -> Response:
    """Give a plan up; it stays readable."""
    row = planning.drop_plan(state.plans, plan_id, who=who.name)
    return json_answer(plan_object(row), row.revision)


@router.get("/plans/{plan_id}/cells", responses=JSON_ANSWER, response_class=Response)
def cells(
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
    return json_answer(body, row.revision)


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
    return json_answer(body, row.revision)


@router.post("/plans/{plan_id}/changes", responses=JSON_ANSWER, response_class=Response)
def change_plan(state: State, who: Planner, plan_id: PlanId, body: NewChange) -> Response:
    """Carry out an edit; the answer has the cells as they are now and their figures before and after."""
    return _changed(
        state,
        plan_id,
        lambda: planning.change_plan(
            state.plans,
            plan_id,
            revision=body.revision,
            verb=body.verb,
            arguments=body.arguments,
            who=who.name,
        ),
    )


@router.post("/plans/{plan_id}/undo", responses=JSON_ANSWER, response_class=Response)
def undo(state: State, who: Planner, plan_id: PlanId, body: OnRevision) -> Response:
    """Take the last change back."""
    return _changed(
        state,
        plan_id,
        lambda: planning.undo(state.plans, plan_id, revision=body.revision, who=who.name),
    )


@router.post("/plans/{plan_id}/redo", responses=JSON_ANSWER, response_class=Response)
def redo(state: State, who: Planner, plan_id: PlanId, body: OnRevision) -> Response:
    """Bring back the change that was undone last."""
    return _changed(
        state,
        plan_id,
        lambda: planning.redo(state.plans, plan_id, revision=body.revision, who=who.name),
    )


def _changed(state: AppState, plan_id: int, act: Any) -> Response:
    with state.plans.hold(plan_id):
        changed: Changed = act()
        with planning.viewing(state.plans, plan_id) as (row, plan, connection):
            try:
                findings = plan_findings.judge(connection, row, plan, changed.cells)
            except GeoServiceError:  # the change is made all the same: GET findings tells what is wrong
                findings = []
            return json_answer(changed_object(changed, plan, findings), changed.row.revision)


@router.get("/plans/{plan_id}/comments", responses=JSON_ANSWER, response_class=Response)
def comments(state: State, _: Reader, plan_id: PlanId) -> Response:
    """List the remarks on a plan."""
    with state.database.reading() as connection:
        row = plans.get(connection, plan_id)
        found = plans.comments(connection, plan_id)
    body = [{"id": c.id, "who": c.who, "at": c.at, "body": c.body, "place": c.place} for c in found]
    return json_answer({"comments": body}, row.revision)


@router.post("/plans/{plan_id}/comments", status_code=201, responses=JSON_ANSWER, response_class=Response)
def add_comment(state: State, who: Reader, plan_id: PlanId, body: NewComment) -> Response:
    """Add a remark, perhaps on a place."""
    with state.database.writing() as connection:
        row = plans.get(connection, plan_id)
        plans.add_comment(connection, plan_id, who=who.name, body=body.body, place=body.place)
    return json_answer({"body": body.body}, row.revision, 201)


@router.get("/plans/{plan_id}/events", response_class=StreamingResponse)
async def events(request: Request, state: State, _: Reader, plan_id: PlanId) -> StreamingResponse:
    """Stream the plan's revision whenever it moves on, as server-sent events."""
    await run_in_threadpool(_row, state, plan_id)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _stream(request, state, plan_id), media_type="text/event-stream", headers=headers
    )


async def _stream(request: Request, state: AppState, plan_id: int) -> AsyncIterator[bytes]:
    known, quiet = -1, 0
    for look in range(LOOKS):
        if await request.is_disconnected():
            return
        try:
            if look % LOOKS_PER_KEY == 0:  # a key that was revoked meanwhile sees no more
                request.state.principal = None  # otherwise it answers from the first time
                await MAY_READ.check(request)
            row = await run_in_threadpool(_row, state, plan_id)
        except GeoServiceError:  # or the database is away for a moment: the browser comes again
            return
        if row.revision != known:
            known, quiet = row.revision, 0
            event = orjson.dumps({"revision": row.revision, "status": row.status}).decode()
            yield f"id: {row.revision}\ndata: {event}\n\n".encode()
        elif (quiet := quiet + 1) % HEARTBEAT_EVERY == 0:
            yield b": still here\n\n"
        await asyncio.sleep(EVENT_EVERY_S)


def _row(state: AppState, plan_id: int) -> PlanRow:
    with state.database.reading() as connection:
        return plans.get(connection, plan_id)
