"""Incidents: report them, and read them back: one with everything, the desk's queue, the history."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from fastapi import Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.front import at_front
from geo_service.api.moments import Moment
from geo_service.api.reports import Key, Report
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import BadRequestError, Fault, ForbiddenError, InvalidInputError, NotFoundError, Words
from geo_service.model import Principal, Role
from geo_service.services import catalogue, incident_views, reporting
from geo_service.services.intake import take_in
from geo_service.services.scopes import foreign, part_of
from geo_service.services.tiling import Tiling
from geo_service.store import incidents as store
from geo_service.store import queue

router = Router(prefix="/v1", tags=["incidents"])

Reader = Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER, Role.PLANNER)]

PAGE = 1000
#: As many as an address of a few thousand characters holds.
MOST_IDS = 100
BATCH = 1000
_RANKS = ("0", "1", "2", "3", "4")


class Reports(BaseModel):
    """Several reports of one source."""

    model_config = ConfigDict(extra="forbid")

    source: Key | None = None
    reports: list[Report] = Field(min_length=1, max_length=BATCH)


class Taken(BaseModel):
    """What became of a report: where it is placed and who answers, as stored."""

    id: UUID
    new: bool
    placement: dict[str, Any]
    owner: dict[str, Any] | None = Field(description="Who holds the cell, or the nearest one above it")
    premises: list[dict[str, Any]] = Field(description="Grounds of units that it lies on")
    flags: list[dict[str, Any]] = Field(description="What was noticed and not changed")
    standing: dict[str, Any] | None = Field(description="Status, clocks, what can be done")


@router.post("/incidents", status_code=201, responses={200: {"model": Taken, "description": "Known already"}})
@at_front
def report(
    state: State,
    body: Report,
    response: Response,
    who: Annotated[Principal, roles(Role.DISPATCHER, Role.WORKER, Role.DEVICE)],
    idempotency_key: Annotated[Key | None, Header()] = None,
) -> Taken:
    """Report an incident. The answer comes when it is safely stored; sending it again does no harm.

    It needs an id: ``source_id`` in the body, or the header ``Idempotency-Key``. Its source is the caller.
    A report that is known already is left as it is, and its stored place is answered. Where it lies is said
    by a point, a building, a cell, or not at all: then it waits in the queue to be located.
    """
    source_id = body.source_id or idempotency_key
    if source_id is None:
        raise BadRequestError(
            Words(
                "a report needs an id, so that sending it twice does not double it",
                "上报须带编号，以免重复发送时重复登记",
            ),
            [
                Fault(
                    "source_id",
                    Words(
                        "give the source's own id, or the header Idempotency-Key",
                        "请给出来源自己的编号，或请求头 Idempotency-Key",
                    ),
                )
            ],
        )
    done = state.reception.receive(body.made(source_id), who.name)
    response.status_code = 201 if done.new else 200
    response.headers["Location"] = f"/v1/incidents/{done.id}"
    seen = done.seen
    told = {name: seen[name] for name in ("placement", "owner", "premises", "flags", "standing")}
    if foreign(part_of(state.tilings, who), seen["placement"]["path"]):
        told["owner"] = None  # he may report what he sees across the line, not read who answers there
    return Taken(id=done.id, new=done.new, **told)


@router.post("/incidents/batch")
@at_front
def report_many(
    state: State, body: Reports, who: Annotated[Principal, roles(Role.DISPATCHER, Role.DEVICE)]
) -> dict[str, Any]:
    """Report up to 1,000 incidents of one source at once: all are stored, or none.

    The source is the caller, unless a dispatcher names another: a gateway passes on for many.
    """
    source = source_of(who, body.source)
    missing = [
        Fault(f"reports[{i}].source_id", Words("give the source's own id", "请给出来源自己的编号"))
        for i, one in enumerate(body.reports)
        if one.source_id is None
    ]
    if missing:
        raise InvalidInputError(
            Words("every report of a batch needs an id", "批量上报的每一条都须带编号"), missing
        )
    reports = [one.made(one.source_id or "") for one in body.reports]
    prefixes = [f"reports[{i}]." for i in range(len(reports))]
    prepared = reporting.prepare(state.front, state.tilings, reports, prefixes=prefixes)
    rows = reporting.strictly(prepared)
    done = take_in(state.front, state.tilings, rows, source=source, who=who.name, live=True)
    return done.as_dict() | {"ids": [str(key) for key in done.ids]}


def source_of(who: Principal, named: str | None) -> str:
    """Return under whose name reports are kept: a device reports as itself, and who sees a part of the town.

    Whoever named another could take that one's ids, and learn of his incidents.
    """
    if named is not None and named != who.name and (who.role is Role.DEVICE or who.scope):
        raise ForbiddenError(
            Words(
                f"this key reports as itself: leave source out, or write {who.name!r}",
                f"该密钥只能以自身名义上报：请去掉 source，或写 {who.name}",
            )
        )
    return named or who.name


class IncidentPage(BaseModel):
    """A page of incidents, and where the next one begins."""

    incidents: list[dict[str, Any]]
    next: str | None
    counts: dict[str, int] | None = Field(None, description="With status: how many there are in each")


@router.get("/incidents")
def incidents(
    request: Request,
    state: State,
    who: Reader,
    limit: Annotated[int, Query(ge=1, description=f"At most {PAGE}")] = 100,
    after: Annotated[str | None, Query(max_length=160, description="From `next` of the page before")] = None,
    status: Annotated[
        queue.State | None,
        Query(description="The desk's queue: the most urgent first, then by time left. Without it: history"),
    ] = None,
    level: Annotated[str | None, Query(max_length=32, description="Level of `cell`")] = None,
    cell: Annotated[str | None, Query(max_length=64, description="Code of a cell; all inside it")] = None,
    category: Annotated[str | None, Query(max_length=64, description="With all below it")] = None,
    how: Annotated[Literal["inside", "on_edge", "by_cell", "near_gap", "none"] | None, Query()] = None,
    source: Annotated[str | None, Query(max_length=100)] = None,
    since: Annotated[Moment | None, Query(description="Happened at this moment or later")] = None,
    until: Annotated[Moment | None, Query(description="Happened before this moment")] = None,
    id: Annotated[  # noqa: A002 - as it is called in the address
        list[UUID] | None, Query(max_length=MOST_IDS, description="These, as the queue tells them; repeated")
    ] = None,
) -> IncidentPage:
    """List incidents: with ``status`` the desk's queue, without it the history, the newest first.

    With ``id`` those alone, whatever their state, in the order of the queue, without any that is not there:
    so a desk reads what has changed. Each has its place in the edition in force when it happened. A key for a
    part of the town sees the incidents of its cells only, and no unlocated ones.
    """
    size = min(limit, PAGE)
    if id is not None:
        others = (after, status, level, cell, category, how, source, since, until)
        _refuse_mixed(others, "id goes alone", "id")
        return _named(state, id, who.scope)
    if status is not None:
        _refuse_mixed((how, source, since, until), "how, source, since and until go without status")
        narrowed = Narrowed(_cells_below(state, level, cell), category, who.scope)
        return _queue(request, state, status, size, after, narrowed)
    _refuse_mixed((level, cell, category), "level, cell and category go with status")
    tiling = _named_by(state)
    with state.database.reading() as connection:
        rows = store.page(
            connection,
            limit=size,
            after=_read_token(after),
            how=how,
            source=source,
            since=since,
            until=until,
            scope=who.scope,
        )
        shown = incident_views.listed(connection, tiling, rows)
    last = [(row["occurred_at"].isoformat(), row["id"]) for row in rows[-1:]]
    return IncidentPage(incidents=shown, next=_next(request, last, len(rows), size), counts=None)


_NOT_IN_QUEUE = frozenset({"rank", "due", "cell_id"})


def _named_by(state: AppState) -> Tiling | None:
    """Return the edition by which cells are called, asked for before a connection is held; None: none yet."""
    try:
        return state.tilings.at_hand() or state.tilings.get()
    except NotFoundError:
        return None


class Narrowed(NamedTuple):
    """What the queue is narrowed down to."""

    cell_ids: list[int] | None
    category: str | None
    scope: frozenset[int]


def _named(state: AppState, keys: Sequence[UUID], scope: frozenset[int]) -> IncidentPage:
    tiling = _named_by(state)
    with state.database.reading() as connection:
        rows = queue.named(connection, keys, scope=scope)
        shown = incident_views.listed(connection, tiling, rows, _NOT_IN_QUEUE)
    return IncidentPage(incidents=shown, next=None, counts=None)


def _queue(
    request: Request, state: AppState, status: queue.State, size: int, after: str | None, narrowed: Narrowed
) -> IncidentPage:
    category = narrowed.category
    tiling = _named_by(state)
    with state.database.reading() as connection:
        rows = queue.page(
            connection,
            status,
            limit=size,
            after=_read_place(after),
            cell_ids=narrowed.cell_ids,
            categories=catalogue.below(connection, category) if category is not None else None,
            scope=narrowed.scope,
        )
        last = [(row["rank"], row["due"].isoformat(), row["id"]) for row in rows[-1:]]
        return IncidentPage(
            incidents=incident_views.listed(connection, tiling, rows, _NOT_IN_QUEUE),
            next=_next(request, last, len(rows), size),
            counts=queue.counts(connection, narrowed.scope),
        )


@router.get("/incidents/{incident_id}")
def incident(state: State, _who: Reader, incident_id: UUID) -> dict[str, Any]:
    """Give one incident: facts, place, owner and who of them is on duty, standing, what can be done."""
    return incident_views.one(state.database, state.tilings, incident_id, state.desk.books.ids_on_duty())


def _refuse_mixed(values: Sequence[object], words: str, field: str = "status") -> None:
    if any(value is not None for value in values):
        raise BadRequestError(words, [Fault(field, words)])


def _cells_below(state: AppState, level: str | None, code: str | None) -> list[int] | None:
    if level is None and code is None:
        return None
    if level is None or code is None:
        raise BadRequestError(
            Words("give both level and cell", "层级与网格须同时给出"),
            [Fault("cell", Words("give both level and cell", "层级与网格须同时给出"))],
        )
    tiling = state.tilings.get()
    cell_id = tiling.id_of_cell(level, code)
    if cell_id is None:
        message = Words(f"there is no {level} {code} in force", f"现行边界中没有 {level} {code}")
        raise NotFoundError(message, [Fault("cell", message, value=code)])
    return tiling.ids_below(cell_id)


# ------------------------------------------------------------------------------------------------ paging


def _next(request: Request, places: Sequence[tuple[Any, ...]], count: int, size: int) -> str | None:
    if count < size or not places:
        return None
    token = base64.urlsafe_b64encode(" ".join(map(str, places[0])).encode()).decode().rstrip("=")
    query = request.url.include_query_params(after=token).query
    return f"{request.url.path}?{query}"


def _parts(token: str, count: int) -> list[str]:
    parts = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split(" ")
    if len(parts) != count:
        raise ValueError
    return parts


def _read_token(token: str | None) -> tuple[datetime, UUID] | None:
    if token is None:
        return None
    try:
        moment, key = _parts(token, 2)
        return _moment(moment), UUID(key)
    except ValueError:
        raise _no_place(token) from None


def _read_place(token: str | None) -> queue.Place | None:
    if token is None:
        return None
    try:
        rank, due, key = _parts(token, 3)
        return _RANKS.index(rank), _moment(due), UUID(key)
    except ValueError:
        raise _no_place(token) from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() is None:
        raise ValueError
    return moment


def _no_place(token: str) -> BadRequestError:
    fault = Fault(
        "after",
        Words("take it from `next` of the page before, whole", "请完整使用上一页给出的 `next`"),
        value=token,
    )
    return BadRequestError(Words("this is not a place in the list", "列表中没有这个位置"), [fault])
