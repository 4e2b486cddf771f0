"""Sending people to incidents, and what becomes of it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.idempotency import StepKey
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import ConflictError
from geo_service.model import Principal, Role
from geo_service.services import desk, dispatching
from geo_service.services.dispatch_desk import Order, Wish
from geo_service.services.scopes import part_of
from geo_service.store import dispatches as store

router = Router(prefix="/v1", tags=["dispatch"])

PAGE = 500
#: As many as an address of a few thousand characters holds.
MOST_INCIDENTS = 100
#: Who is proposed after somebody has declined.
NEXT_K = 3

Desk = Annotated[Principal, roles(Role.DISPATCHER)]
DeskOrWorker = Annotated[Principal, roles(Role.DISPATCHER, Role.WORKER)]
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Dispatch(BaseModel):
    """One person sent to one incident."""

    id: int
    incident_id: UUID
    responder: str
    name: str
    lead: bool = Field(description="The one whose arrival counts; others help him")
    state: str = Field(description="sent, accepted, arrived; done, declined, cancelled, handed_over")
    sent_at: datetime
    sent_by: str
    travel_s: float | None = Field(description="What the roads said when he was sent")
    mode: str | None
    accepted_at: datetime | None
    arrived_at: datetime | None
    ended_at: datetime | None
    reason: str


class DispatchList(BaseModel):
    """Dispatches, and where the next page begins."""

    dispatches: list[Dispatch]
    next: str | None = None


class NewDispatch(BaseModel):
    """Whom to send: one in the lead, others who help, or a team. With a lead there already, others only."""

    model_config = ConfigDict(extra="forbid")

    lead: Code | None = None
    others: list[Code] = Field(default_factory=list, max_length=50)
    team: Code | None = None
    reason: Words = ""
    revision: int | None = Field(None, ge=0, le=2**31 - 1, description="Refused if the incident moved on")
    off_duty: bool = Field(False, description="Send also who is off duty")


class Reason(BaseModel):
    """Why, or what was done."""

    model_config = ConfigDict(extra="forbid")

    reason: Words = ""


class Arrival(BaseModel):
    """When he came there; now by default."""

    model_config = ConfigDict(extra="forbid")

    at: Moment | None = None


class HandOver(BaseModel):
    """Who goes in his place, and why."""

    model_config = ConfigDict(extra="forbid")

    to: Code
    reason: Words = ""
    off_duty: bool = False


class Declined(BaseModel):
    """The dispatch as it ended, and for the desk who can be there soonest now."""

    dispatch: Dispatch
    next: dict[str, Any] | None = Field(description="As GET …/candidates gives it; for dispatchers")


@router.post("/incidents/{incident_id}/dispatches", status_code=201)
def send(state: State, who: Desk, incident_id: UUID, body: NewDispatch, key: StepKey) -> DispatchList:
    """Send people; an incident that is only reported is accepted with it. Answers all who are sent now.

    Of two who click at once one wins; the other gets 409, which names who sent whom and when.
    """
    order = Order(
        lead=body.lead,
        others=tuple(body.others),
        team=body.team,
        off_duty=body.off_duty,
        reason=body.reason,
        revision=body.revision,
        request_key=key,
    )
    part = part_of(state.tilings, who)
    return _listed(state.desk.send(incident_id, order, who=who.name, part=part))


@router.get("/incidents/{incident_id}/dispatches")
def of_incident(
    state: State, incident_id: UUID, _who: Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER)]
) -> DispatchList:
    """List everybody who was ever sent to an incident, in that order."""
    with state.database.reading() as connection:
        store.scene(connection, incident_id)  # 404 where there is no such incident
        return _listed(store.of_incident(connection, incident_id))


@router.get("/dispatches")
def dispatches(
    request: Request,
    state: State,
    who: Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER, Role.WORKER)],
    is_open: Annotated[bool | None, Query(alias="open", description="true: not ended; false: ended")] = None,
    incident: Annotated[
        list[UUID] | None, Query(max_length=MOST_INCIDENTS, description="To these; repeated")
    ] = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="From `next`")] = None,
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}")] = 100,
) -> DispatchList:
    """List dispatches, the newest first. A worker sees his own, a key for a part of the town those there."""
    size = min(limit, PAGE)
    with state.database.reading() as connection:
        found = store.page(
            connection,
            limit=size,
            before=before,
            is_open=is_open,
            incident_ids=incident,
            responder_id=desk.own_only(connection, who),
            scope=frozenset() if who.role is Role.WORKER else who.scope,
        )
    after = None
    if len(found) == size:
        after = f"{request.url.path}?{request.url.include_query_params(before=found[-1].id).query}"
    return _listed(found, after)


@router.get("/dispatches/{dispatch_id}")
def dispatch(state: State, who: DeskOrWorker, dispatch_id: Id) -> Dispatch:
    """Show one dispatch; a worker his own."""
    own = _own(state, who)
    with state.database.reading() as connection:
        one = store.get(connection, dispatch_id)
    dispatching.require_own(one, own)
    return _told(one)


@router.post("/dispatches/{dispatch_id}/accept")
def accept(state: State, who: DeskOrWorker, dispatch_id: Id, key: StepKey) -> Dispatch:
    """Note that he who was sent is going."""
    own = _own(state, who)
    return _done(
        state, dispatching.accept(state.database, dispatch_id, who=who.name, own=own, request_key=key)
    )


@router.post("/dispatches/{dispatch_id}/decline")
def decline(state: State, who: DeskOrWorker, dispatch_id: Id, body: Reason, key: StepKey) -> Declined:
    """Note that he cannot go, and why; the desk is told who can be there soonest now."""
    own = _own(state, who)
    one = dispatching.decline(
        state.database, dispatch_id, who=who.name, reason=body.reason, own=own, request_key=key
    )
    told = _done(state, one)
    proposed = None
    if own is None:
        try:
            part = part_of(state.tilings, who)
            proposed = state.desk.candidates(one.incident_id, Wish(k=NEXT_K), part=part)
        except ConflictError:  # no place, or no roads: there is nobody to propose
            proposed = None
    return Declined(dispatch=told, next=proposed)


@router.post("/dispatches/{dispatch_id}/arrive")
def arrive(
    state: State, who: DeskOrWorker, dispatch_id: Id, key: StepKey, body: Arrival | None = None
) -> Dispatch:
    """Note that he has come there; with the lead the incident is arrived at."""
    own, at = _own(state, who), body.at if body else None
    one = dispatching.arrive(state.database, dispatch_id, who=who.name, own=own, at=at, request_key=key)
    return _done(state, one)


@router.post("/dispatches/{dispatch_id}/done")
def done(
    state: State, who: DeskOrWorker, dispatch_id: Id, key: StepKey, body: Reason | None = None
) -> Dispatch:
    """Note that his work is done; with that of the lead the incident is handled, and all others are free."""
    own, note = _own(state, who), body.reason if body else ""
    one = dispatching.done(state.database, dispatch_id, who=who.name, note=note, own=own, request_key=key)
    return _done(state, one)


@router.post("/dispatches/{dispatch_id}/hand-over")
def hand_over(state: State, who: DeskOrWorker, dispatch_id: Id, body: HandOver, key: StepKey) -> Dispatch:
    """Let another go in his place; answers the other's dispatch."""
    own = _own(state, who)
    order = Order(lead=body.to, reason=body.reason, off_duty=body.off_duty, request_key=key)
    part = part_of(state.tilings, who)
    return _told(state.desk.hand_over(dispatch_id, order, who=who.name, own=own, part=part))


@router.post("/dispatches/{dispatch_id}/cancel")
def cancel(state: State, who: Desk, dispatch_id: Id, key: StepKey, body: Reason | None = None) -> Dispatch:
    """Call somebody back; of several another takes the lead, otherwise the incident waits again."""
    reason = body.reason if body else ""
    one = dispatching.cancel(state.database, dispatch_id, who=who.name, reason=reason, request_key=key)
    return _done(state, one)


def _own(state: AppState, who: Principal) -> int | None:
    if who.role is not Role.WORKER:
        return None
    with state.database.reading() as connection:
        return desk.acts_for(connection, who)


def _done(state: AppState, one: store.Dispatch) -> Dispatch:
    state.desk.changed()
    return _told(one)


def _told(one: store.Dispatch) -> Dispatch:
    return Dispatch(**one.as_dict())


def _listed(found: list[store.Dispatch], after: str | None = None) -> DispatchList:
    return DispatchList(dispatches=[_told(one) for one in found], next=after)
