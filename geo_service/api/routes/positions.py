"""Positions of those on duty: phones and gateways send them in batches; the desk sees where everybody is."""

from datetime import datetime
from typing import Annotated

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from geo_service.api.access import roles
from geo_service.api.caching import json_answer
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import Fault, ForbiddenError, InvalidInputError, Words
from geo_service.geometry.crs import parse_datum
from geo_service.model import Principal, Role
from geo_service.services import desk
from geo_service.services.positions import Fix
from geo_service.services.scopes import part_of, refuse_others
from geo_service.store import scopes

router = Router(prefix="/v1", tags=["dispatch"])

BATCH = 1000
_Number = Annotated[float, Field(allow_inf_nan=False)]


class SentFix(BaseModel):
    """One position."""

    model_config = ConfigDict(extra="forbid")

    responder: str | None = Field(None, max_length=200, description="Code; a worker may leave it out")
    at: Moment = Field(description="When it was measured")
    lon: _Number
    lat: _Number
    accuracy_m: _Number | None = None


class SentFixes(BaseModel):
    """A batch of positions in one datum."""

    model_config = ConfigDict(extra="forbid")

    crs: str = Field("WGS84", max_length=20, description="WGS84, CGCS2000, GCJ02, BD09 or EPSG:n")
    fixes: list[SentFix] = Field(min_length=1, max_length=BATCH)


class Refused(BaseModel):
    """A fix that was not taken, and why."""

    index: int = Field(description="Position in the batch, from 0")
    reason: str = Field(description="unknown, bad_place, bad_accuracy, future, too_old or off_duty")
    message: str
    message_zh: str


class TakenFixes(BaseModel):
    """What became of a batch."""

    taken: int
    repeated: int = Field(description="Known already, or twice in the batch")
    late: int = Field(description="Of those taken: older than the last one known, so nobody was moved")
    refused: list[Refused]
    arrived: list[int] = Field(description="Dispatches that have arrived by these positions")


@router.post("/positions")
def send_positions(
    state: State,
    body: SentFixes,
    who: Annotated[Principal, roles(Role.WORKER, Role.DEVICE, Role.DISPATCHER)],
) -> TakenFixes:
    """Take in up to 1,000 positions. Sending them again, or in another order, does no harm.

    Each is looked at by itself: what is wrong with one keeps no other out. Outside shifts no track is kept:
    such a position is refused. A worker sends his own only. Whoever was sent and comes near his incident has
    arrived.
    """
    own = _own_code(state, who)
    missing = [
        Fault(f"fixes[{i}].responder", Words("say whose position it is", "请注明人员编号"))
        for i, one in enumerate(body.fixes)
        if one.responder is None and own is None
    ]
    if missing:
        raise InvalidInputError(Words("some positions are nobody's", "部分定位未注明人员"), missing)
    if own is not None and any(one.responder not in {None, own} for one in body.fixes):
        raise ForbiddenError(Words("a worker sends his own positions only", "只能上报本人的定位"))
    fixes = [Fix(one.responder or own or "", one.at, one.lon, one.lat, one.accuracy_m) for one in body.fixes]
    _refuse_strangers(state, who, [one.responder for one in fixes])
    taken = state.desk.positions.take(fixes, parse_datum(body.crs), who=who.name)
    if taken.arrived:
        state.desk.changed(moved=True)
    return TakenFixes(**taken.as_dict())


def _refuse_strangers(state: AppState, who: Principal, codes: list[str]) -> None:
    """Refuse positions of people of other parts of the town; unknown ones are told of one by one."""
    part = part_of(state.tilings, who)
    if part is None or who.role is Role.WORKER:
        return
    with state.database.reading() as connection:
        own = scopes.people_of(connection, part.cells)
    known = state.desk.books.get().row_of_code
    refuse_others(own, {f"fixes[{i}].responder": code for i, code in enumerate(codes) if code in known})


def _own_code(state: AppState, who: Principal) -> str | None:
    """Return the code to which a worker is confined, None for those who send for many."""
    if who.role is not Role.WORKER:
        return None
    with state.database.reading() as connection:
        responder_id = desk.acts_for(connection, who)
    book = state.desk.books.get()
    row = book.row_of_id.get(responder_id)
    if row is None:
        raise ForbiddenError(Words("this key acts for somebody who has left", "该密钥关联的人员已离职"))
    return book.codes[row]


class Standing(BaseModel):
    """Somebody on duty, and where he is taken to be."""

    responder: str
    name: str
    role: str
    mode: str
    state: str = Field(description="free, pinned, sent, accepted or arrived")
    incident_id: str | None
    lon: float | None = Field(description="EPSG:4326; null where it is not known")
    lat: float | None
    source: str = Field(description="fix, post, base or none")
    fix_age_s: int | None
    shift_left_s: int


class BoardNow(BaseModel):
    """The board at a moment, or what changed on it."""

    at: datetime
    mark: str = Field(description="For `since` of the next question")
    whole: bool = Field(description="Everybody is told: forget all others")
    people: list[Standing] = Field(description="All, or those who are new or at something else")
    moved: list[tuple[str, float | None, float | None, str, int | None]] = Field(
        description="Elsewhere, or heard of again: code, lon, lat (EPSG:4326), source, age of the position"
    )
    gone: list[str] = Field(description="Codes of those who are off duty now")


@router.get("/board", response_model=BoardNow)
def board(
    state: State,
    who: Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER)],
    since: Annotated[str | None, Query(max_length=40, description="`mark` of the answer before")] = None,
) -> Response:
    """Tell of everybody on duty where he is, whence that is known, and what he is at.

    With ``since`` only what changed since that answer, unless it is too old: then ``whole`` is true. A key
    for a part of the town sees its own people and who is sent there, always whole.
    """
    part = part_of(state.tilings, who)
    if part is None:
        return json_answer(state.desk.board.changes(since))
    return json_answer({**state.desk.people_of(part), "mark": "", "whole": True, "moved": [], "gone": []})
