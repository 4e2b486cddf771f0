"""The entries of the roster: people, duties, rotas, shifts, absences, posts, teams, calendars, needs.

All registers have the same verbs. An entry is read with its ETag; who changes or removes it sends the tag as
``If-Match``. Entries with a code are put under it; those with a number are posted, once with one
``Idempotency-Key``.
"""

from collections.abc import Callable
from typing import Annotated, Any, Self
from urllib.parse import quote

from fastapi import Header, Path, Query, Response
from pydantic import AfterValidator, StringConstraints, model_validator

from geo_service.api.access import roles
from geo_service.api.caching import json_answer
from geo_service.api.idempotency import OnlyOnce
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.model import Principal, Role
from geo_service.services import roster_entries, roster_records
from geo_service.services.roster_entries import KEYS, Entry
from geo_service.services.roster_records import Record
from geo_service.services.roster_scopes import RosterPart
from geo_service.services.scopes import part_of
from geo_service.store import audit, roster
from geo_service.store.bulk import range_text

router = Router(prefix="/v1", tags=["roster"])

PAGE = 500
#: Who reads the roster by name; phones never see it.
Reader = Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER, Role.PLANNER)]
Writer = Annotated[Principal, roles(Role.DISPATCHER, Role.LEADER)]
#: Who may see and set telephone numbers.
Caller = Annotated[Principal, roles(Role.DISPATCHER)]
Key = Annotated[str, Path(min_length=1, max_length=64)]
IfMatch = Annotated[str | None, Header(max_length=100, description="ETag of the entry that was looked at")]
Limit = Annotated[int, Query(ge=1, description=f"At most {PAGE}")]
After = Annotated[str | None, Query(max_length=64, description="Key of the last entry seen")]
ByResponder = Annotated[str | None, Query(max_length=64, description="Only of this responder")]
JSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}
MADE: dict[int | str, dict[str, Any]] = {201: {"content": {"application/json": {}}}}


def telephone(text: str) -> str:
    """Return a number that has digits; refuse others."""
    if text and not any(mark.isdigit() for mark in text):
        raise ValueError("give digits, blanks, hyphens and a leading +")
    return text


class Contact(Entry):
    """How somebody is reached; an empty number takes it away."""

    phone: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=25, pattern=r"^\+?[\d\s()（）-]*$"),
        AfterValidator(telephone),
    ]


def answer(record: Record, status: int = 200) -> Response:
    """Return an entry with its key, its tag, and, if it is new, where it is found."""
    headers = {"ETag": f'"{record.tag}"', "Cache-Control": "private, no-cache"}
    if record.created:
        headers["Location"] = f"/v1/{ADDRESSES[record.register]}/{quote(record.key, safe='')}"
        status = 201
    body = record.entry if record.register in KEYS else {"id": int(record.key), **record.entry}
    return json_answer(body, status=status, headers=headers)


def listed(
    state: State, who: Principal, register: str, conditions: dict[str, Any], after: str | None, limit: int
) -> Response:
    """Return a page of the entries that the caller sees; ``next`` is the key to go on after."""
    limit = min(limit, PAGE)
    part = part_of(state.tilings, who)
    with state.database.reading() as connection:
        if part is not None:
            conditions = conditions | RosterPart(connection, part).conditions(register)
        found = roster.read(connection, register, conditions, after=after, limit=limit + 1)
    shown = [Record(register, key, entry) for key, entry in found[:limit]]
    entries = [
        {**({} if register in KEYS else {"id": int(one.key)}), **one.entry, "etag": f'"{one.tag}"'}
        for one in shown
    ]
    return json_answer({"entries": entries, "next": shown[-1].key if len(found) > limit else None})


def span(since: Moment | None, until: Moment | None) -> str | None:
    """Return a span of time for a condition; None without bounds."""
    if since is not None and until is not None and until <= since:
        raise InvalidInputError(
            Words("the span is backwards", "起止时间颠倒"),
            [Fault("to", Words("give a later moment than from", "请给出晚于 from 的时刻"))],
        )
    return None if since is None and until is None else range_text(since, until)


#: Where the entries of each register are found.
ADDRESSES = {
    "responders": "responders",
    "duties": "duties",
    "rotas": "rotas",
    "shifts": "shifts",
    "absences": "absences",
    "posts": "posts",
    "teams": "teams",
    "calendars": "calendars",
    "stations": "stations",
    "needs": "staffing-needs",
}
From = Annotated[Moment | None, Query(alias="from", description="Only what ends after this")]
To = Annotated[Moment | None, Query(description="Only what begins before this")]


# ------------------------------------------------------------------------------------------------ lists


