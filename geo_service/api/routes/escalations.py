"""Supervision cards and whistles: what stands, who is called, who has come, what was answered; the rules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.idempotency import StepKey
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import BadRequestError, Fault, NotFoundError, Words
from geo_service.model import Principal, Role
from geo_service.services import desk, escalating, scopes
from geo_service.staffing.escalation import Act
from geo_service.store import escalations as store
from geo_service.store import staffing
from geo_service.store.database import Connection

router = Router(prefix="/v1", tags=["escalation"])

PAGE = 500

Reader = Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER)]
Actor = Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER, Role.WORKER)]
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Escalations(BaseModel):
    """Cards and whistles, and where the next page begins."""

    escalations: list[dict[str, Any]]
    next: str | None = None


class Whistle(BaseModel):
    """Whom to call: the holders of any cell, above or beside; by default of the incident's own."""

    model_config = ConfigDict(extra="forbid")

    level: Code | None = Field(None, description="Level of `cell`")
    cell: Code | None = Field(None, description="Code of the cell whose holders are called")
    roles: list[Code] = Field(default_factory=list, max_length=20, description="Only holders in these roles")
    words: Text = ""


class Told(BaseModel):
    """What is done with an escalation, and for whom."""

    model_config = ConfigDict(extra="forbid")

    words: Text = ""
    responder: Code | None = Field(None, description="Who it is, where the desk writes it down for him")


class Rules(BaseModel):
    """The rules in force; version 0 is what the program comes with."""

    version: int
    rules: dict[str, Any]
    set_by: str
    set_at: datetime | None


class NewRules(BaseModel):
    """Rules that follow a version; what is left out is as the program has it."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=0, le=2**31 - 2, description="The version looked at; refused if outdated")
    rules: dict[str, Any]


@router.get("/escalations")
def escalations(
    request: Request,
    state: State,
    who: Reader,
    is_open: Annotated[
        bool | None, Query(alias="open", description="true: neither answered nor lifted")
    ] = None,
    colour: Literal["yellow", "red"] | None = None,
    kind: Literal["card", "whistle"] | None = None,
    incident: UUID | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="From `next`")] = None,
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}")] = 100,
) -> Escalations:
    """List cards and whistles, the newest first, each with who was called and its lines."""
    size = min(limit, PAGE)
    with state.database.reading() as connection:
        found = store.page(
            connection,
            limit=size,
            before=before,
            is_open=is_open,
            colour=colour,
            kind=kind,
            incident_id=incident,
            scope=who.scope,
        )
        told = _shown(connection, found)
    after = None
    if len(found) == size:
        after = f"{request.url.path}?{request.url.include_query_params(before=found[-1]['id']).query}"
    return Escalations(escalations=told, next=after)


@router.get("/escalations/rules")
def rules(state: State, _who: Reader) -> Rules:
    """Tell which cards are issued, who is called on each rung, and how long is waited."""
    with state.database.reading() as connection:
        version, found, who, at = escalating.read_rules(connection)
    return Rules(version=version, rules=found.as_mapping(), set_by=who, set_at=at)


@router.put("/escalations/rules")
def set_rules(state: State, who: Annotated[Principal, roles(Role.ADMIN)], body: NewRules) -> Rules:
    """Set the rules. What is issued already keeps the ladder that it was issued with."""
    escalating.set_rules(state.database, body.rules, after=body.version, who=who.name)
    return rules(state, who)


@router.get("/escalations/{escalation_id}")
def escalation(state: State, who: Reader, escalation_id: Id) -> dict[str, Any]:
    """Give one card or whistle with everything that became of it."""
    with state.database.reading() as connection:
        return _one(connection, who, escalation_id)


@router.post("/incidents/{incident_id}/whistles", status_code=201)
def whistle(state: State, who: Reader, incident_id: UUID, body: Whistle, key: StepKey) -> dict[str, Any]:
    """Call the holders of a cell to an incident, upwards or sideways. They have 24 hours for the answer."""
    if (body.level is None) != (body.cell is None):
        message = Words("give both level and cell, or neither", "层级与单元编码须同时给出")
        raise BadRequestError(message, [Fault("cell", message)])
    number = state.escalation.whistle(
        incident_id,
        who=who.name,
        words=body.words,
        cell=(body.level, body.cell) if body.level is not None and body.cell is not None else None,
        roles=tuple(body.roles),
        request_key=key,
    )
    with state.database.reading() as connection:
        return _one(connection, who, number)


@router.post("/escalations/{escalation_id}/acknowledge")
def acknowledge(
    state: State, who: Actor, escalation_id: Id, key: StepKey, body: Told | None = None
) -> dict[str, Any]:
    """Note that who was called has heard it: no further rung is called while he has time to answer."""
    return _act(state, who, escalation_id, Act.ACKNOWLEDGE, body, key)


@router.post("/escalations/{escalation_id}/arrive")
def arrive(
    state: State, who: Actor, escalation_id: Id, key: StepKey, body: Told | None = None
) -> dict[str, Any]:
    """Note that who was called has reported in 报到: who and when."""
    return _act(state, who, escalation_id, Act.ARRIVE, body, key)


@router.post("/escalations/{escalation_id}/answer")
def answer(
    state: State, who: Actor, escalation_id: Id, key: StepKey, body: Told | None = None
) -> dict[str, Any]:
    """Answer: what was done. With that it is over."""
    return _act(state, who, escalation_id, Act.ANSWER, body, key)


def _act(
    state: AppState, who: Principal, number: int, act: Act, body: Told | None, key: str | None
) -> dict[str, Any]:
    body = body or Told(words="", responder=None)
    own_only = who.role is Role.WORKER
    with state.database.reading() as connection:
        found = store.get(connection, number)
        if not own_only:
            _require_sight(connection, who, found)
        responder = _responder(connection, who, body.responder)
    state.escalation.act(
        number,
        act,
        who=who.name,
        words=body.words,
        responder=responder,
        own_only=own_only,
        request_key=key,
    )
    with state.database.reading() as connection:
        return _shown(connection, [store.get(connection, number)])[0]


def _responder(connection: Connection, who: Principal, code: str | None) -> dict[str, Any] | None:
    """Return for whom it is done: a worker for himself, the desk for whom it names."""
    people = None
    if who.role is Role.WORKER:
        key = desk.acts_for(connection, who)
        people = staffing.responders(connection)
        row = people[people["id"] == key]
    elif code is not None:
        people = staffing.responders(connection)
        row = people[people["code"] == code]
        if row.empty:
            message = Words(f"there is no responder {code!r}", f"没有编号为 {code} 的人员")
            raise NotFoundError(message, [Fault("responder", message, value=code)])
    if people is None or row.empty:
        return None
    one = row.iloc[0]
    return {"responder": str(one["code"]), "name": str(one["name"])}


def _one(connection: Connection, who: Principal, number: int) -> dict[str, Any]:
    found = store.get(connection, number)
    _require_sight(connection, who, found)
    return _shown(connection, [found])[0]


def _require_sight(connection: Connection, who: Principal, found: dict[str, Any]) -> None:
    try:
        scopes.require_sight(connection, who, found["incident_id"])
    except NotFoundError:
        words = Words(f"there is no escalation {found['id']}", f"没有编号为 {found['id']} 的督办")
        raise NotFoundError(words) from None


def _shown(connection: Connection, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    lines = store.lines(connection, [one["id"] for one in found])
    return [escalating.shown(one, lines[one["id"]]) for one in found]
