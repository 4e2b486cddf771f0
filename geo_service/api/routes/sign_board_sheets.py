"""Sign boards to be printed, the record of what was, and what they and the street's page say."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.caching import json_answer, tagged, tagged_json
from geo_service.api.routes.plans import JSON_ANSWER
from geo_service.api.routing import Router
from geo_service.api.state import AppState, State
from geo_service.errors import Fault, ForbiddenError, Words
from geo_service.model import Principal, Role
from geo_service.planning.register import CellKey
from geo_service.services import sign_board_sheets, street_words
from geo_service.services.scopes import part_of
from geo_service.services.sign_board_printing import printed
from geo_service.services.tiling import Tiling

router = Router(prefix="/v1", tags=["office"])

Office = Annotated[Principal, roles(Role.PLANNER, Role.LEADER, Role.DISPATCHER)]
Planner = Annotated[Principal, roles(Role.PLANNER)]
Code = Annotated[
    str, Query(max_length=64, description="Code of a cell: its board, or those of the cells inside it")
]
Level = Annotated[
    str | None, Query(max_length=32, description="Level of the boards; default: just above the leaves")
]
Of = Annotated[str | None, Query(max_length=32, description="Level of the cell, where several have its code")]
_FILES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}, "application/zip": {}}}}


@router.get("/sign-boards/sheets", responses=_FILES, response_class=Response)
async def sheets(
    request: Request,
    state: State,
    who: Office,
    cell: Code,
    level: Level = None,
    of: Of = None,
    paper: Annotated[Literal["A3", "A4"], Query(description="Upright")] = "A3",
    form: Annotated[
        Literal["pdf", "zip"], Query(alias="format", description="One PDF, or one for each board in a zip")
    ] = "pdf",
) -> Response:
    """Draw sign boards for print: map with border, neighbours, streets and buildings, people, duties, a code.

    Of people only those are named who have a public contact. The code leads to the cell's page for the
    street, if the operator has set an address. What was drawn is not yet printed: POST the same to
    ``/v1/sign-boards/prints`` when it hangs.
    """

    def draw() -> tuple[Tiling, bytes]:
        tiling, chosen = _chosen(state, who, cell, level, of)
        with state.database.reading() as connection:
            found = sign_board_sheets.sheets(connection, tiling, chosen, public_url=state.settings.public_url)
        return tiling, printed(state.database, tiling, found, paper=paper, as_zip=form == "zip")

    tiling, content = await to_thread.run_sync(draw, limiter=state.drawing_threads)
    name = f"sign-boards-{paper}.{form}"
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return tagged(request, content, str(tiling.edition.id), f"application/{form}", headers=headers)


class Prints(BaseModel):
    """Whose boards have been printed and hung."""

    model_config = ConfigDict(extra="forbid")

    cell: str = Field(max_length=64, description="Code of a cell: its board, or those of the cells inside it")
    level: str | None = Field(None, max_length=32, description="Level of the boards")
    of: str | None = Field(None, max_length=32, description="Level of the cell")


@router.post("/sign-boards/prints", status_code=201, response_class=Response)
def record_prints(state: State, who: Office, body: Prints) -> Response:
    """Say that boards were printed as they would be drawn now: the register takes them for true from here on.

    ``GET /v1/sign-boards?stale=true`` tells afterwards which of them to print again: those whose border, name
    or people, numbers or duties changed since.
    """
    tiling, chosen = _chosen(state, who, body.cell, body.level, body.of)
    with state.database.reading() as connection:
        found = sign_board_sheets.sheets(connection, tiling, chosen)
    boards = sign_board_sheets.record(state.database, tiling, found, who=who.name)
    return json_answer({"printed": len(boards), "boards": sign_board_sheets.recorded(boards)}, status=201)


@router.get("/sign-boards/words", responses=JSON_ANSWER, response_class=Response)
def get_words(request: Request, state: State, _: Office) -> Response:
    """Tell what boards and the street's page say: title, office, duties, what to report where."""
    with state.database.reading() as connection:
        found = street_words.words(connection)
    return tagged_json(request, found.as_dict(), found.version)


class StreetText(BaseModel):
    """What is to be said, after the version that was looked at; what is left out is as the program has it."""

    model_config = ConfigDict(extra="allow")

    version: int = Field(ge=0, description="The version that was looked at; 0 while none was set")


@router.put("/sign-boards/words", responses=JSON_ANSWER, response_class=Response)
def put_words(state: State, who: Planner, body: StreetText) -> Response:
    """Set what boards and the street's page say; every board printed before is out of date then."""
    given = body.model_dump(exclude={"version"})
    found = street_words.set_words(state.database, given, after=body.version, who=who.name)
    return json_answer(found.as_dict())


def _chosen(
    state: AppState, who: Principal, cell: str, level: str | None, of: str | None
) -> tuple[Tiling, list[CellKey]]:
    """Return the cells whose boards are meant; a key for a part of the town meets those of its own."""
    tiling = state.tilings.get()
    chosen = sign_board_sheets.chosen(tiling, cell, level, of)
    part = part_of(state.tilings, who)
    if part is not None:
        chosen = [key for key in chosen if part.has(*key)]
        if not chosen:
            message = Words("this key is for other cells", "此密钥不含这个网格")
            raise ForbiddenError(message, [Fault("cell", message, value=cell)])
    return tiling, chosen
