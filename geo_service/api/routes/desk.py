"""The dispatcher's desk: its settings, and whose phone is whose."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from geo_service.api.access import roles
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Principal, Role
from geo_service.services import desk as service
from geo_service.services.desk import DeskSet
from geo_service.store import desk as store

router = Router(prefix="/v1/desk", tags=["dispatch"])

Admin = Annotated[Principal, roles(Role.ADMIN)]


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
def settings(state: State, _who: Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER)]) -> Settings:
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


def _told(one: DeskSet) -> Settings:
    return Settings(version=one.version, settings=one.desk.as_mapping(), set_by=one.who, set_at=one.at)
