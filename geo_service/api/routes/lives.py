"""The life of an incident: its log, moves, replies to the reporter, corrections, duplicates."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from geo_service.api.access import roles
from geo_service.api.idempotency import OneStep, Step
from geo_service.api.moments import Moment
from geo_service.api.reports import Accuracy, Floor, Key, PlaceGiven, Text, Urgency
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import Fault, InvalidInputError
from geo_service.errors import Words as Bilingual
from geo_service.model import Principal, Role
from geo_service.services import correcting, duplicates, handling
from geo_service.services.correcting import Asked
from geo_service.services.incident_views import with_moves
from geo_service.services.scopes import require_sight
from geo_service.staffing.life import Move
from geo_service.store import incidents, lives, queue, scopes

router = Router(prefix="/v1/incidents/{incident_id}", tags=["incidents"])

Reader = Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER)]
Desk = Annotated[Principal, roles(Role.DISPATCHER)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]
MAX_DETAILS = 50


class Change(BaseModel):
    """What every change of an incident may say."""

    model_config = ConfigDict(extra="forbid")

    reason: Words = ""
    revision: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(
        None, description="The revision on which this was decided; another one is refused (409)"
    )
    request_key: Key | None = Field(None, description="As the header Idempotency-Key")

    def asked(self, who: Principal, step: Step) -> Asked:
        """Return who asks, and how."""
        return Asked(who.name, self.reason, self.revision, step.under(self.request_key))


class MoveGiven(Change):
    """One move of an incident along its life."""

    move: Move
    at: Moment | None = Field(None, description="When it happened; now by default")
    details: dict[Annotated[str, Field(max_length=100)], JsonValue] = Field(
        default_factory=dict, max_length=MAX_DETAILS
    )


class ReplyGiven(Change):
    """What the reporter was told."""

    words: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
    channel: Literal["call", "hotline", "worker", "web", "message"] = "call"
    at: Moment | None = None


class LocationGiven(PlaceGiven, Change):
    """Where the incident lies after all."""

    accuracy_m: Accuracy | None = None
    floor: Floor | None = None
    address: Text | None = None


class CorrectionGiven(Change):
    """What is said anew of an incident; only what is given changes."""

    category: Text | None = None
    urgency: Urgency | None = None
    address: Text | None = None
    floor: Floor | None = None


class MergeGiven(Change):
    """Into which incident this one is merged."""

    of: UUID
    even_if_settled: bool = Field(
        False, description="true: also into one that is handled, closed, returned or transferred"
    )


@router.get("/log")
def log(state: State, _who: Reader, incident_id: UUID) -> dict[str, Any]:
    """Give the log of an incident, the oldest line first. Lines are only ever added."""
    with state.database.reading() as connection:
        lives.get(connection, incident_id)
        return {"log": lives.log_of(connection, incident_id)}


@router.post("/moves")
def move(state: State, who: Desk, incident_id: UUID, body: MoveGiven, step: OneStep) -> dict[str, Any]:
    """Move an incident along its life; the answer says how it stands then, and what can be done next.

    A duplicate that is reopened is one no more.
    """
    asked = body.asked(who, step)
    if body.move is Move.REOPEN and _is_duplicate(state, incident_id):
        return with_moves(duplicates.unmerge(state.database, incident_id, asked))
    return with_moves(
        handling.move(
            state.database,
            incident_id,
            body.move,
            who=asked.who,
            at=body.at,
            reason=asked.reason,
            details=body.details,
            revision=asked.revision,
            request_key=asked.request_key,
        )
    )


@router.post("/reply")
def reply(state: State, who: Desk, incident_id: UUID, body: ReplyGiven, step: OneStep) -> dict[str, Any]:
    """Write down what the reporter was told. Told the outcome, the loop is closed (``replied_at``)."""
    asked = body.asked(who, step)
    done = correcting.reply(
        state.database, incident_id, asked, words=body.words, channel=body.channel, at=body.at
    )
    return with_moves(done)


@router.post("/location")
def location(
    state: State, who: Desk, incident_id: UUID, body: LocationGiven, step: OneStep
) -> dict[str, Any]:
    """Say where an incident lies after all. It is placed anew; what was said before stays in the log."""
    more = {name: getattr(body, name) for name in ("accuracy_m", "floor", "address")}
    given = {name: value for name, value in more.items() if value is not None}
    asked = body.asked(who, step)
    done = correcting.locate(state.database, state.tilings, incident_id, body.place(), asked, more=given)
    return with_moves(done) | {"placement": _placement(state, incident_id)}


@router.post("/corrections")
def correction(
    state: State, who: Desk, incident_id: UUID, body: CorrectionGiven, step: OneStep
) -> dict[str, Any]:
    """Correct category, urgency, address or floor; the response standard is chosen anew."""
    names = body.model_fields_set & {"category", "urgency", "address", "floor"}
    values = {name: getattr(body, name) for name in names}
    empty = [name for name, value in values.items() if value is None and name != "floor"]
    if empty or not values:
        what = (
            Bilingual("give a value", "请给出内容")
            if empty
            else Bilingual("give category, urgency, address or floor", "请给出类别、紧急程度、地址或楼层")
        )
        raise InvalidInputError(what, [Fault(name, what) for name in empty or ["category"]])
    asked = body.asked(who, step)
    return with_moves(correcting.correct(state.database, state.tilings, incident_id, values, asked))


@router.get("/duplicates")
def proposed(
    state: State,
    who: Reader,
    incident_id: UUID,
    within_m: Annotated[float, Query(ge=0, le=2000, allow_inf_nan=False)] = duplicates.WITHIN_M,
    within_s: Annotated[int, Query(ge=0, le=7 * 24 * 3600)] = duplicates.WITHIN_S,
) -> dict[str, Any]:
    """List incidents of the same category, place and time, the likeliest first; only a person merges."""
    with state.database.reading() as connection:
        lives.get(connection, incident_id)
        alike = queue.alike(connection, incident_id, within_m=within_m, within_s=within_s)
        merged = queue.duplicates_of(connection, incident_id)
        seen = scopes.seen(connection, who.scope, [*(one["id"] for one in alike), *merged])
        return {
            "proposed": [one for one in alike if one["id"] in seen],
            "merged": [key for key in merged if key in seen],
        }


@router.post("/duplicate")
def merge(state: State, who: Desk, incident_id: UUID, body: MergeGiven, step: OneStep) -> dict[str, Any]:
    """Merge an incident into the one that it repeats: it is void from then on. It can be undone."""
    with state.database.reading() as connection:
        require_sight(connection, who, body.of)
    asked = body.asked(who, step)
    return with_moves(
        duplicates.merge(state.database, incident_id, body.of, asked, even_if_settled=body.even_if_settled)
    )


@router.delete("/duplicate")
def unmerge(
    state: State,
    who: Desk,
    incident_id: UUID,
    step: OneStep,
    reason: Annotated[str, Query(max_length=1000)] = "",
) -> dict[str, Any]:
    """Undo a merge: the incident is open again."""
    asked = Asked(who.name, reason, None, step.under())
    return with_moves(duplicates.unmerge(state.database, incident_id, asked))


def _is_duplicate(state: State, key: UUID) -> bool:
    with state.database.reading() as connection:
        return lives.get(connection, key).duplicate_of is not None


def _placement(state: State, key: UUID) -> dict[str, Any]:
    with state.database.reading() as connection:
        found = incidents.one(connection, key) or {}
    names = ("edition", "level", "cell_code", "how", "border_m", "runner_up_code")
    return {name: found[name] for name in names}
