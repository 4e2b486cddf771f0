"""The street asks: which grid is this, who answers for it, what is reported where; and who may be named."""

from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Response
from fastapi.responses import HTMLResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from geo_service.api.access import PUBLIC, client_address, refuse_foreign_origin
from geo_service.api.caching import json_answer
from geo_service.api.routes.roster_entries import Caller, Key, telephone
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import NotFoundError, Words
from geo_service.services import roster_records, street
from geo_service.services.scopes import part_of
from geo_service.store import audit
from geo_service.store import street as store
from geo_service.web.desk_pages import who_page
from geo_service.web.pages import CONTENT_SECURITY_POLICY, Lang

router = Router(prefix="/v1")
page_router = Router(tags=["pages"], include_in_schema=False)

JSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}
_NOT_KEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}


class Question(BaseModel):
    """One of: a place, a text, the code of a cell."""

    model_config = ConfigDict(extra="forbid")

    lon: float | None = Field(None, ge=-180, le=180, allow_inf_nan=False, description="EPSG:4326")
    lat: float | None = Field(None, ge=-90, le=90, allow_inf_nan=False)
    accuracy_m: float | None = Field(None, ge=0, le=100_000, allow_inf_nan=False)
    text: str | None = Field(None, max_length=100, description="Address, name of a place, code of a grid")
    cell: str | None = Field(None, max_length=64)
    level: str | None = Field(None, max_length=32, description="Of the cell")

    @model_validator(mode="after")
    def _one(self) -> "Question":
        given = [self.lon is not None and self.lat is not None, self.text is not None, self.cell is not None]
        if sum(given) != 1 or (self.lon is None) != (self.lat is None):
            raise PydanticCustomError("who_one_of", "ask by one of: lon and lat, text, cell")
        return self


@router.post("/who", tags=["locate"], dependencies=[PUBLIC], responses=JSON, response_class=Response)
async def who(request: Request, state: State, body: Question) -> Response:
    """Tell the street which grid a place is in, who of its people may be named, and what is reported where.

    Only where the operator has switched the page on. Asked by POST, so that nobody's place stands in a log.
    Questions are counted by address: 20 a minute, and people of 40 different cells a day (as it is set);
    ``people_withheld`` says that they are not named for that reason. Where places in several grids fit
    (``several``) there are ``choices`` of cells and premises: ask with one of them as ``text``, or with the
    house number.
    """
    _require_on(state)
    if "sec-fetch-site" in request.headers:
        refuse_foreign_origin(request)  # other people's pages do not ask in their visitors' names
    address = client_address(request)
    state.street_guard.admit(address)
    answer = partial(_answer, state, body, address)
    told = await to_thread.run_sync(answer, limiter=state.street_threads)
    return json_answer(told, headers=_NOT_KEPT)


def _answer(state: AppState, body: Question, address: str) -> dict[str, Any]:
    tiling = state.tilings.get()
    with state.database.reading() as connection:
        if body.text is not None:
            found = street.by_text(connection, tiling, body.text)
        elif body.cell is not None:
            found = street.at_code(tiling, body.cell, body.level)
        else:
            found = street.at_place(tiling, body.lon or 0.0, body.lat or 0.0, body.accuracy_m)
        named = found.cell is not None and state.street_guard.may_name(address, found.cell)
        return street.answer(connection, tiling, found, names_people=named)


@page_router.get("/who", dependencies=[PUBLIC])
def page(state: State, cell: str | None = None, level: str | None = None, lang: Lang = "zh") -> HTMLResponse:  # noqa: ARG001 - its script reads them
    """Show the street's page; what it tells is asked for by its script."""
    _require_on(state)
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cache-Control": "no-cache",
        "X-Robots-Tag": "noindex",
    }
    return HTMLResponse(who_page(lang), headers=headers)


def _require_on(state: AppState) -> None:
    if not state.settings.who:
        raise NotFoundError(
            Words(
                "this page is not switched on here: the operator sets GEO_SERVICE_WHO=true",
                "本系统未开放此查询；由管理员设置 GEO_SERVICE_WHO=true 开启",
            )
        )


# ------------------------------------------------------------------------------- who may be named in public


class PublicContact(BaseModel):
    """Under which number somebody may be named in public; an empty one: by name alone."""

    model_config = ConfigDict(extra="forbid")

    phone: Annotated[
        str,
        StringConstraints(strip_whitespace=True, max_length=25, pattern=r"^\+?[\d\s()（）-]*$"),
        AfterValidator(telephone),
    ] = ""


@router.get("/responders/{key}/public-contact", tags=["roster"], responses=JSON, response_class=Response)
def get_public_contact(state: State, who: Caller, key: Key) -> Response:
    """Tell whether somebody may be named in public (boards, the street's page), and under which number."""
    part = part_of(state.tilings, who)
    with state.database.reading() as connection:
        roster_records.get(connection, "responders", key, part)
        phone = store.contact(connection, key)
    return json_answer({"responder": key, "is_public": phone is not None, "phone": phone or ""})


@router.put("/responders/{key}/public-contact", tags=["roster"], responses=JSON, response_class=Response)
def set_public_contact(state: State, who: Caller, key: Key, body: PublicContact) -> Response:
    """Say that somebody may be named in public, with this number; his own number is kept apart."""
    _set(state, who, key, body.phone)
    return json_answer({"responder": key, "is_public": True, "phone": body.phone})


@router.delete("/responders/{key}/public-contact", tags=["roster"], status_code=204, response_class=Response)
def remove_public_contact(state: State, who: Caller, key: Key) -> Response:
    """Say that somebody is not named in public any more."""
    _set(state, who, key, None)
    return Response(status_code=204)


def _set(state: AppState, who: Any, key: str, phone: str | None) -> None:
    part = part_of(state.tilings, who)
    with state.database.writing() as connection:
        roster_records.get(connection, "responders", key, part)
        store.set_contact(connection, key, phone)
        said = {"is_public": phone is not None}
        audit.record(connection, who.name, "roster.public-contact", f"responders/{key}", said)
