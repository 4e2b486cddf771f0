"""Who can be there soonest, of an incident or any place; the way of one of them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import numpy as np
from fastapi import Query, Response
from pydantic import BaseModel, Field, FiniteFloat

from geo_service.api.access import roles
from geo_service.api.caching import json_answer
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import BadRequestError, Fault, Words
from geo_service.geometry.crs import parse_datum, to_wgs84
from geo_service.model import Mode, Principal, Role
from geo_service.services.candidates import MOST_K
from geo_service.services.dispatch_desk import Wish
from geo_service.services.scopes import part_of

router = Router(prefix="/v1", tags=["dispatch"])

Desk = Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER)]
K = Annotated[int, Query(ge=1, le=MOST_K, description="How many of the own area")]
Modes = Annotated[list[Mode] | None, Query(description="Only who travels so; may be given several times")]
Capabilities = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]] | None,
    Query(max_length=20, description="What he must be able to do; may be given several times"),
]
Floor = Annotated[int | None, Query(ge=-20, le=200, description="1 and 0 are level with the street")]
Lift = Annotated[bool | None, Query(description="Whether there is a lift; guessed from the floor if unsaid")]
Within = Annotated[float | None, Query(gt=0, le=6 * 3600, allow_inf_nan=False, description="seconds")]


class Note(BaseModel, extra="allow"):
    """Something to know: a code for programs, words for people, and the values in the words."""

    code: str
    zh: str
    en: str


class Position(BaseModel):
    """Where somebody is taken to be, EPSG:4326."""

    lon: float
    lat: float
    source: str = Field(description="fix, post, base")
    fix_age_s: int | None


class PassedOver(BaseModel):
    """Somebody who is nearer than the last candidate and cannot be sent; ``reasons`` say why."""

    kind: str
    responder: str
    name: str
    role: str
    mode: str
    minutes: float = Field(description="Until he stands there, rounded up to a tenth")
    travel_s: float = Field(description="Over the streets, by his own mode")
    climb_s: float = Field(description="Up to the floor")
    straight_m: int = Field(description="As the crow flies")
    position: Position
    relation: str = Field(description="own_cell, neighbour, local, unattached or mutual_aid")
    reasons: list[Note]


class Candidate(PassedOver):
    """Somebody who can be sent, or a team by its lead; ``shortfalls`` speak against it."""

    kind: str = Field(description="person or team")
    shift_left_s: int
    shortfalls: list[Note]
    team: dict[str, Any] | None = Field(None, description="Of a team: code, name, members, note")


class Candidates(BaseModel):
    """Who can be there soonest: those of the own area first, then mutual aid."""

    at: datetime
    candidates: list[Candidate]
    passed_over: list[PassedOver]
    on_duty: int
    free: int
    without_place: int = Field(description="On duty, but it is not known where: they cannot be ranked")


@router.get("/incidents/{incident_id}/candidates", response_model=Candidates)
def candidates(
    state: State,
    who: Desk,
    incident_id: UUID,
    k: K = 5,
    mode: Modes = None,
    capability: Capabilities = None,
    floor: Floor = None,
    lift: Lift = None,
    within_s: Within = None,
) -> Response:
    """Tell who can be at an incident soonest, and who is nearer but cannot be sent.

    Times are those over the streets *to* the place, of each by his own mode, from his last position if it is
    fresh, else from his post or base. Without ``capability`` that of the incident's category is asked for,
    without ``floor`` the incident's is taken. Who has declined is passed over. A key for a part of the town
    is told of its own people only.
    """
    wish = Wish(
        k,
        frozenset(mode or ()),
        None if capability is None else frozenset(capability),
        floor,
        lift,
        within_s,
    )
    return json_answer(state.desk.candidates(incident_id, wish, part=part_of(state.tilings, who)))


@router.get("/incidents/{incident_id}/candidates/{code}/route")
def route(state: State, who: Desk, incident_id: UUID, code: str) -> dict[str, Any]:
    """Give the way of somebody to an incident, as a GeoJSON feature with its time and length."""
    return state.desk.route(incident_id, code, part=part_of(state.tilings, who))


@router.get("/nearest", response_model=Candidates)
def nearest(
    state: State,
    who: Desk,
    lon: Annotated[FiniteFloat, Query(description="Longitude, or easting in a projected CRS")],
    lat: Annotated[FiniteFloat, Query(description="Latitude, or northing")],
    crs: Annotated[str, Query(max_length=20, description="WGS84, CGCS2000, GCJ02, BD09 or EPSG:n")] = "WGS84",
    k: K = 5,
    mode: Modes = None,
    capability: Capabilities = None,
    floor: Floor = None,
    lift: Lift = None,
    within_s: Within = None,
    at: Annotated[Moment | None, Query(description="By the roster at that moment, without positions")] = None,
) -> Response:
    """Tell who can be at a place soonest; the answer's coordinates are in EPSG:4326."""
    x, y = to_wgs84(np.array([[lon, lat]]), parse_datum(crs))[0].tolist()
    if not (abs(x) <= 180 and abs(y) <= 90):
        fault = Fault(
            "lon",
            Words("are lon and lat swapped? give crs= for metres", "经纬度是否颠倒？以米为单位请给出 crs="),
            value=lon,
        )
        raise BadRequestError(Words("the point is not on the globe", "坐标不在地球上"), [fault])
    wish = Wish(k, frozenset(mode or ()), frozenset(capability or ()), floor, lift, within_s)
    return json_answer(state.desk.nearest(x, y, wish, at=at, part=part_of(state.tilings, who)))
