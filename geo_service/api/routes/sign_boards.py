"""Sign boards (网格公示牌): which hang where, and which of them are out of date."""

from typing import Annotated, Any, Literal

from fastapi import Query, Response
from starlette.requests import Request

from geo_service.api.access import INSIDER, READERS
from geo_service.api.caching import tagged_json
from geo_service.api.moments import Moment
from geo_service.api.routes.plans import JSON_ANSWER
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Principal
from geo_service.planning.sign_boards import REASON_WORDS
from geo_service.services import sign_boards
from geo_service.services.relations import find_cell
from geo_service.services.scopes import part_of
from geo_service.services.sign_boards import JudgedBoard

router = Router(prefix="/v1", tags=["office"])

MAX_BOARDS = 5000


@router.get("/sign-boards", responses=JSON_ANSWER, response_class=Response, dependencies=[READERS])
def list_sign_boards(
    request: Request,
    state: State,
    insider: Annotated[Principal | None, INSIDER],
    cell: Annotated[str | None, Query(max_length=64, description="Code of the cell they are for")] = None,
    within: Annotated[
        str | None, Query(max_length=64, description="Code of a cell: boards of it and of all cells inside")
    ] = None,
    stale: Annotated[
        bool | None, Query(description="Only those out of date, or only those that are not")
    ] = None,
    at: Annotated[
        Moment | None, Query(description="Held against the cells in force then; default: now")
    ] = None,
    limit: Annotated[int, Query(ge=1, description=f"At most {MAX_BOARDS}")] = 1000,
    form: Annotated[Literal["json", "geojson"], Query(alias="format")] = "json",
) -> Response:
    """List the sign boards, each with what on it is no longer true.

    A board is out of date when its cell is no more, has another outline or name than was printed, when
    somebody else answers for it, or when the board stands in another cell now. ``printed_owner`` is null for
    who shows no key of those who plan, lead or dispatch: maps may be open to everybody, names are not. A key
    for a part of the town is told of the boards of its cells only.
    """
    tiling = state.tilings.get(at)
    with state.database.reading() as connection:
        found = sign_boards.judged(connection, tiling, at=at, cell_code=cell)
    if within is not None:
        row = find_cell(tiling, within, None)
        inside = set(tiling.ids_below(int(tiling.cells["id"].iloc[row])))
        found = [one for one in found if tiling.id_of_cell(*one.board.cell) in inside]
    if (part := part_of(state.tilings, insider)) is not None:
        found = [one for one in found if part.has(*one.board.cell)]
    chosen = [one for one in found if stale is None or bool(one.reasons) is stale]
    listed = [_object(one, names=insider is not None) for one in chosen[: min(limit, MAX_BOARDS)]]
    body: dict[str, Any] = {
        "edition_id": tiling.edition.id,
        "numberMatched": len(chosen),
        "numberReturned": len(listed),
        "stale": sum(bool(one.reasons) for one in found),
    }
    if form == "geojson":
        features = [
            {
                "type": "Feature",
                "id": one["code"],
                "geometry": {"type": "Point", "coordinates": one["place"]} if one["place"] else None,
                "properties": one,
            }
            for one in listed
        ]
        return tagged_json(request, {"type": "FeatureCollection", **body, "features": features}, len(found))
    return tagged_json(request, {**body, "sign_boards": listed}, len(found))


def _object(one: JudgedBoard, *, names: bool) -> dict[str, Any]:
    board = one.board
    return {
        "code": board.code,
        "cell": list(board.cell),
        "kind": board.kind,
        "place": list(board.place) if board.place else None,
        "printed_name": board.printed_name,
        "printed_owner": board.printed_owner if names else None,
        "printed_role": board.printed_role,
        "printed_on": board.printed_on.isoformat() if board.printed_on else None,
        "edition_id": board.edition_id,
        "stale": bool(one.reasons),
        "reasons": [
            {"reason": reason.value, "zh": REASON_WORDS[reason][0], "en": REASON_WORDS[reason][1]}
            for reason in sorted(one.reasons)
        ],
    }
