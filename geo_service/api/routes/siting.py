"""Siting: where to put stations and posts, asked at once or as a job; what each new one adds."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import orjson
from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from geo_service.api import later
from geo_service.api.access import roles
from geo_service.api.caching import json_answer, tagged
from geo_service.api.heavy import heavy
from geo_service.api.idempotency import OnlyOnce
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import ConflictError, Words
from geo_service.model import Mode, Principal, Role
from geo_service.services import siting, siting_moveup
from geo_service.services.job_kinds import FIND_SITES
from geo_service.services.jobs import state_of
from geo_service.services.siting_moveup import MoveUpQuestion
from geo_service.services.siting_question import HourOfWeek, Place, SitingQuestion
from geo_service.staffing.siting import Goal
from geo_service.store import jobs
from geo_service.store import siting as store
from geo_service.store.jobs import JobRow
from geo_service.store.siting import SitingRow

router = Router(prefix="/v1", tags=["siting"])

Asker = Annotated[Principal, roles(Role.PLANNER, Role.LEADER)]
Reader = Annotated[Principal, roles(Role.PLANNER, Role.LEADER, Role.DISPATCHER)]
RunId = Annotated[int, Path(ge=1, le=2**31 - 1)]
JSON_ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}
BOTH: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {}, "application/geo+json": {}}}
}
PAGE = 100


class _Body(BaseModel):
    """A body that takes nothing unknown."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class GivenPlace(_Body):
    """A point, EPSG:4326."""

    lon: float = Field(ge=-180, le=180)
    lat: float = Field(ge=-90, le=90)
    name: str = Field("", max_length=100)


class GivenHour(_Body):
    """A moment that stands for some hours of the week: two at night for 128, half past seven for 40."""

    at: Moment
    hours: float = Field(gt=0, le=168)


class GivenCell(_Body):
    """A cell by level and code."""

    level: str = Field(min_length=1, max_length=32)
    code: str = Field(min_length=1, max_length=64)


class NewSiting(_Body):
    """What is wanted: how many new ones, of what kind, and what stands already."""

    goal: Goal = Field(description="Cover most, cover all with fewest, least mean way, least worst way")
    count: int | None = Field(None, ge=0, le=500, description="New ones; cover_all: the most there may be")
    limit_s: int = Field(300, ge=1, le=14_400, description="Seconds within which somebody must be there")
    mode: Mode = Mode.EBIKE
    depth: Literal[1, 2] = Field(1, description="2: backup, by two")
    second_worth: float = Field(
        0.5, ge=0, le=1, description="cover_most by two: what the second is worth beside the first"
    )
    candidates: Literal["streets", "stations", "posts", "bases", "places"] = "streets"
    spread: int = Field(300, ge=1, le=2_000, description="How many points of the streets, spread evenly")
    places: list[GivenPlace] = Field([], max_length=2_000, description="With candidates = places")
    existing: list[Literal["stations", "posts", "bases", "on_duty"]] = Field(
        ["stations"], max_length=4, description="What stands already and stays"
    )
    existing_places: list[GivenPlace] = Field([], max_length=2_000)
    hours: list[GivenHour] = Field([], max_length=24, description="With on_duty: at which moments")
    cell: GivenCell | None = Field(None, description="Only households and streets in this cell")
    seconds: float = Field(60.0, ge=0, le=3_600, description="As a job: how long to look for the proof")

    capacity: float | None = Field(
        None, gt=0, description="cover_most: households that one new site can serve; what stands serves all"
    )

    def question(self) -> SitingQuestion:
        """Return it as the service takes it."""
        return SitingQuestion(
            goal=self.goal,
            count=self.count,
            limit_s=self.limit_s,
            mode=self.mode,
            depth=self.depth,
            second_worth=self.second_worth,
            candidates=self.candidates,
            spread=self.spread,
            places=tuple(Place(one.lon, one.lat, one.name) for one in self.places),
            existing=tuple(self.existing),
            existing_places=tuple(Place(one.lon, one.lat, one.name) for one in self.existing_places),
            hours=tuple(HourOfWeek(one.at, one.hours) for one in self.hours),
            cell=None if self.cell is None else (self.cell.level, self.cell.code),
            seconds=self.seconds,
            capacity=self.capacity,
        )


def _object(row: SitingRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "question": row.question,
        "who": row.who,
        "asked_at": row.asked_at,
        "answered_at": row.answered_at,
        "is_over": row.ended_at is not None,
        "answer": row.answer,
    }


