"""The dispatcher's desk: its settings, whose phone is whose, and what its page follows."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from geo_service.api.access import roles
from geo_service.api.caching import json_answer
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Principal, Role
from geo_service.services import desk as service
from geo_service.services.desk import DeskSet
from geo_service.services.scopes import part_of
from geo_service.store import acceptors as acceptor_store
from geo_service.store import desk as store

router = Router(prefix="/v1/desk", tags=["dispatch"])

Admin = Annotated[Principal, roles(Role.ADMIN)]
Reader = Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER)]
Mark = Annotated[str | None, Query(max_length=40, description="`mark` of the answer before")]


class Settings(BaseModel):
    """The settings in force; version 0 is what the program comes with."""

    version: int
    settings: dict[str, Any]
    set_by: str
    set_at: datetime | None


class NewSettings(BaseModel):
    """Settings that follow a version; what is left out is as the program has it."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(
        ge=0, le=2**31 - 2, description="The version that was looked at; refused if outdated"
    )
    settings: dict[str, Any]


class Phone(BaseModel):
    """A key, and for whom it acts."""

    key: int
    responder: str
    name: str


class Phones(BaseModel):
    """The keys that act for somebody."""

    keys: list[Phone]


class Link(BaseModel):
    """For whom a key acts; null: for nobody."""

    model_config = ConfigDict(extra="forbid")

    responder: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None


@router.get("/settings")
def settings(state: State, _who: Reader) -> Settings:
    """Tell by which figures people are found and positions kept."""
    return _told(state.desk.desks.read())


@router.put("/settings")
def set_settings(state: State, who: Admin, body: NewSettings) -> Settings:
    """Set the figures: age of positions, geofence, how long tracks are kept, stairs and lifts."""
    return _told(state.desk.desks.set(body.settings, after=body.version, who=who.name))


@router.get("/keys")
def phones(state: State, _who: Admin) -> Phones:
    """List the keys that act for a responder."""
    with state.database.reading() as connection:
        return Phones(keys=[Phone(**one) for one in store.links(connection)])


@router.put("/keys/{key_id}", status_code=204)
def link(state: State, who: Admin, key_id: Annotated[int, Path(ge=1, le=2**31 - 1)], body: Link) -> None:
    """Let a key act for a responder: a worker's key does nothing on the desk before it is linked."""
    service.link(state.database, key_id, body.responder, by=who.name)


class OnBoard(BaseModel):
    """Somebody on duty, as ``GET /v1/board`` tells of him."""

    responder: str
    name: str
    role: str
    mode: str
    state: str
    incident_id: str | None
    lon: float | None
    lat: float | None
    source: str
    fix_age_s: int | None
    shift_left_s: int


class BoardChanges(BaseModel):
    """What changed on the board."""

    at: datetime
    mark: str = Field(description="For `since` of the next question")
    whole: bool = Field(description="Everybody is told: forget all others")
    people: list[OnBoard] = Field(description="New, or at something else")
    moved: list[tuple[str, float | None, float | None, str, int | None]] = Field(
        description="Elsewhere, or heard of again: code, lon, lat (EPSG:4326), source, age of the position"
    )
    gone: list[str] = Field(description="Codes of those who are off duty now")


@router.get("/board", response_model=BoardChanges)
def board(state: State, who: Reader, since: Mark = None) -> Response:
    """Tell what changed on the board since an answer; without ``since``, or if that is too old, everybody.

    A key for a part of the town gets its own people, whole.
    """
    part = part_of(state.tilings, who)
    if part is None:
        return json_answer(state.desk.board.changes(since))
    told = state.desk.everybody(part)
    return json_answer({**told, "mark": "", "whole": True, "moved": [], "gone": []})


class Accepted(BaseModel):
    """Who accepted an incident last, and when."""

    who: str
    at: datetime


class Acceptors(BaseModel):
    """Who accepted which incidents."""

    accepted_by: dict[UUID, Accepted]


@router.get("/acceptors")
def acceptors(state: State, who: Reader, incident: UUID | None = None) -> Acceptors:
    """Tell who accepted each open incident, or one."""
    with state.database.reading() as connection:
        rows = acceptor_store.of_open(connection, scope=who.scope, incident_id=incident)
    return Acceptors(accepted_by={key: Accepted(who=name, at=at) for key, name, at in rows})


def _told(one: DeskSet) -> Settings:
    return Settings(version=one.version, settings=one.desk.as_mapping(), set_by=one.who, set_at=one.at)