@router.get("/responders", responses=JSON, response_class=Response)
def responders(
    state: State,
    who: Reader,
    q: Annotated[str | None, Query(max_length=64, description="Part of a name or code")] = None,
    role: Annotated[str | None, Query(max_length=64)] = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """List the people who can be sent."""
    return listed(state, who, "responders", {"q": q or None, "role": role}, after, limit)


@router.get("/duties", responses=JSON, response_class=Response)
def duties(
    state: State,
    who: Reader,
    responder: ByResponder = None,
    cell: Annotated[str | None, Query(max_length=64, description="Only on this cell")] = None,
    at: Annotated[Moment | None, Query(description="Only what is held then")] = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """List who holds which role on which cell, and when."""
    return listed(state, who, "duties", {"responder": responder, "cell": cell, "at": at}, after, limit)


@router.get("/rotas", responses=JSON, response_class=Response)
def rotas(state: State, who: Reader, after: After = None, limit: Limit = 100) -> Response:
    """List the weekly rotas of those who have one."""
    return listed(state, who, "rotas", {"filled": True}, after, limit)


@router.get("/shifts", responses=JSON, response_class=Response)
def shifts(
    state: State,
    who: Reader,
    responder: ByResponder = None,
    since: From = None,
    to: To = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """List single shifts, beside the rotas."""
    return listed(state, who, "shifts", {"responder": responder, "span": span(since, to)}, after, limit)


@router.get("/absences", responses=JSON, response_class=Response)
def absences(
    state: State,
    who: Reader,
    responder: ByResponder = None,
    since: From = None,
    to: To = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """List leave and swaps."""
    return listed(state, who, "absences", {"responder": responder, "span": span(since, to)}, after, limit)


Kind = Annotated[str | None, Query(max_length=64, description="Only of this kind")]


@router.get("/posts", responses=JSON, response_class=Response)
def posts(state: State, who: Reader, kind: Kind = None, after: After = None, limit: Limit = 100) -> Response:
    """List the posts with their windows."""
    return listed(state, who, "posts", {"kind": kind}, after, limit)


@router.get("/teams", responses=JSON, response_class=Response)
def teams(state: State, who: Reader, after: After = None, limit: Limit = 100) -> Response:
    """List the teams with their members."""
    return listed(state, who, "teams", {}, after, limit)


@router.get("/calendars", responses=JSON, response_class=Response)
def calendars(state: State, who: Reader, after: After = None, limit: Limit = 100) -> Response:
    """List the calendars with their days out of the ordinary."""
    return listed(state, who, "calendars", {}, after, limit)


@router.get("/stations", responses=JSON, response_class=Response)
def stations(
    state: State, who: Reader, kind: Kind = None, after: After = None, limit: Limit = 100
) -> Response:
    """List the stations."""
    return listed(state, who, "stations", {"kind": kind}, after, limit)


@router.get("/staffing-needs", responses=JSON, response_class=Response)
def needs(state: State, who: Reader, after: After = None, limit: Limit = 100) -> Response:
    """List the template of required roles: whom cells of a kind must have, and when."""
    return listed(state, who, "needs", {}, after, limit)


# ------------------------------------------------------------------------------------------ one entry


def _add_verbs(register: str, entry: type[Entry], noun: str, writer: Any) -> None:
    """Add reading, writing and removing one entry of a register."""
    address = f"/{ADDRESSES[register]}"

    def read(state: State, who: Reader, key: Key) -> Response:
        part = part_of(state.tilings, who)
        with state.database.reading() as connection:
            return answer(roster_records.get(connection, register, key, part))

    def write(
        state: State,
        who: Annotated[Principal, writer],
        key: Key,
        body: Any,
        once: OnlyOnce,
        if_match: IfMatch = None,
    ) -> Response:
        return once.answer(
            state.database,
            lambda: _kept(
                state,
                once,
                lambda finish: roster_records.put(
                    state.database,
                    register,
                    key,
                    body,
                    who=who.name,
                    if_match=if_match,
                    finish=finish,
                    part=part_of(state.tilings, who),
                ),
            ),
        )

    def remove(
        state: State, who: Annotated[Principal, writer], key: Key, if_match: IfMatch = None
    ) -> Response:
        part = part_of(state.tilings, who)
        roster_records.remove(state.database, register, key, who=who.name, if_match=if_match, part=part)
        changed(state)
        return Response(status_code=204)

    def create(state: State, who: Annotated[Principal, writer], body: Any, once: OnlyOnce) -> Response:
        return once.answer(
            state.database,
            lambda: _kept(
                state,
                once,
                lambda finish: roster_records.create(
                    state.database,
                    register,
                    body,
                    who=who.name,
                    finish=finish,
                    part=part_of(state.tilings, who),
                ),
            ),
        )

    write.__annotations__["body"] = entry
    create.__annotations__["body"] = entry
    answers = {"GET": JSON, "PUT": JSON | MADE, "POST": MADE, "DELETE": {}}
    made: list[tuple[Callable[..., Response], str, str, str]] = [
        (read, "GET", f"Give {noun} with its ETag.", "{key}"),
        (write, "PUT", f"Write {noun}; an existing one under its ``If-Match``.", "{key}"),
        (remove, "DELETE", f"Take {noun} away, under its ``If-Match``.", "{key}"),
    ]
    if register not in KEYS:
        made.append((create, "POST", f"Add {noun}.", ""))
    for function, method, words, rest in made:
        function.__doc__ = words
        function.__name__ = f"{function.__name__}_{register}"
        path = f"{address}/{rest}" if rest else address
        status = {"POST": 201, "DELETE": 204}.get(method, 200)
        router.add_api_route(
            path,
            function,
            methods=[method],
            status_code=status,
            responses=answers[method],
            response_class=Response,
        )


def _kept(state: AppState, once: OnlyOnce, act: Callable[[roster_records.Finish], Record]) -> Response:
    """Do it, and keep the answer in the transaction of the effect."""
    done = answer(act(lambda connection, record: once.keep(connection, answer(record))))
    changed(state)
    return done


def changed(state: AppState) -> None:
    """Have the desk look at the roster again: who sends somebody next goes by what was just written."""
    state.desk.books.forget()
    state.desk.board.expire()


class Swap(Entry):
    """Two who take each other's place: ``first`` gives time away, ``second`` perhaps gives some back."""

    first: roster_entries.Leave
    second: roster_entries.Leave | None = None

    @model_validator(mode="after")
    def between_two(self) -> Self:
        """Refuse a swap among more than two."""
        if self.first.substitute is None:
            raise ValueError("first names who takes over")
        back = self.second
        if back and (back.responder, back.substitute) != (self.first.substitute, self.first.responder):
            raise ValueError("the second half goes the other way round between the same two")
        return self


@router.post("/swaps", status_code=201, responses=MADE, response_class=Response)
def swap(state: State, who: Writer, body: Swap, once: OnlyOnce) -> Response:
    """Exchange time between two people: both halves are written, or neither."""
    halves = [body.first, *([body.second] if body.second else [])]

    def told(records: list[Record]) -> Response:
        entries = [{"id": int(one.key), **one.entry} for one in records]
        return json_answer({"absences": entries}, status=201)

    def act() -> Response:
        records = roster_records.create_all(
            state.database,
            "absences",
            halves,
            who=who.name,
            finish=lambda connection, found: once.keep(connection, told(found)),
            part=part_of(state.tilings, who),
        )
        changed(state)
        return told(records)

    return once.answer(state.database, act)


@router.get("/responders/{key}/contact", responses=JSON, response_class=Response)
def get_contact(state: State, who: Caller, key: Key) -> Response:
    """Give a responder's telephone number: to those who call him, and to nobody else."""
    part = part_of(state.tilings, who)
    with state.database.reading() as connection:
        roster_records.get(connection, "responders", key, part)
        number = roster.contact(connection, key)
    return json_answer({"responder": key, "phone": number or ""}, headers={"Cache-Control": "no-store"})


@router.put("/responders/{key}/contact", responses=JSON, response_class=Response)
def set_contact(state: State, who: Caller, key: Key, body: Contact) -> Response:
    """Write a responder's telephone number."""
    part = part_of(state.tilings, who)
    with state.database.writing() as connection:
        roster_records.get(connection, "responders", key, part)
        roster.set_contact(connection, key, body.phone)
        # that it changed is no secret, the number is
        audit.record(connection, who.name, "roster.contact", f"responders/{key}")
    return json_answer({"responder": key, "phone": body.phone}, headers={"Cache-Control": "no-store"})


_SETTER = roles()
_WRITER = roles(Role.DISPATCHER, Role.LEADER)
for _register, _noun, _by in (
    ("responders", "a responder", _WRITER),
    ("duties", "a duty", _WRITER),
    ("rotas", "somebody's rota", _WRITER),
    ("shifts", "a single shift", _WRITER),
    ("absences", "leave or a swap", _WRITER),
    ("posts", "a post with its windows", _WRITER),
    ("teams", "a team with its members", _WRITER),
    ("calendars", "a calendar", _WRITER),
    ("stations", "a station", _WRITER),
    ("needs", "a required role", _SETTER),
):
    _add_verbs(_register, roster_entries.ENTRIES[_register], _noun, _by)
