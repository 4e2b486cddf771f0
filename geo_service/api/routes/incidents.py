"""Incidents: report them, one or many, and read them back with their cells."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import numpy as np
import pandas as pd
from fastapi import Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import BadRequestError, Fault, ForbiddenError, InvalidInputError, NotFoundError
from geo_service.geometry.crs import parse_datum, to_wgs84
from geo_service.model import Principal, Role
from geo_service.services.intake import take_in
from geo_service.store import incidents as store

router = Router(prefix="/v1", tags=["incidents"])

Reader = Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER, Role.PLANNER)]

PAGE = 1000
BATCH = 1000
#: How far a sender's clock may be ahead of ours.
TOO_EARLY = timedelta(days=1)
Key = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*\w[^\x00-\x1f]*$"
    ),
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Report(BaseModel):
    """What happened, and where: a point, or nothing (then it waits to be located)."""

    model_config = ConfigDict(extra="forbid")

    source_id: Key | None = Field(
        None, description="The source's own id; the same one sent again is the same incident"
    )
    occurred_at: Moment
    lon: FiniteFloat | None = None
    lat: FiniteFloat | None = None
    crs: str = Field("WGS84", max_length=20)
    accuracy_m: Annotated[float, Field(ge=0.01, le=100_000, allow_inf_nan=False)] | None = None
    floor: Annotated[int, Field(ge=-20, le=200)] | None = None
    category: Text = ""
    urgency: Literal["low", "normal", "urgent", "critical"] = "normal"
    channel: Text = "web"
    address: Text = ""


class Reports(BaseModel):
    """Several reports of one source."""

    model_config = ConfigDict(extra="forbid")

    source: Key | None = None
    reports: list[Report] = Field(min_length=1, max_length=BATCH)


class Taken(BaseModel):
    """What became of a report: where it is placed, as stored."""

    id: UUID
    new: bool
    placement: dict[str, Any]


@router.post("/incidents", status_code=201, responses={200: {"model": Taken, "description": "Known already"}})
def report(
    state: State,
    body: Report,
    response: Response,
    who: Annotated[Principal, roles(Role.DISPATCHER, Role.WORKER, Role.DEVICE)],
    idempotency_key: Annotated[Key | None, Header()] = None,
) -> Taken:
    """Report an incident. The answer comes when it is safely stored; sending it again does no harm.

    It needs an id: ``source_id`` in the body, or the header ``Idempotency-Key``. Its source is the caller.
    A report that is known already is left as it is, and its stored place is answered.
    """
    source_id = body.source_id or idempotency_key
    if source_id is None:
        raise BadRequestError(
            "a report needs an id, so that sending it twice does not double it",
            [Fault("source_id", "give the source's own id, or the header Idempotency-Key")],
        )
    rows = _frame([body], [source_id])
    done = take_in(state.database, state.tilings, rows, source=who.name, who=who.name, live=True)
    new = bool(done.new[0])
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/incidents/{done.ids[0]}"
    return Taken(id=done.ids[0], new=new, placement=_stored(state, done.ids[0])["placement"])


@router.post("/incidents/batch")
def report_many(
    state: State, body: Reports, who: Annotated[Principal, roles(Role.DISPATCHER, Role.DEVICE)]
) -> dict[str, Any]:
    """Report up to 1,000 incidents of one source at once: all are stored, or none.

    The source is the caller, unless a dispatcher names another: a gateway passes on for many.
    """
    source = body.source or who.name
    if source != who.name and who.role is Role.DEVICE:
        raise ForbiddenError(f"a device reports as itself: leave source out, or write {who.name!r}")
    missing = [
        Fault(f"reports[{i}].source_id", "give the source's own id")
        for i, one in enumerate(body.reports)
        if one.source_id is None
    ]
    if missing:
        raise InvalidInputError("every report of a batch needs an id", missing)
    rows = _frame(body.reports, [one.source_id or "" for one in body.reports])
    done = take_in(state.database, state.tilings, rows, source=source, who=who.name, live=True)
    return done.as_dict() | {"ids": [str(key) for key in done.ids]}


def _stored(state: AppState, key: UUID) -> dict[str, Any]:
    """Return an incident as it is stored, its place with the path of cells from the top down."""
    with state.database.reading() as connection:
        found = store.one(connection, key)
    if found is None:
        raise NotFoundError(f"there is no incident {key}")
    place = {name: found.pop(name) for name in ("edition", "cell_code", "level", "how", "border_m")}
    place["runner_up_code"] = found.pop("runner_up_code")
    place["path"] = []
    if place["cell_code"] is not None:
        tiling = state.tilings.get(found["occurred_at"])
        if tiling.edition.id == place["edition"]:
            place["path"] = tiling.path_of_leaf(place["level"], place["cell_code"])
    return {**found, "placement": place}


def _frame(reports: list[Report], source_ids: list[str]) -> pd.DataFrame:
    """Return the reports as rows with coordinates in EPSG:4326; every fault at once."""
    faults: list[Fault] = []
    rows = []
    for i, (one, source_id) in enumerate(zip(reports, source_ids, strict=True)):
        field = f"reports[{i}]." if len(reports) > 1 else ""
        if (one.lon is None) != (one.lat is None):
            faults.append(Fault(f"{field}lat", "give both lon and lat, or neither"))
            continue
        lon = lat = float("nan")
        if one.lon is not None and one.lat is not None:
            try:
                lon, lat = to_wgs84(np.array([[one.lon, one.lat]]), parse_datum(one.crs))[0]
            except InvalidInputError as error:
                faults.append(Fault(f"{field}crs", error.detail, value=one.crs))
                continue
            if not (abs(lon) <= 180 and abs(lat) <= 90):
                faults.append(Fault(f"{field}lon", "the point is not on the globe; are lon and lat swapped?"))
        if one.occurred_at > datetime.now(UTC) + TOO_EARLY:
            faults.append(Fault(f"{field}occurred_at", "lies in the future", value=one.occurred_at))
        fields = one.model_dump(exclude={"source_id", "lon", "lat", "crs"})
        attributes = {} if one.crs == "WGS84" else {"datum": one.crs}
        rows.append({**fields, "source_id": source_id, "lon": lon, "lat": lat, "attributes": attributes})
    if faults:
        raise InvalidInputError(f"{len(faults)} fault(s) in the report(s)", faults)
    return pd.DataFrame(rows)


class IncidentPage(BaseModel):
    """A page of incidents, the newest first, and where the next one begins."""

    incidents: list[dict[str, Any]]
    next: str | None


@router.get("/incidents")
def incidents(
    request: Request,
    state: State,
    _who: Reader,
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}")] = 100,
    after: Annotated[str | None, Query(max_length=120, description="From `next` of the page before")] = None,
    how: Annotated[Literal["inside", "on_edge", "near_gap", "none"] | None, Query()] = None,
    source: Annotated[str | None, Query(max_length=100)] = None,
    since: Annotated[Moment | None, Query(description="Happened at this moment or later")] = None,
    until: Annotated[Moment | None, Query(description="Happened before this moment")] = None,
) -> IncidentPage:
    """List incidents, the newest first, each with its place in the edition in force when it happened."""
    size = min(limit, PAGE)
    with state.database.reading() as connection:
        rows = store.page(
            connection,
            limit=size,
            after=_read_token(after),
            how=how,
            source=source,
            since=since,
            until=until,
        )
    if len(rows) < size:
        return IncidentPage(incidents=rows, next=None)
    token = _token(rows[-1]["occurred_at"], rows[-1]["id"])
    query = request.url.include_query_params(after=token).query
    return IncidentPage(incidents=rows, next=f"{request.url.path}?{query}")


@router.get("/incidents/{incident_id}")
def incident(state: State, _who: Reader, incident_id: UUID) -> dict[str, Any]:
    """Give one incident with its place."""
    return _stored(state, incident_id)


def _token(moment: datetime, key: UUID) -> str:
    return base64.urlsafe_b64encode(f"{moment.isoformat()} {key}".encode()).decode().rstrip("=")


def _read_token(token: str | None) -> tuple[datetime, UUID] | None:
    if token is None:
        return None
    try:
        moment, key = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split(" ")
        return datetime.fromisoformat(moment), UUID(key)
    except ValueError:
        fault = Fault("after", "take it from `next` of the page before, whole", value=token)
        raise BadRequestError("this is not a place in the list", [fault]) from None
