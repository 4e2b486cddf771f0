"""How a cell stands to others: children, parents, touches, overlaps, covers (the verbs of MapIt)."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Response
from starlette.requests import Request

from geo_service.api.access import READERS
from geo_service.api.caching import tagged_json
from geo_service.api.routes.cells import LevelCode
from geo_service.api.routes.locate import AsOf, KnownAt
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.services import relations
from geo_service.services.relations import Overlap
from geo_service.services.tiling import Tiling
from geo_service.store import plan_ground

router = Router(prefix="/v1", tags=["boundaries"], dependencies=[READERS])


@dataclass(frozen=True)
class Found:
    """The cell that is asked about: its row in the cells of an edition."""

    code: str
    tiling: Tiling
    position: int


@dataclass(frozen=True)
class Others:
    """The cells that it is compared with: a level of an edition."""

    tiling: Tiling
    level: str


def _subject(
    state: State,
    code: Annotated[str, Path(max_length=64)],
    level: LevelCode | None = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> Found:
    tiling = state.tilings.get(as_of, known_at)
    return Found(code, tiling, relations.find_cell(tiling, code, level))


Subject = Annotated[Found, Depends(_subject)]


def _others(
    state: State,
    subject: Subject,
    other_edition: Annotated[
        int | None, Query(ge=1, le=2**31 - 1, description="Edition whose cells to look at; default: the same")
    ] = None,
    other_level: Annotated[
        str | None,
        Query(
            pattern="^[a-z][a-z0-9_]{0,31}$",
            description="Level of the other cells; default: that of the cell",
        ),
    ] = None,
) -> Others:
    level = other_level or str(subject.tiling.cells["level"].iloc[subject.position])
    if other_edition is None or other_edition == subject.tiling.edition.id:
        return Others(subject.tiling, level)
    with state.database.reading() as connection:
        edition = plan_ground.edition_of(connection, other_edition)
    return Others(state.tilings.load(edition), level)


Other = Annotated[Others, Depends(_others)]
_JSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}


@router.get("/cells/{code}/children", responses=_JSON, response_class=Response)
def children(request: Request, subject: Subject) -> Response:
    """List the cells directly below a cell."""
    return _answer(request, subject, relations.children(subject.tiling, subject.position))


@router.get("/cells/{code}/parents", responses=_JSON, response_class=Response)
def parents(request: Request, subject: Subject) -> Response:
    """List the cells above a cell, the nearest first."""
    return _answer(request, subject, relations.parents(subject.tiling, subject.position))


@router.get("/cells/{code}/touches", responses=_JSON, response_class=Response)
def touches(request: Request, subject: Subject) -> Response:
    """List the neighbours of a cell on its level, with the metres of border in common (0: a corner)."""
    return _answer(request, subject, relations.touches(subject.tiling, subject.position))


@router.get("/cells/{code}/overlaps", responses=_JSON, response_class=Response)
def overlaps(request: Request, subject: Subject, other: Other) -> Response:
    """List the cells of another edition or level that share land with a cell, in shares of either."""
    found = relations.overlaps(subject.tiling, subject.position, other.tiling, other.level)
    return _answer(request, subject, [_overlap(one) for one in found], other.tiling)


@router.get("/cells/{code}/covers", responses=_JSON, response_class=Response)
def covers(request: Request, subject: Subject, other: Other) -> Response:
    """List the cells of another edition or level that lie wholly in a cell."""
    found = relations.covers(subject.tiling, subject.position, other.tiling, other.level)
    return _answer(request, subject, [_overlap(one) for one in found], other.tiling)


def _overlap(one: Overlap) -> dict[str, Any]:
    return {
        **one.row,
        "land_m2": round(one.land_m2, 1),
        "share_of_this": round(one.share_of_this, 6),
        "share_of_other": round(one.share_of_other, 6),
    }


def _answer(
    request: Request, subject: Found, cells: list[dict[str, Any]], other: Tiling | None = None
) -> Response:
    edition = subject.tiling.edition.id
    body: dict[str, Any] = {"code": subject.code, "edition": edition, "cells": cells}
    if other is not None:
        body["other_edition"] = other.edition.id
    return tagged_json(request, body, edition)
