"""Coverage in full: who counts and at what speeds, depth, blind spots, weeks by the hour, what if."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from geo_service.api.access import COUNTS, INSIDER, require_sight_of_plans, roles
from geo_service.api.caching import tagged, tagged_json
from geo_service.api.heavy import heavy
from geo_service.api.moments import Moment
from geo_service.api.routes.cells import LevelCode
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import NotFoundError, Words
from geo_service.model import Mode, Principal, Role
from geo_service.services import coverage_blind, coverage_depth, coverage_views, coverage_week
from geo_service.services.coverage_question import (
    MOST_CHANGES,
    Added,
    Changes,
    Counted,
    Measure,
    Moved,
    Positions,
    Question,
)
from geo_service.services.coverage_readings import explain, read_coverage, settle_question
from geo_service.services.lead_area import area_of
from geo_service.services.staffed_cells import Cells
from geo_service.services.tiling import Tiling
from geo_service.store import coverage_readings as stored

router = Router(prefix="/v1", tags=["coverage"], dependencies=[COUNTS])

#: Who covers a place is said by name: that is not for open maps.
INSIDERS = roles(Role.LEADER, Role.PLANNER, Role.DISPATCHER)

At = Annotated[Moment, Query(description="Moment with its UTC offset")]
Short = Annotated[str, Field(max_length=64)]


def asked(
    at: At,
    limit_s: Annotated[
        int, Query(ge=1, le=14_400, description="Seconds within which somebody must arrive")
    ] = 300,
    mode: Annotated[Mode | None, Query(description="How all travel; left out: each his own way")] = None,
    free: Annotated[bool, Query(description="Only who is not sent anywhere")] = False,
    capabilities: Annotated[list[Short], Query(description="Only who has all of these")] = [],  # noqa: B006
    pinned: Annotated[bool, Query(description="Also who is bound to a post")] = False,
    stations: Annotated[
        list[Short] | None, Query(description="Stations of these kinds too, by car; 'all' for every kind")
    ] = None,
    outside: Annotated[bool, Query(description="Also who stands in no cell of ours")] = True,
    border: Annotated[
        str | None, Query(pattern="^[a-z][a-z0-9_]{0,31}$", description="No help over borders of this level")
    ] = None,
    positions: Annotated[
        Positions, Query(description="Bases, or where they were seen last")
    ] = Positions.BASE,
    pace: Annotated[
        str,
        Query(
            pattern="^[a-z0-9][a-z0-9_-]{0,39}$", description="free, typical, rush, night, or a stored one"
        ),
    ] = "free",
    rain: Annotated[
        float | None, Query(ge=0.1, le=1, description="Share of the speed that rain leaves")
    ] = None,
    measure: Annotated[list[Measure], Query(description="Of what shares are told")] = [  # noqa: B006
        Measure.HOUSEHOLDS,
        Measure.RESIDENTS,
    ],
) -> Question:
    """Read the question from the query."""
    kinds = None if stations is None else tuple(one for one in stations if one != "all")
    return Question(
        at=at,
        limit_s=limit_s,
        mode=mode,
        counted=Counted(free, tuple(sorted(set(capabilities))), pinned, kinds, outside, border),
        positions=positions,
        pace=pace,
        rain=rain,
        measures=tuple(dict.fromkeys(measure)),
    )


Asked = Annotated[Question, Depends(asked)]


def plan_of(
    insider: Annotated[Principal | None, INSIDER],
    plan: Annotated[
        int | None,
        Query(
            ge=1,
            le=2**31 - 1,
            description="In the cells of this plan instead of those in force; needs a key",
        ),
    ] = None,
) -> int | None:
    """Read in the cells of which plan, by who may see it."""
    if plan is not None:
        require_sight_of_plans(insider, plan)
    return plan


PlanId = Annotated[int | None, Depends(plan_of)]


def tiling_of(state: AppState, question: Question, plan: int | None) -> Tiling:
    """Return the cells: those in force at the moment, or those of a plan."""
    if plan is None:
        return state.tilings.get(question.at)
    return coverage_views.plan_tiling(state.plans, plan)


@router.get("/coverage/reading")
@heavy
def reading(request: Request, state: State, question: Asked, plan: PlanId) -> Response:
    """Tell what share of households, residents, land and incidents is reached in time, and by how many."""
    found = read_coverage(state.database, state.ground, tiling_of(state, question, plan), question)
    return tagged_json(request, found.as_dict(), f"reading-{found.id}")


@router.get("/coverage/reading/cells")
@heavy
def reading_cells(
    request: Request, state: State, question: Asked, level: LevelCode, plan: PlanId
) -> Response:
    """Tell for each cell of a level share, depth, fragile households, median and worst seconds."""
    tiling = tiling_of(state, question, plan)
    found = read_coverage(state.database, state.ground, tiling, question)
    body = {"reading_id": found.id, "level": level, "cells": coverage_views.cell_rows(tiling, found, level)}
    return tagged_json(request, body, f"reading-{found.id}")


@router.get("/coverage/readings/{reading_id}")
@heavy
def explained(
    state: State,
    reading_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
    who: Annotated[Principal, INSIDERS],
) -> dict[str, Any]:
    """Explain a kept reading: what it was worked out from, and what of that is different today."""
    del who
    with state.database.reading() as connection:
        known = stored.get(connection, reading_id)
    if known is not None:
        plan = known["inputs"].get("plan")
        if plan is None:
            tiling = state.tilings.get(datetime.fromisoformat(known["asked"]["at"]))
        else:
            tiling = coverage_views.plan_tiling(state.plans, plan)
        told = explain(state.database, state.ground, tiling, reading_id)
        if told is not None:
            return told
    raise NotFoundError(Words("this reading is not kept (any more)", "没有（或已清理）这次覆盖计算"))


@router.get("/coverage/week")
@heavy
def week(
    request: Request,
    state: State,
    question: Asked,
    plan: PlanId,
    level: Annotated[
        str | None, Query(pattern="^[a-z][a-z0-9_]{0,31}$", description="Also for each cell of this level")
    ] = None,
) -> Response:
    """Tell the share of households reached in time in each of the 168 hours of the moment's week."""
    tiling = tiling_of(state, question, plan)
    found = coverage_week.read_week(state.database, state.ground, tiling, question)
    body = found.as_dict() | {"asked": question.as_dict()}
    if level is not None:
        body["cells"] = coverage_views.week_rows(tiling, found, level)
    return tagged_json(request, body, f"week-{found.id}")


