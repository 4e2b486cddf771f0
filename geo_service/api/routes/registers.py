"""Registers of what is not as it should be: land that belongs to no cell, and cells that lie in pieces."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Response
from pydantic import Field, model_validator
from starlette.requests import Request

from geo_service.api.access import COUNTS
from geo_service.api.caching import json_answer, tagged_json
from geo_service.api.plan_json import geometry_objects
from geo_service.api.routes.plans import JSON_ANSWER, Body, Planner
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.services import gap_register
from geo_service.store import boundaries, gaps
from geo_service.store.gaps import GapRow

router = Router(prefix="/v1", tags=["boundaries"])

GapId = Annotated[int, Path(ge=1, le=2**31 - 1)]
Which = Literal["open", "closed", "all"]
_CLOSED = {"open": False, "closed": True, "all": None}


class Fallback(Body):
    """Who answers for a gap until it is closed; both null: the neighbour with the longest border."""

    fallback_level: str | None = Field(None, min_length=1, max_length=32)
    fallback_code: str | None = Field(None, min_length=1, max_length=64)

    @model_validator(mode="after")
    def both_or_none(self) -> "Fallback":
        """Refuse a level without a code, the other way round, and a body that says nothing."""
        if not self.model_fields_set:
            raise ValueError("give fallback_level and fallback_code; both null: the longest border decides")
        if (self.fallback_level is None) != (self.fallback_code is None):
            raise ValueError("give fallback_level and fallback_code, or neither")
        return self


@router.get("/gaps", responses=JSON_ANSWER, response_class=Response, dependencies=[COUNTS])
def list_gaps(
    request: Request,
    state: State,
    which: Annotated[Which, Query(alias="state")] = "open",
    form: Annotated[Literal["json", "geojson"], Query(alias="format")] = "json",
) -> Response:
    """List the gaps between cells (三不管), the largest first: neighbours, incidents of a year.

    A gap is there from ``open_from`` (null: always) to ``closed_from``, when the editions begin that opened
    and closed it, whenever they were published: one that an edition of next month closes is open until then.
    Its measures are those of the edition ``seen_edition_id``. ``state=all`` has those to come as well.
    """
    with state.database.reading() as connection:
        now = boundaries.moment(connection)
        rows = gaps.every(connection, now=now, closed=_CLOSED[which])
    objects = [_gap(row, now) for row in rows]
    shapes = geometry_objects([row.measures.shape for row in rows])
    if form == "geojson":
        features = [
            {"type": "Feature", "id": one["id"], "geometry": shape, "properties": one}
            for one, shape in zip(objects, shapes, strict=True)
        ]
        return tagged_json(request, {"type": "FeatureCollection", "features": features}, len(rows))
    listed = [one | {"geometry": shape} for one, shape in zip(objects, shapes, strict=True)]
    return tagged_json(request, {"gaps": listed}, len(rows))


def _state(row: GapRow, now: datetime) -> str:
    if row.closed_edition_id is not None and (row.closed_from is None or row.closed_from <= now):
        return "closed"
    return "open" if row.open_from is None or row.open_from <= now else "to_come"


def _gap(row: GapRow, now: datetime) -> dict[str, Any]:
    found = row.measures
    first = found.neighbours[0][:2] if found.neighbours else None
    return {
        "id": row.id,
        "state": _state(row, now),
        "open_from": row.open_from,
        "closed_from": row.closed_from,
        "opened_edition_id": row.opened_edition_id,
        "seen_edition_id": row.seen_edition_id,
        "closed_edition_id": row.closed_edition_id,
        "area_m2": round(found.area_m2, 1),
        "length_m": round(found.length_m, 1),
        "width_m": round(found.width_m, 2),
        "neighbours": [{"cell": [level, code], "border_m": m} for level, code, m in found.neighbours],
        "taken_by": [_taker(one) for one in row.taken_by or ()],
        "incidents_year": row.incidents_year,
        "fallback": list(row.fallback) if row.fallback else first,
        "fallback_is_set": row.fallback is not None,
    }


def _taker(one: Any) -> dict[str, Any]:
    """Return who took land of a closed gap: a cell, or another gap that it became part of."""
    if isinstance(one, dict):
        return one
    level, code, m2 = one
    return {"cell": [level, code], "area_m2": m2}


@router.put("/gaps/{gap_id}", responses=JSON_ANSWER, response_class=Response)
def set_fallback(state: State, who: Planner, gap_id: GapId, body: Fallback) -> Response:
    """Say which cell answers for a gap until it is closed."""
    tiling = state.tilings.get()
    fallback = None
    if body.fallback_level is not None and body.fallback_code is not None:
        fallback = (body.fallback_level, body.fallback_code)
    with state.database.writing() as connection:
        gap_register.set_fallback(connection, tiling, gap_id, fallback, who=who.name)
    return json_answer({"id": gap_id, "fallback": list(fallback) if fallback else None})


@router.get("/exclaves", responses=JSON_ANSWER, response_class=Response, dependencies=[COUNTS])
def exclaves(
    request: Request,
    state: State,
    level: Annotated[str, Query(max_length=32, description="Of which level cells are looked at")] = "grid",
) -> Response:
    """List the cells that lie in several pieces (插花地), and the swaps that would mend it."""
    tiling = state.tilings.get()
    households = state.ground.land_and_people(tiling)["households"].to_numpy(dtype=float)
    cells, index, swaps = gap_register.exclaves(tiling, level, households)
    leaves = gap_register.leaf_names(tiling)
    body = {
        "edition_id": tiling.edition.id,
        "cells": [
            {
                "cell": cells[one.cell],
                "parts": one.parts,
                "land_apart": round(one.land_apart, 6),
                "households_apart": round(one.households_apart, 6),
                "exclaves": [
                    {
                        "leaves": [leaves[leaf] for leaf in part.leaves],
                        "area_m2": round(part.area_m2, 1),
                        "households": part.households,
                        "beside": [{"cell": cells[k], "border_m": round(m, 1)} for k, m in part.beside],
                        "enclosed": part.enclosed,
                        "geometry": geometry_objects([part.shape])[0],
                    }
                    for part in one.exclaves
                ],
            }
            for one in index
            if one.parts > 1
        ],
        "swaps": [
            {
                "give": [
                    {"leaf": leaves[leaf], "from": cells[a], "to": cells[b]} for leaf, a, b in swap.give
                ],
                "cells": [cells[k] for k in swap.cells],
                "households_before": list(swap.households_before),
                "households_after": list(swap.households_after),
                "area_m2": round(swap.area_m2, 1),
                "households_moved": swap.households_moved,
                "parts_before": swap.parts_before,
                "parts_after": swap.parts_after,
            }
            for swap in swaps
        ],
    }
    return tagged_json(request, body, tiling.edition.id)