@router.post("/siting", status_code=201, responses=JSON_ANSWER | later.LATER_ANSWER, response_class=Response)
def ask(request: Request, state: State, who: Asker, body: NewSiting, once: OnlyOnce) -> Response:
    """Ask where to put new ones.

    At once: the best that is found in about a second, with the gap to what could be best. With
    ``Prefer: respond-async`` a job goes on until it is proved or ``seconds`` are over; where
    ``Content-Location`` says, the best so far can be seen meanwhile.
    """
    question = body.question()
    question.check()

    def act() -> Response:
        tiling = state.tilings.get()
        if later.prefers_later(request):
            with state.database.writing() as connection:
                run_id = store.begin(
                    connection, edition_id=tiling.edition.id, question=question.as_dict(), who=who.name
                )
            answer = later.begin(
                state, who, FIND_SITES, subject=f"siting {run_id}", arguments={"siting": run_id}, once=once
            )
            answer.headers["Content-Location"] = f"/v1/siting/{run_id}"
            return answer
        run_id = siting.ask_at_once(state.database, state.ground, tiling, question, who.name)
        with state.database.writing() as connection:
            row = store.get(connection, run_id)
            headers = {"Location": f"/v1/siting/{run_id}"}
            answer = json_answer(_object(row), status=201, headers=headers)
            once.keep(connection, answer)
        return answer

    return once.answer(state.database, act)


class NewMoveUp(_Body):
    """Who is busy, and how many may move."""

    at: Moment | None = Field(None, description="Default: now")
    busy: list[str] = Field([], max_length=200, description="Codes of those who are busy")
    moves: int = Field(2, ge=0, le=20, description="At most so many move")
    limit_s: int = Field(300, ge=1, le=14_400, description="Seconds within which somebody must be there")
    longest_s: int = Field(900, ge=0, le=14_400, description="Nobody moves farther than this")
    mode: Mode = Mode.EBIKE
    cell: GivenCell | None = Field(None, description="Only people, stations and households in this cell")


@router.post("/siting/move-up")
@heavy
def move_up(
    state: State,
    _: Annotated[Principal, roles(Role.PLANNER, Role.LEADER, Role.DISPATCHER)],
    body: NewMoveUp,
) -> dict[str, Any]:
    """Say who of those on duty should move where while others are busy, so that the least cover is lost.

    Nothing is changed: whoever leads decides. Shares are of the households within ``limit_s``.
    """
    question = MoveUpQuestion(
        at=body.at or datetime.now(UTC),
        busy=tuple(body.busy),
        moves=body.moves,
        limit_s=body.limit_s,
        longest_s=body.longest_s,
        mode=body.mode,
        cell=None if body.cell is None else (body.cell.level, body.cell.code),
    )
    return siting_moveup.advise(state.database, state.ground, state.tilings.get(), question)


@router.get("/siting", responses=JSON_ANSWER, response_class=Response)
def list_runs(
    state: State,
    _: Reader,
    before: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only runs with a smaller id")] = 0,
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}")] = 50,
) -> Response:
    """List what was asked, the newest first, without sites and cells."""
    limit = min(limit, PAGE)
    with state.database.reading() as connection:
        rows = store.every(connection, before=before, limit=limit)
    told = [_object(row) | {"answer": _short(row)} for row in rows]
    out: dict[str, Any] = {"siting": told}
    if len(rows) == limit:
        out["next"] = f"/v1/siting?{urlencode({'before': rows[-1].id, 'limit': limit})}"
    return json_answer(out)


def _short(row: SitingRow) -> dict[str, Any] | None:
    left_out = {"sites", "cells", "course", "standing_places"}
    return None if row.answer is None else {k: v for k, v in row.answer.items() if k not in left_out}


@router.get("/siting/{run_id}", responses=BOTH, response_class=Response)
def get_run(
    request: Request,
    state: State,
    _: Reader,
    run_id: RunId,
    form: Annotated[
        Literal["json", "geojson", "map"] | None,
        Query(alias="format", description="Default: as Accept asks"),
    ] = None,
) -> Response:
    """Give a question with its answer: the best so far, and whether that is proved.

    As GeoJSON: the new sites as points, the one that adds most first. As ``map``: GeoJSON of before and
    after, with the cells that gain and to which new site they owe it, what stands, and the new sites.
    """
    with state.database.reading() as connection:
        row = store.get(connection, run_id)
        at_it = jobs.every(connection, subject=f"siting {run_id}", limit=1)
    wants_map = form in {"geojson", "map"} or (
        form is None and "application/geo+json" in request.headers.get("accept", "")
    )
    if not wants_map:
        told = _object(row) | {"job": _job(at_it[0]) if at_it else None}
        return tagged(request, orjson.dumps(told), f"siting-{run_id}", "application/json")
    if row.answer is None:
        raise ConflictError(Words("there is no answer yet: ask again soon", "还没有结果，请稍后再看"))
    if form == "map":
        tiling = state.tilings.get(row.answered_at)
        told = siting.before_and_after(tiling, dict(row.answer)) | {"siting": run_id}
        return tagged(request, orjson.dumps(told), f"siting-map-{run_id}", "application/geo+json")
    collection = orjson.loads(siting.sites_frame(dict(row.answer)).to_json(drop_id=True))
    collection |= {"siting": run_id, **(_short(row) or {})}
    return tagged(request, orjson.dumps(collection), f"siting-{run_id}", "application/geo+json")


def _job(row: JobRow) -> dict[str, Any]:
    """Return the job that works on a run: where it is, its state, and why it failed if it did."""
    return {"job": f"/v1/jobs/{row.id}", "state": state_of(row), "problem": row.problem}
