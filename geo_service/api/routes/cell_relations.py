"""How a cell stands to others: children, parents, touches, overlaps, covers (the verbs of MapIt)."""

from typing import Annotated, Any

import orjson
from fastapi import Path, Query, Response
from starlette.requests import Request

from geo_service.api.access import READERS
from geo_service.api.caching import tagged
from geo_service.api.routes.cells import LevelCode
from geo_service.api.routes.locate import AsOf, KnownAt
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.services import relations
from geo_service.services.relations import Overlap
from geo_service.services.tiling import Tiling
from geo_service.store import plan_ground

router = Router(prefix="/v1", tags=["boundaries"], dependencies=[READERS])

Code = Annotated[str, Path(max_length=64)]
OtherEdition = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="Edition whose cells to look at; default: the same")
]
OtherLevel = Annotated[
    str | None,
    Query(
        pattern="^[a-z][a-z0-9_]{0,31}$", description="Level of the other cells; default: that of the cell"
    ),
]
_JSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}


@router.get("/cells/{code}/children", responses=_JSON, response_class=Response)
def children(
    request: Request,
    state: State,
    code: Code,
    level: LevelCode | None = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """List the cells directly below a cell."""
    tiling = state.tilings.get(as_of, known_at)
    found = relations.children(tiling, relations.find_cell(tiling, code, level))
    return _answer(request, tiling, code, found)


@router.get("/cells/{code}/parents", responses=_JSON, response_class=Response)
def parents(
    request: Request,
    state: State,
    code: Code,
    level: LevelCode | None = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """List the cells above a cell, the nearest first."""
    tiling = state.tilings.get(as_of, known_at)
    found = relations.parents(tiling, relations.find_cell(tiling, code, level))
    return _answer(request, tiling, code, found)


@router.get("/cells/{code}/touches", responses=_JSON, response_class=Response)
def touches(
    request: Request,
    state: State,
    code: Code,
    level: LevelCode | None = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """List the neighbours of a cell on its level, with the metres of border in common (0: a corner)."""
    tiling = state.tilings.get(as_of, known_at)
    found = relations.touches(tiling, relations.find_cell(tiling, code, level))
    return _answer(request, tiling, code, found)


@router.get("/cells/{code}/overlaps", responses=_JSON, response_class=Response)
def overlaps(
    request: Request,
    state: State,
    code: Code,
    level: LevelCode | None = None,
    other_edition: OtherEdition = None,
    other_level: OtherLevel = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """List the cells of another edition or level that share land with a cell, in shares of either."""
    tiling = state.tilings.get(as_of, known_at)
    position = relations.find_cell(tiling, code, level)
    other = _other(state, tiling, other_edition)
    found = relations.overlaps(tiling, position, other, other_level or _level(tiling, position))
    return _answer(request, tiling, code, [_overlap(one) for one in found], other)


@router.get("/cells/{code}/covers", responses=_JSON, response_class=Response)
def covers(
    request: Request,
    state: State,
    code: Code,
    level: LevelCode | None = None,
    other_edition: OtherEdition = None,
    other_level: OtherLevel = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Response:
    """List the cells of another edition or level that lie wholly in a cell."""
    tiling = state.tilings.get(as_of, known_at)
    position = relations.find_cell(tiling, code, level)
    other = _other(state, tiling, other_edition)
    found = relations.covers(tiling, position, other, other_level or _level(tiling, position))
    return _answer(request, tiling, code, [_overlap(one) for one in found], other)


def _level(tiling: Tiling, position: int) -> str:
    return str(tiling.cells["level"].iloc[position])


def _other(state: AppState, tiling: Tiling, edition_id: int | None) -> Tiling:
    if edition_id is None or edition_id == tiling.edition.id:
        return tiling
    with state.database.reading() as connection:
        edition = plan_ground.edition_of(connection, edition_id)
    return state.tilings.load(edition)


def _overlap(one: Overlap) -> dict[str, Any]:
    return {
        **one.row,
        "land_m2": round(one.land_m2, 1),
        "share_of_this": round(one.share_of_this, 6),
        "share_of_other": round(one.share_of_other, 6),
    }


def _answer(
    request: Request, tiling: Tiling, code: str, cells: list[dict[str, Any]], other: Tiling | None = None
) -> Response:
    body: dict[str, Any] = {"code": code, "edition": tiling.edition.id, "cells": cells}
    mark = f"{tiling.edition.id}"
    if other is not None:
        body["other_edition"] = other.edition.id
        mark += f"-{other.edition.id}"
    return tagged(request, orjson.dumps(body), mark, "application/json")
