"""The monthly report for leadership."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.caching import tagged
from geo_service.api.heavy import heavily
from geo_service.api.later import LATER_ANSWER, begin, prefers_later
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import Fault, ForbiddenError, Words
from geo_service.model import Principal, Role
from geo_service.services.job_kinds import MONTHLY_REPORT
from geo_service.services.monthly import Sources, place_of, require_month
from geo_service.services.monthly_files import MEDIA_TYPES, ReportWish, make_report
from geo_service.services.scopes import part_of

router = Router(prefix="/v1", tags=["figures"])

Reader = Annotated[Principal, roles(Role.LEADER, Role.PLANNER, Role.DISPATCHER)]
_MEDIA = ("application/json", *(media.partition(";")[0] for media in MEDIA_TYPES.values()))
_ANSWERS: dict[int | str, dict[str, Any]] = LATER_ANSWER | {200: {"content": {media: {} for media in _MEDIA}}}


@router.get("/reports/monthly", responses=_ANSWERS, response_class=Response)
async def monthly_report(
    request: Request,
    state: State,
    who: Reader,
    month: Annotated[str, Query(max_length=10, description="Such as 2026-11, by the town's clock")],
    cell: Annotated[str | None, Query(max_length=64, description="Code of a cell; default: the top")] = None,
    level: Annotated[
        str | None, Query(max_length=32, description="Of the cell, where several have its code")
    ] = None,
    form: Annotated[Literal["json", "pdf", "xlsx", "csv"], Query(alias="format")] = "pdf",
) -> Response:
    """Report a month of a cell beside the month before, with maps and tables that print well.

    Incidents by category and hour, the clocks (567) of those handled here, what was late and why, coverage
    now and in the worst hour of its week, blind spots, people and vacancies, patrols; and every cell one
    level below. A month that runs is compared with the same span of the month before. Breaches that nobody
    has looked into are worked out first, for some seconds; those left are counted as such, and the next
    report or POST ``/v1/figures/attainment`` goes on with them. A key for a part of the
    town names a cell of it. With ``Prefer: respond-async`` a job makes it, and its result says where the
    file is.
    """
    asked = ReportWish(month, cell, level, form)
    wish = await run_in_threadpool(_settled, state, who, asked, later=prefers_later(request))
    if isinstance(wish, Response):
        return wish
    sources = Sources(state.database, state.tilings, state.ground, state.attainment)
    made, edition = await heavily(state, partial(make_report, sources, wish))
    headers = {} if form == "json" else {"Content-Disposition": f'inline; filename="{made.name}"'}
    return tagged(request, made.content, f"{edition}", made.media_type, headers=headers)


def _settled(state: State, who: Principal, wish: ReportWish, *, later: bool) -> ReportWish | Response:
    """Return what is to be made, the cell within the key's part; or the answer that a job makes it."""
    part = part_of(state.tilings, who)
    if part is not None:
        if len(who.scope) == 1 and wish.cell is None:
            own = part.tiling.path_of_cell(min(who.scope))[-1]
            wish = replace(wish, cell=own["code"], level=own["level"])
        if wish.cell is None or place_of(part.tiling, wish.cell, wish.level).cell_id not in part.cells:
            message = Words(
                "this key is for other cells: name one of yours", "此密钥不含这个网格，请指明所辖网格"
            )
            raise ForbiddenError(message, [Fault("cell", message, value=wish.cell)])
    if not later:
        return wish
    with state.database.reading() as connection:
        require_month(connection, wish.month)
    place_of(state.tilings.get(), wish.cell, wish.level)
    return begin(state, who, MONTHLY_REPORT, subject=None, arguments=wish.as_dict())
