"""Incidents: report them, one or many, and read them back with their cells."""

import base64
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import numpy as np
import pandas as pd
from fastapi import Header, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints

from geo_service.api.access import roles
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import BadRequestError, Fault, InvalidInputError
from geo_service.geometry.crs import parse_datum, to_wgs84
from geo_service.model import Principal, Role
from geo_service.services.intake import incident_id, take_in
from geo_service.services.locating import locate_closely
from geo_service.store import incidents as store

router = Router(prefix="/v1", tags=["incidents"])

PAGE = 1000
BATCH = 1000
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Report(BaseModel):
    """What happened, and where: a point, or nothing (then it waits to be located)."""

    model_config = ConfigDict(extra="forbid")

    source_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="The source's own id; the same one sent again is the same incident"
    )
    occurred_at: AwareDatetime
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

    source: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    reports: list[Report] = Field(min_length=1, max_length=BATCH)


class Taken(BaseModel):
    """What became of a report."""

    id: UUID
    new: bool
    placement: dict[str, Any]


@router.post("/incidents", status_code=201, responses={200: {"model": Taken, "description": "Known already"}})
def report(
    state: State,
    body: Report,
    response: Response,
    who: Annotated[Principal, roles(Role.DISPATCHER, Role.WORKER, Role.DEVICE)],
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Taken:
    """Report an incident. The answer comes when it is safely stored; sending it again does no harm.

    It needs an id: ``source_id`` in the body, or the header ``Idempotency-Key``.
    """
    source_id = body.source_id or idempotency_key
    if source_id is None:
        raise BadRequestError(
            "a report needs an id, so that sending it twice does not double it",
            [Fault("source_id", "give the source's own id, or the header Idempotency-Key")],
        )
    rows = _frame([body], [source_id])
    done = take_in(state.database, state.tilings, rows, source=who.name, who=who.name)
    new = bool(done.new[0])
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/incidents/{done.ids[0]}"
    lon, lat = rows[["lon", "lat"]].to_numpy(dtype=float)[0].tolist()
    placement: dict[str, Any] = {"cell_code": None, "how": "none", "path": []}
    if np.isfinite(lon):
        placement = locate_closely(state.tilings.get(body.occurred_at), lon, lat, body.accuracy_m)
    return Taken(id=done.ids[0], new=new, placement=placement)


@router.post("/incidents/batch")
def report_many(
    state: State, body: Reports, who: Annotated[Principal, roles(Role.DISPATCHER, Role.DEVICE)]
) -> dict[str, Any]:
    """Report up to 1,000 incidents of one source at once: all are stored, or none."""
    missing = [
        Fault(f"reports[{i}].source_id", "give the source's own id")
        for i, one in enumerate(body.reports)
        if one.source_id is None
    ]
    if missing:
        raise InvalidInputError("every report of a batch needs an id", missing)
    rows = _frame(body.reports, [one.source_id or "" for one in body.reports])
    done = take_in(state.database, state.tilings, rows, source=body.source, who=who.name)
    return done.as_dict() | {"ids": [str(incident_id(body.source, str(key))) for key in rows["source_id"]]}


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
            if not (abs(lon) <= 180 and abs(lat) <= 90):
                faults.append(Fault(f"{field}lon", "the point is not on the globe; are lon and lat swapped?"))
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
    state: State,
    _who: Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER, Role.PLANNER)],
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}")] = 100,
    after: Annotated[str | None, Query(max_length=120, description="From `next` of the page before")] = None,
    how: Annotated[Literal["inside", "on_edge", "near_gap", "none"] | None, Query()] = None,
) -> IncidentPage:
    """List incidents, the newest first, with their place in the edition in force now."""
    size = min(limit, PAGE)
    spans = state.tilings.spans()
    edition = state.tilings.edition() if spans else None
    with state.database.reading() as connection:
        rows = store.page(
            connection, edition.id if edition else None, limit=size, after=_read_token(after), how=how
        )
    token = _token(rows[-1]["occurred_at"], rows[-1]["id"]) if len(rows) == size else None
    return IncidentPage(incidents=rows, next=f"/v1/incidents?limit={size}&after={token}" if token else None)


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
