"""Draw for me: divisions of a cell, merges of small ones, cells for leads; nothing is changed by asking."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from geo_service.api.caching import json_answer
from geo_service.api.plan_json import geometry_objects
from geo_service.api.routes.plan_review import CellRef
from geo_service.api.routes.plans import JSON_ANSWER, Body, PlanId, Planner
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.model import Mode
from geo_service.services import plan_leads, plan_split, planning
from geo_service.services.plan_drafting import DraftDesks, DraftStoppedError, Stop

router = Router(prefix="/v1", tags=["plans"])

_DESKS = DraftDesks()  # of this process
_LOOK_S = 0.5  # how often it is looked whether the client still waits
_CLIENT_GONE = 499  # nobody reads it; it is what the log shows

Households = Annotated[int, Field(ge=0, le=10_000_000)]


class Split(Body):
    """How a cell is to be divided; ``count``, ``band`` or both."""

    cell: CellRef
    count: int | None = Field(None, ge=1, le=10_000)
    band: tuple[Households, Households] | None = Field(
        None, description="Least and most households of a group"
    )
    unit: Literal["leaf", "building"] = Field(
        "leaf", description="What is moved about: today's leaves, or buildings"
    )
    alternatives: int = Field(3, ge=1, le=5)
    keep_lines: float = Field(
        0.0, ge=0, le=1, description="0 draws afresh, 1 keeps today's lines where it can"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1)
    strict: bool | None = Field(
        None,
        description="Refuse what cannot be in the band; else come as near as can be, with warnings. "
        "Default: as soon as a band is given",
    )


class Merge(Body):
    """Children of which cell to merge, and how many households they should have."""

    cell: CellRef
    band: tuple[Households, Households]


class Lead(Body):
    """Somebody who looks after cells, and where he sets out."""

    name: str = Field(min_length=1, max_length=100)
    place: tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]]


class Leads(Body):
    """Which cells to give to whom."""

    cell: CellRef = Field(description="The cells below this one")
    level: str = Field("micro_grid", max_length=32)
    leads: list[Lead] = Field(min_length=1, max_length=plan_leads.MAX_LEADS)
    cap: int = Field(ge=1, le=100_000, description="Cells that one lead may have")
    mode: Mode = Mode.WALK
    balanced: bool = Field(True, description="As many cells to each, as nearly as can be")


@router.post("/plans/{plan_id}/split", responses=JSON_ANSWER, response_class=Response)
async def split(request: Request, state: State, _: Planner, plan_id: PlanId, body: Split) -> Response:
    """Draft divisions of a cell, the best first; each has the change (verb, arguments) that makes it so."""
    wish = plan_split.Wish(body.count, body.band, body.alternatives, body.keep_lines, body.seed, body.strict)
    draft = plan_split.by_leaves if body.unit == "leaf" else plan_split.by_buildings

    def work(stop: Stop) -> Response:
        with planning.viewing(state.plans, plan_id) as (row, plan, _connection):
            subject = plan_split.subject_of(plan, body.cell)
        drafts = draft(state.database, subject, wish, stop)
        answer = {"revision": row.revision, "alternatives": [_alternative(one) for one in drafts]}
        return json_answer(answer)

    return await _drafted(request, state, plan_id, work)


async def _drafted(
    request: Request, state: AppState, plan_id: int, work: Callable[[Stop], Response]
) -> Response:
    """Compute in a thread, few at once and without holding the plan; stop when the client has gone."""
    stop = Stop()

    def seated() -> Response:
        with _DESKS.sit((id(state.plans), plan_id)):
            return work(stop)

    task = asyncio.ensure_future(run_in_threadpool(seated))
    try:
        while not task.done():
            await asyncio.wait([task], timeout=_LOOK_S)
            if not task.done() and await request.is_disconnected():
                stop.ask()
                break
        return await task
    except DraftStoppedError:
        return Response(status_code=_CLIENT_GONE)
    finally:
        stop.ask()


def _alternative(draft: plan_split.Draft) -> dict[str, Any]:
    found = draft.found
    return {
        "verb": draft.verb,
        "arguments": draft.arguments,
        "assignment": draft.arguments.get("assignment"),
        "groups": [
            {
                "households": int(found.weights[k]),
                "compactness": round(float(found.compactness[k]), 4),
                "area_m2": round(float(found.area_m2[k]), 1),
                "in_band": bool(found.group_in_band[k]),
                "geometry": shape,
            }
            for k, shape in enumerate(geometry_objects(list(draft.shapes)))
        ],
        "band": list(found.band),
        "in_band": found.in_band,
        "contiguous": found.contiguous,
        "compactness_mean": round(found.compactness_mean, 4),
        "changed_share": round(found.changed_share, 4),
        "along_line_share": round(found.along_line_share, 4),
        "warnings": draft.warnings,
    }


@router.post("/plans/{plan_id}/suggest/merge", responses=JSON_ANSWER, response_class=Response)
async def suggest_merge(request: Request, state: State, _: Planner, plan_id: PlanId, body: Merge) -> Response:
    """Propose merges of neighbouring children of a cell until as few as can be are below the band."""

    def work(stop: Stop) -> Response:
        with planning.viewing(state.plans, plan_id) as (row, plan, _connection):
            siblings = plan_split.siblings_of(plan, body.cell)
        changes, found = plan_split.merge_small(state.database, siblings, body.band, stop)
        answer = {
            "revision": row.revision,
            "changes": changes,
            "groups": [int(weight) for weight in found.weights],
            "below": int((found.weights < body.band[0]).sum()),
        }
        return json_answer(answer)

    return await _drafted(request, state, plan_id, work)


@router.post("/plans/{plan_id}/suggest/leads", responses=JSON_ANSWER, response_class=Response)
async def suggest_leads(request: Request, state: State, _: Planner, plan_id: PlanId, body: Leads) -> Response:
    """Give each cell to the lead who is there soonest, so many to each and no more."""
    leads = [plan_leads.Lead(lead.name, lead.place) for lead in body.leads]

    def work(stop: Stop) -> Response:
        with planning.viewing(state.plans, plan_id) as (row, plan, _connection):
            goals = plan_leads.goals_of(plan, body.cell, body.level)
        found = plan_leads.assign(
            state.ground, goals, leads, cap=body.cap, mode=body.mode, balanced=body.balanced, stop=stop
        )
        return json_answer({"revision": row.revision, "assigned": _assigned(found, leads)})

    return await _drafted(request, state, plan_id, work)


def _assigned(found: plan_leads.Assigned, leads: list[plan_leads.Lead]) -> list[dict[str, Any]]:
    return [
        {"cell": list(cell), "lead": leads[lead].name, "minutes": round(ms / 60_000, 2), "households": count}
        for cell, lead, ms, count in zip(
            found.cells, found.lead.tolist(), found.time_ms.tolist(), found.households.tolist(), strict=True
        )
    ]
