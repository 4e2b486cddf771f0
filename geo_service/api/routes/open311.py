"""Open311 (GeoReport v2, https://wiki.open311.org/GeoReport_v2): existing apps report without change.

Services are our categories, service requests our incidents. What an app says of the person who reports
(name, e-mail, telephone) is not kept. Answers and errors have the shape of that standard, not ours.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import Query, Response
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.requests import Request

from geo_service.api.access import PUBLIC, client_address, refuse_busy_guesser
from geo_service.api.front import run_at_front
from geo_service.api.reports import Report
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.api.validation_words import in_both
from geo_service.errors import (
    BadRequestError,
    Fault,
    ForbiddenError,
    GeoServiceError,
    InvalidInputError,
    NotFoundError,
    UnauthenticatedError,
    Words,
)
from geo_service.formats.open311 import as_json, as_xml
from geo_service.model import Principal, Role
from geo_service.services import catalogue, reporting
from geo_service.services.identity import read_key
from geo_service.services.intake import take_in
from geo_service.store import service_requests as store
from geo_service.store.database import Database

router = Router(prefix="/open311/v2", tags=["incidents"], include_in_schema=False)

#: Apps send it; here there is one jurisdiction.
Jurisdiction = Annotated[str, Query(alias="jurisdiction_id", max_length=200)]
MOST = 1000
SPAN = timedelta(days=90)
_XML, _JSON = "application/xml; charset=utf-8", "application/json; charset=utf-8"
_REPORTERS = frozenset({Role.ADMIN, Role.DISPATCHER, Role.WORKER, Role.DEVICE})
_READERS = frozenset({Role.ADMIN, Role.DISPATCHER, Role.LEADER})
_LONGEST = 4000
#: What the standard calls our fields.
_OPEN311_NAMES = {
    "lon": "long",
    "category": "service_code",
    "address": "address_string",
    "building": "address_id",
}
_UNKNOWN = Words("is not in the list of /open311/v2/services.json", "不在类别列表中，见 services.json")


class Shape(NamedTuple):
    """How an answer is written: its format, and what its elements are called in XML."""

    format: str
    whole: str
    one: str

    def write(self, rows: Sequence[Mapping[str, Any]], status: int = 200) -> Response:
        """Return rows in this shape."""
        if self.format == "json":
            return Response(as_json(rows), status, media_type=_JSON)
        return Response(as_xml(rows, self.whole, self.one), status, media_type=_XML)


@router.get("/discovery.{kind}", dependencies=[PUBLIC])
async def discovery(request: Request, kind: str) -> Response:
    """Tell where the service is, and in which formats it speaks."""
    address = str(request.url).partition("/discovery")[0]
    row = {"specification": "http://wiki.open311.org/GeoReport_v2", "url": address, "type": "production"}
    return _answered(kind, "endpoints", "endpoint", lambda shape: shape.write([row]))


@router.get("/services.{kind}", dependencies=[PUBLIC])
def services(state: State, kind: str, _jurisdiction: Jurisdiction = "") -> Response:
    """List the categories that may be reported, those in groups with the group's name."""
    return _answered(kind, "services", "service", lambda shape: shape.write(_services(state.database)))


@router.get("/services/{code}.{kind}", dependencies=[PUBLIC])
def service(state: State, code: str, kind: str, _jurisdiction: Jurisdiction = "") -> Response:
    """Tell what may be asked of a service: nothing beyond the report itself."""

    def act(shape: Shape) -> Response:
        if code not in {row["service_code"] for row in _services(state.database)}:
            raise NotFoundError(Words(f"there is no service {code!r}", f"没有类别 {code}"))
        return shape.write([{"service_code": code, "attributes": "" if shape.format == "xml" else []}])

    return _answered(kind, "service_definitions", "service_definition", act)


