"""Signed reports: other systems send incidents as webhooks, each message signed with the source's secret."""

import time
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Header, Path, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request

from geo_service.api.access import PUBLIC, client_address, refuse_busy_guesser, roles
from geo_service.api.front import run_at_front
from geo_service.api.reports import Channel
from geo_service.api.routes.intake_many import read_report
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import Fault, InvalidInputError, UnauthenticatedError, Words
from geo_service.model import Principal, Role
from geo_service.services import reporting, signing
from geo_service.services.intake import take_in
from geo_service.store import audit
from geo_service.store import webhook_sources as store

router = Router(prefix="/v1", tags=["incidents"])

Admin = Annotated[Principal, roles(Role.ADMIN)]
MOST_REPORTS = 1000
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class SourceGiven(BaseModel):
    """A system that will send signed reports."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="Stands in the address that it sends to")
    channel: Channel = "sensor"


class SourceMade(BaseModel):
    """A new source, with its secret: it is shown this once."""

    id: int
    name: str
    channel: str
    secret: str
    address: str


class Source(BaseModel):
    """A source of signed reports."""

    id: int
    name: str
    channel: str
    created_by: str
    created_at: datetime
    revoked_at: datetime | None


class Sources(BaseModel):
    """All sources of signed reports."""

    sources: list[Source]


@router.post("/report-sources", status_code=201)
def add_source(state: State, who: Admin, body: SourceGiven) -> SourceMade:
    """Let a system send signed reports; the answer has its secret, which cannot be had a second time."""
    secret = signing.new_secret()
    with state.database.writing() as connection:
        made = store.add(connection, body.name, body.channel, secret, who.name)
        audit.record(connection, who.name, "source.create", f"source {made}", body.model_dump())
    return SourceMade(
        id=made,
        name=body.name,
        channel=body.channel,
        secret=signing.shown(secret),
        address=f"/v1/signed-reports/{body.name}",
    )


@router.get("/report-sources")
def sources(state: State, _who: Admin) -> Sources:
    """List the systems that may send signed reports, the revoked ones too."""
    with state.database.reading() as connection:
        return Sources(sources=[Source(**row) for row in store.every(connection)])


@router.delete("/report-sources/{source_id}", status_code=204, response_class=Response)
def revoke_source(state: State, who: Admin, source_id: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> Response:
    """Take nothing more from a system; what it reported stays."""
    with state.database.writing() as connection:
        store.revoke(connection, source_id)
        audit.record(connection, who.name, "source.revoke", f"source {source_id}", {})
    return Response(status_code=204)


@router.post("/signed-reports/{name}", dependencies=[PUBLIC])
async def signed_reports(
    request: Request,
    state: State,
    name: Annotated[str, Path(max_length=64)],
    webhook_id: Annotated[str, Header(max_length=200)] = "",
    webhook_timestamp: Annotated[str, Header(max_length=20)] = "",
    webhook_signature: Annotated[str, Header(max_length=2000)] = "",
) -> dict[str, Any]:
    """Take in signed reports (Standard Webhooks, HMAC-SHA256, five minutes): all of a message or none.

    The body is a report as in ``POST /v1/incidents``, or ``{"reports": [...]}``, or either as ``data`` of an
    event. A report without ``source_id`` has the message's id.
    """
    refuse_busy_guesser(state, client_address(request))
    body = await request.body()
    kept = await run_at_front(state, _secret, state, name)
    try:
        signing.verify(
            kept[0] if kept else signing.new_secret(),
            message_id=webhook_id,
            timestamp=webhook_timestamp,
            signatures=webhook_signature,
            body=body,
            now_s=time.time(),
        )
    except UnauthenticatedError:
        state.attempts.failed(client_address(request))
        raise
    try:
        given = _reports(await request.json(), webhook_id)
    except orjson.JSONDecodeError as error:
        message = Words(f"the body is no JSON: {error.msg}", "请求内容不是 JSON")
        raise InvalidInputError(message, [Fault("", message)]) from None
    channel = kept[1] if kept else "sensor"
    return await run_at_front(state, _take_in, state, f"webhook {name}", channel, given)


def _secret(state: AppState, name: str) -> tuple[bytes, str] | None:
    with state.front.reading() as connection:
        return store.secret_of(connection, name)


def _reports(given: Any, message_id: str) -> list[dict[str, Any]]:
    """Return the reports of a message, each with an id."""
    if isinstance(given, dict) and "data" in given:
        given = given["data"]
    if isinstance(given, dict) and "reports" in given:
        given = given["reports"]
    found = given if isinstance(given, list) else [given]
    if not 1 <= len(found) <= MOST_REPORTS or not all(isinstance(one, dict) for one in found):
        message = Words(
            f"send one report, or a list of up to {MOST_REPORTS}",
            f"请发送一条上报，或最多 {MOST_REPORTS} 条的列表",
        )
        raise InvalidInputError(message, [Fault("", message)])
    names = [message_id] if len(found) == 1 else [f"{message_id}/{i}" for i in range(len(found))]
    return [{"source_id": name} | one for name, one in zip(names, found, strict=True)]


def _take_in(state: AppState, source: str, channel: str, given: list[dict[str, Any]]) -> dict[str, Any]:
    reports, faults = [], []
    for i, one in enumerate(given):
        made = read_report({"channel": channel} | one)
        if isinstance(made, reporting.Report):
            reports.append(made)
        else:
            faults += [
                Fault(f"reports[{i}].{fault.field}", fault.message, value=fault.value) for fault in made
            ]
    if faults:
        words = Words("the message does not fit; each fault is listed", "消息有误，逐项列出如下")
        raise InvalidInputError(words, faults)
    prefixes = [f"reports[{i}]." for i in range(len(reports))]
    prepared = reporting.prepare(state.front, state.tilings, reports, prefixes=prefixes)
    rows = reporting.strictly(prepared)
    done = take_in(state.front, state.tilings, rows, source=source, who=source, live=True)
    return done.as_dict() | {"ids": [str(key) for key in done.ids]}
