"""What a planner's office sets itself: rules, code schemes, and exclaves that are meant."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import Field
from starlette.requests import Request

from geo_service.api.access import READERS
from geo_service.api.caching import json_answer, tagged_json
from geo_service.api.idempotency import OnlyOnce
from geo_service.api.moments import Day
from geo_service.api.routes.plan_review import CellRef
from geo_service.api.routes.plans import JSON_ANSWER, Body, IfMatch, Planner, seen_revision
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.geometry.code_schemes import SCHEMES
from geo_service.geometry.rules_catalogue import catalogue
from geo_service.geometry.rules_settings import CLASSES, DEFAULTS, KINDS, OFF
from geo_service.model import Severity
from geo_service.planning import register
from geo_service.services import exclaves as declaring
from geo_service.services import office, planning
from geo_service.services.office import RulesSet, SchemesSet
from geo_service.services.rulebook import day_of
from geo_service.store import boundaries, exclaves, plans
from geo_service.store import office as kept
from geo_service.store.database import Connection

router = Router(prefix="/v1", tags=["office"])

Why = Annotated[str, Field(min_length=1, max_length=1000, description="For whoever reads the history")]
Version = Annotated[
    int | None, Query(ge=0, le=2**31 - 1, description="An earlier version; default: the newest")
]
Degrees = tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]]


class NewRules(Body):
    """Rule settings; those of the program come before them unless ``defaults`` is false."""

    settings: list[dict[str, Any]] = Field(max_length=1000)
    defaults: bool = True
    why: Why


class NewSchemes(Body):
    """The scheme of each level; a level left out has none."""

    schemes: dict[str, dict[str, Any]] = Field(max_length=50)
    why: Why


class Declaration(Body):
    """A piece of a cell that is meant to lie apart."""

    cell: CellRef
    place: Degrees | None = Field(None, description="Lon, lat in the piece; default: all pieces apart now")
    why: Why
    until: Day
    plan_id: int | None = Field(None, ge=1, le=2**31 - 1, description="Default: a cell in force")


# ---------------------------------------------------------------------------------------------- rules


@router.get("/rules", responses=JSON_ANSWER, response_class=Response, dependencies=[READERS])
def get_rules(request: Request, state: State, version: Version = None) -> Response:
    """Give every rule: its parameters with bounds, what is in force for which cells, and the defaults."""
    with state.database.reading() as connection:
        body = _rules(connection, office.rules(connection, version))
    return tagged_json(request, body, body["version"], strong=True)


@router.put("/rules", responses=JSON_ANSWER, response_class=Response)
def put_rules(state: State, who: Planner, body: NewRules, if_match: IfMatch = None) -> Response:
    """Set the rules; the earlier ones stay readable, and open plans are judged anew.

    ``settings`` is a list; for a cell the last that fits holds. An empty list resets them.
    """
    after = seen_revision(if_match)
    given = {"settings": body.settings, "defaults": body.defaults}
    office.set_rules(state.database, given, after=after, who=who.name, why=body.why)
    with state.database.reading() as connection:
        told = _rules(connection, office.rules(connection))
    return json_answer(told, headers={"ETag": f'"{told["version"]}"'})


@router.get("/rules/versions", responses=JSON_ANSWER, response_class=Response, dependencies=[READERS])
def rules_versions(request: Request, state: State) -> Response:
    """List who set the rules when and why, the newest first."""
    return _versions(request, state, "rules")


def _rules(connection: Connection, found: RulesSet) -> dict[str, Any]:
    levels = boundaries.levels(connection)
    return {
        **_who(found),
        "given": dict(found.given),
        "settings": [one.as_mapping() for one in found.settings.settings],
        "defaults": [one.as_mapping() for one in DEFAULTS],
        "severities": [*(one.value for one in Severity), OFF],
        "levels": [{"code": one.code, "name_zh": one.name_zh, "name_en": one.name_en} for one in levels],
        "classes": list(CLASSES),
        "kinds": list(KINDS),
        "rules": catalogue(found.settings, [one.code for one in levels]),
    }


def _who(found: RulesSet | SchemesSet) -> dict[str, Any]:
    return {"version": found.version, "who": found.who, "why": found.why, "at": found.at}


def _versions(request: Request, state: AppState, subject: kept.Subject) -> Response:
    with state.database.reading() as connection:
        rows = kept.every(connection, subject)
    listed = [
        {"version": row.version, "who": row.who, "why": row.why, "at": row.at, "given": row.given}
        for row in rows
    ]
    return tagged_json(request, {"versions": listed}, len(rows))


# --------------------------------------------------------------------------------------- code schemes


@router.get("/code-schemes", responses=JSON_ANSWER, response_class=Response, dependencies=[READERS])
def get_code_schemes(request: Request, state: State, version: Version = None) -> Response:
    """Give the scheme that the codes of each level follow; a level without one goes on as its siblings do."""
    with state.database.reading() as connection:
        body = _schemes(connection, office.code_schemes(connection, version))
    return tagged_json(request, body, body["version"], strong=True)


@router.put("/code-schemes", responses=JSON_ANSWER, response_class=Response)
def put_code_schemes(state: State, who: Planner, body: NewSchemes, if_match: IfMatch = None) -> Response:
    """Set the scheme of each level: plans number new cells by it, and the rule "code" looks at it."""
    after = seen_revision(if_match)
    office.set_code_schemes(
        state.database, {"schemes": body.schemes}, after=after, who=who.name, why=body.why
    )
    with state.database.reading() as connection:
        told = _schemes(connection, office.code_schemes(connection))
    return json_answer(told, headers={"ETag": f'"{told["version"]}"'})


@router.get("/code-schemes/versions", responses=JSON_ANSWER, response_class=Response, dependencies=[READERS])
def code_schemes_versions(request: Request, state: State) -> Response:
    """List who set the code schemes when and why, the newest first."""
    return _versions(request, state, "code_schemes")


def _schemes(connection: Connection, found: SchemesSet) -> dict[str, Any]:
    given = found.schemes.as_mapping()["schemes"]
    return {
        **_who(found),
        **found.schemes.as_mapping(),
        "levels": [
            {"code": one.code, "name_zh": one.name_zh, "name_en": one.name_en, "scheme": given.get(one.code)}
            for one in boundaries.levels(connection)
        ],
        "known": [{"scheme": name, "takes": list(takes)} for name, takes in SCHEMES.items()],
    }


# ------------------------------------------------------------------------------------ declared exclaves


@router.get("/exclaves/declared", responses=JSON_ANSWER, response_class=Response, dependencies=[READERS])
def declared_exclaves(
    request: Request,
    state: State,
    plan_id: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="As a plan has them")] = None,
    *,
    everything: Annotated[bool, Query(alias="all", description="Those ended or withdrawn too")] = False,
) -> Response:
    """List the pieces of cells that are declared to lie apart (插花地登记), the newest first."""
    with state.database.reading() as connection:
        today = day_of(connection)
        rows = exclaves.every(connection) if everything else exclaves.in_force(connection, plan_id, today)
    return tagged_json(request, {"declared": [declaring.as_dict(row) for row in rows]}, len(rows))


@router.post("/exclaves/declared", status_code=201, responses=JSON_ANSWER, response_class=Response)
def declare_exclave(state: State, who: Planner, body: Declaration, once: OnlyOnce) -> Response:
    """Declare that a piece of a cell is meant to lie apart: the rule "contiguous" only notes it then.

    The piece is known by a place deep inside it, so that it stays declared while its border is redrawn.
    """
    word: dict[str, Any] = {"place": body.place, "who": who.name, "why": body.why, "until": body.until}
    cell: register.CellKey = (body.cell[0], body.cell[1])

    def act() -> Response:
        made: Sequence[int]
        if body.plan_id is None:
            tiling = state.tilings.get()
            with state.database.writing() as connection:
                made = declaring.declare_live(connection, tiling, cell, **word)
                answer = json_answer({"declared": made}, status=201)
                once.keep(connection, answer)
            return answer
        with state.plans.hold(body.plan_id) as held, state.database.writing() as connection:
            row = plans.get(connection, body.plan_id, lock=True)
            planning.require_open(row)
            plan = held.state(connection, row)
            made = declaring.declare_in_plan(connection, row.id, plan, cell, **word)
            answer = json_answer({"declared": made}, status=201)
            once.keep(connection, answer)
        return answer

    return once.answer(state.database, act)


@router.delete("/exclaves/declared/{number}", responses=JSON_ANSWER, response_class=Response)
def withdraw_declaration(
    state: State, who: Planner, number: Annotated[int, Path(ge=1, le=2**31 - 1)]
) -> Response:
    """Withdraw a declaration; it stays on record."""
    with state.database.writing() as connection:
        row = declaring.withdraw(connection, number, who=who.name)
    return json_answer(declaring.as_dict(row))