@router.get(
    "/coverage/blind-spots",
    responses={200: {"content": {"application/geo+json": {}}}},
    response_class=Response,
)
@heavy
def blind_spots(
    request: Request,
    state: State,
    insider: Annotated[Principal | None, INSIDER],
    question: Asked,
    plan: PlanId,
    least_households: Annotated[float, Query(ge=0, le=1e9, description="Leave smaller ones out")] = 0,
    cell: Annotated[str | None, Query(max_length=64, description="Only of who lives in this cell")] = None,
    cell_level: Annotated[str | None, Query(max_length=32, description="Where levels share codes")] = None,
) -> Response:
    """Outline where people live whom nobody reaches in time, as GeoJSON, most households first.

    Who would be there first is named to those who may see names only.
    """
    setting = settle_question(state.database, state.ground, tiling_of(state, question, plan), question)
    inside = None
    if cell is not None:
        inside = area_of(Cells(setting.tiling), cell, cell_level, frozenset()).inside
    frame = coverage_blind.blind_spots(
        state.ground, setting, least_households=least_households, inside=inside
    )
    if insider is None:
        frame = frame.drop(columns="nearest_code")
    body = orjson.loads(frame.to_json(na="null", drop_id=True)) if len(frame) else _no_features()
    body |= {"asked": question.as_dict(), "fingerprint": setting.fingerprint.hex()}
    return tagged(request, orjson.dumps(body), "blind", "application/geo+json")


def _no_features() -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": []}


@router.get("/coverage/sole")
@heavy
def sole(
    state: State,
    who: Annotated[Principal, INSIDERS],
    question: Asked,
    code: Annotated[str | None, Query(max_length=64, description="One of them, cell by cell")] = None,
    most: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Tell what becomes blind when one of those on duty is sent: of all, or cell by cell of one."""
    del who
    setting = settle_question(state.database, state.ground, state.tilings.get(question.at), question)
    if code is not None:
        return coverage_depth.if_sent(state.ground, setting, code)
    frame = coverage_depth.whom_to_keep(state.ground, setting)
    return {"count": len(frame), "people": frame.head(most).to_dict("records")}


class AddedPerson(BaseModel):
    """Somebody who is not there, put somewhere (EPSG:4326)."""

    model_config = ConfigDict(extra="forbid")

    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    mode: Mode = Mode.EBIKE


class MovedPerson(BaseModel):
    """Somebody, by code, elsewhere (EPSG:4326)."""

    model_config = ConfigDict(extra="forbid")

    code: Short
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]


class WhatIf(BaseModel):
    """What is changed: people added, removed, moved; streets closed by id or name; bridges under water."""

    model_config = ConfigDict(extra="forbid")

    add: Annotated[list[AddedPerson], Field(max_length=MOST_CHANGES)] = []
    remove: Annotated[list[Short], Field(max_length=MOST_CHANGES)] = []
    move: Annotated[list[MovedPerson], Field(max_length=MOST_CHANGES)] = []
    edges: Annotated[list[Annotated[int, Field(ge=-(2**63), lt=2**63)]], Field(max_length=MOST_CHANGES)] = []
    streets: Annotated[list[Short], Field(max_length=MOST_CHANGES)] = []
    bridges: Annotated[list[Short], Field(max_length=MOST_CHANGES)] = []

    def changes(self) -> Changes:
        """Return what is asked as the services take it."""
        return Changes(
            add=tuple(Added(one.lon, one.lat, one.mode) for one in self.add),
            remove=tuple(self.remove),
            move=tuple(Moved(one.code, one.lon, one.lat) for one in self.move),
            edges=tuple(self.edges),
            streets=tuple(self.streets),
            bridges=tuple(self.bridges),
        )


@router.post("/coverage/what-if")
@heavy
def what_if(
    state: State,
    who: Annotated[Principal, INSIDERS],
    question: Asked,
    body: WhatIf,
    level: LevelCode,
    plan: PlanId,
) -> dict[str, Any]:
    """Tell what coverage would be if people or streets were different; nothing is changed by asking.

    Paces and rain of the question hold for both sides. The cells that differ come with share before and
    after.
    """
    del who
    tiling = tiling_of(state, question, plan)
    return coverage_views.what_if(state.database, state.ground, tiling, question, body.changes(), level=level)