@router.get("/requests.{kind}", dependencies=[PUBLIC])
def requests(
    request: Request,
    state: State,
    kind: str,
    service_request_id: str = "",
    service_code: str = "",
    start_date: str = "",
    end_date: str = "",
    status: str = "",
    _jurisdiction: Jurisdiction = "",
    api_key: str = "",
) -> Response:
    """List service requests: of 90 days, at most 1,000. A device sees what it reported itself."""

    def act(shape: Shape) -> Response:
        who = _who(request, state, api_key)
        ids = [_uuid(one) for one in service_request_id.split(",")] if service_request_id else None
        until = _moment("end_date", end_date) or (None if ids else datetime.now(UTC) + timedelta(minutes=1))
        since = _moment("start_date", start_date) or (until - SPAN if until is not None else None)
        if since is not None and until is not None and until - since > SPAN + timedelta(minutes=1):
            raise _bad("start_date", Words("ask for at most 90 days at once", "一次最多查询 90 天"))
        if status not in {"", "open", "closed"}:
            raise _bad("status", Words("must be open or closed", "须为 open 或 closed"))
        with state.database.reading() as connection:
            rows = store.find(
                connection,
                reported_by=None if who.role in _READERS else who.name,
                limit=MOST,
                scope=who.scope,
                keys=ids,
                codes=service_code.split(",") if service_code else None,
                since=since,
                until=until,
                status="open" if status == "open" else "closed" if status else None,
            )
        return shape.write([_request(row) for row in rows])

    return _answered(kind, "service_requests", "request", act)


@router.get("/requests/{key}.{kind}", dependencies=[PUBLIC])
def one_request(
    request: Request, state: State, key: str, kind: str, _jurisdiction: Jurisdiction = "", api_key: str = ""
) -> Response:
    """Tell how one service request stands."""

    def act(shape: Shape) -> Response:
        row = _seen(state, _who(request, state, api_key), key)
        return shape.write([_request(row)])

    return _answered(kind, "service_requests", "request", act)


@router.get("/tokens/{token}.{kind}", dependencies=[PUBLIC])
def token(
    request: Request, state: State, token: str, kind: str, _jurisdiction: Jurisdiction = "", api_key: str = ""
) -> Response:
    """Return the id for a token: they are the same, because reports are stored at once."""

    def act(shape: Shape) -> Response:
        _seen(state, _who(request, state, api_key), token)
        return shape.write([{"service_request_id": token, "token": token}])

    return _answered(kind, "service_requests", "request", act)


@router.post("/requests.{kind}", dependencies=[PUBLIC])
async def report(request: Request, state: State, kind: str) -> Response:
    """Report an incident. A header ``Idempotency-Key`` makes sending it twice harmless."""
    form = await request.form()
    given = _plain(form)

    def act(shape: Shape) -> Response:
        who = _who(request, state, given.get("api_key", ""), _REPORTERS)
        made = _report(given, request.headers.get("idempotency-key", "") or uuid.uuid4().hex)
        _require_service(state.front, made.category)
        rows = reporting.strictly(reporting.prepare(state.front, state.tilings, [made]))
        done = take_in(state.front, state.tilings, rows, source=who.name, who=who.name, live=True)
        answer = {"service_request_id": str(done.ids[0]), "service_notice": "", "account_id": ""}
        return shape.write([answer], 201)

    return await run_at_front(state, _answered, kind, "service_requests", "request", act)


# ----------------------------------------------------------------------------------------------- pieces


def _answered(kind: str, whole: str, one: str, act: Callable[[Shape], Response]) -> Response:
    """Return the answer, or the error, in the format that the address asks for."""
    if kind not in {"json", "xml"}:
        return Shape("xml", "errors", "error").write(
            [
                {
                    "code": 404,
                    "description": _both(Words("ask for .xml or .json", "地址请以 .xml 或 .json 结尾")),
                }
            ],
            404,
        )
    try:
        return act(Shape(kind, whole, one))
    except GeoServiceError as error:
        # the standard knows 403 for a missing or wrong key
        status = {401: 403, 422: 400}.get(error.status, error.status)
        said = [f"{fault.field}: {_both(fault.message)}" for fault in error.faults] or [_both(error.detail)]
        rows = [{"code": status, "description": words} for words in said]
        return Shape(kind, "errors", "error").write(rows, status)


def _who(
    request: Request, state: AppState, api_key: str, takes: frozenset[Role] = _REPORTERS | _READERS
) -> Principal:
    """Recognise the caller by ``api_key``, or the headers that all our routes take."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    header = bearer.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
    address = client_address(request)
    refuse_busy_guesser(state, address)
    if not (api_key or header):
        raise UnauthenticatedError(Words("api_key is missing", "缺少 api_key"))
    credential = read_key(api_key or header)
    who = (state.gate.recall(credential) or state.gate.look_up(credential)) if credential else None
    if who is None:
        state.attempts.failed(address)
        raise UnauthenticatedError(Words("the api_key is not known", "api_key 无效"))
    if who.role not in takes:
        raise ForbiddenError(Words("this key may not do that", "该密钥无此权限"))
    return who


def _seen(state: AppState, who: Principal, key: str) -> dict[str, Any]:
    """Return a service request; what the caller may not see is not there."""
    own = None if who.role in _READERS else who.name
    with state.database.reading() as connection:
        rows = store.find(connection, reported_by=own, limit=1, scope=who.scope, keys=[_uuid(key)])
    if not rows:
        raise NotFoundError(Words("there is no such service request", "没有这个事件"))
    return rows[0]


def _services(database: Database) -> list[dict[str, Any]]:
    with database.reading() as connection:
        rows = catalogue.categories(connection)
    groups = {row["code"]: row["name_zh"] for row in rows}
    above = {row["parent_code"] for row in rows}
    return [
        {
            "service_code": row["code"],
            "service_name": row["name_zh"],
            "description": row["name_en"],
            "metadata": False,
            "type": "realtime",
            "keywords": row["name_en"],
            "group": groups.get(row["parent_code"], ""),
        }
        for row in rows
        if row["code"] not in above
    ]


def _require_service(database: Database, code: str) -> None:
    if code not in {row["service_code"] for row in _services(database)}:
        raise NotFoundError(
            Words(f"there is no service {code!r}", f"没有服务类别 {code}"), [Fault("service_code", _UNKNOWN)]
        )


def _plain(form: FormData) -> dict[str, str]:
    return {name: value[:_LONGEST] for name, value in form.items() if isinstance(value, str)}


def _report(given: Mapping[str, str], source_id: str) -> reporting.Report:
    """Read the fields of a form."""
    if not given.get("service_code"):
        raise _bad(
            "service_code",
            Words("is missing: take one of /open311/v2/services.json", "缺少类别，见 services.json"),
        )
    has_point = bool(given.get("lat") and given.get("long"))
    if not (has_point or given.get("address_string") or given.get("address_id")):
        raise _bad(
            "lat",
            Words(
                "give lat and long, address_string or address_id",
                "请给出 lat 和 long，或 address_string、address_id",
            ),
        )
    now = datetime.now(UTC).isoformat()
    fields: dict[str, Any] = {
        "source_id": source_id,
        "occurred_at": now,
        "category": given["service_code"][:200],
        "address": given.get("address_string", "")[:200],
        "channel": "web",
    }
    if has_point:
        fields |= {"lat": given["lat"], "lon": given["long"]}
    elif given.get("address_id"):
        fields["building"] = given["address_id"]
    try:
        made = Report.model_validate(fields).made(source_id)
    except ValidationError as error:
        found = error.errors(include_url=False)
        faults = [
            Fault(
                _OPEN311_NAMES.get(name := str(one["loc"][0]), name),
                in_both(one["type"], one["msg"], one.get("ctx")),
            )
            for one in found
        ]
        raise InvalidInputError(Words("the report does not fit", "上报内容有误"), faults) from None
    kept = {name: given[name] for name in ("description", "media_url") if given.get(name)}
    made.attributes.update(kept)
    return made


def _request(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write an incident as a service request."""
    return {
        "service_request_id": str(row["id"]),
        "status": row["status"],
        "status_notes": row["status_notes"],
        "service_name": row["service_name"] or row["service_code"],
        "service_code": row["service_code"],
        "description": row["description"] or "",
        "agency_responsible": "",
        "service_notice": "",
        "requested_datetime": row["requested_datetime"],
        "updated_datetime": row["updated_datetime"],
        "expected_datetime": row["expected_datetime"],
        "address": row["address"],
        "address_id": "",
        "zipcode": "",
        "lat": row["lat"],
        "long": row["long"],
        "media_url": "",
    }


def _uuid(text: str) -> UUID:
    try:
        return UUID(text.strip())
    except ValueError:
        raise NotFoundError(Words("there is no such service request", "没有这个事件")) from None


def _moment(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise _bad(name, Words("write it like 2026-11-22T02:00:00Z", "请写成 2026-11-22T02:00:00Z")) from None
    if moment.utcoffset() is None or not 1970 <= moment.year <= 2200:
        raise _bad(
            name,
            Words("write it with its offset, like 2026-11-22T02:00:00Z", "请带时差，如 2026-11-22T02:00:00Z"),
        )
    return moment


def _both(text: str) -> str:
    """Write a text in both languages: the standard has one description for all readers."""
    return f"{text.zh} {text}" if isinstance(text, Words) else text


def _bad(name: str, message: str) -> BadRequestError:
    return BadRequestError(message, [Fault(name, message)])
