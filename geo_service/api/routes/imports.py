"""Imports by upload: the same as on the command line; without ``commit`` only the differences are told."""

from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any

from fastapi import File, Form, Query, Response, UploadFile
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.caching import json_answer
from geo_service.api.later import LATER_ANSWER, begin, prefers_later
from geo_service.api.moments import Moment
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.formats.demand import read_demand
from geo_service.formats.incidents import read_incidents
from geo_service.formats.responders import read_responders
from geo_service.formats.shifts import read_shifts
from geo_service.formats.sign_boards import read_sign_boards
from geo_service.model import Principal, Role
from geo_service.services import importing
from geo_service.services.job_kinds import IMPORT_BOUNDARIES
from geo_service.services.sign_board_import import import_sign_boards
from geo_service.services.uploads import BoundaryUpload

router = Router(prefix="/v1/imports", tags=["imports"])

Upload = Annotated[UploadFile, File(description="The file, at most 20 MB")]
Name = Annotated[str | None, Form(max_length=100)]
Crs = Annotated[str | None, Form(max_length=20, description="WGS84, CGCS2000, GCJ02, BD09 or EPSG:n")]
Timezone = Annotated[str, Form(max_length=64, description="Time zone of moments that carry none")]
Commit = Annotated[bool, Query(description="Write it; without this only the differences are told")]
Planner = Annotated[Principal, roles(Role.PLANNER)]
MAX_TOLERANCE_M = 100.0
LEVEL = "^[a-z][a-z0-9_]{0,31}$"


@router.post("/boundaries", responses=LATER_ANSWER, response_class=Response)
def boundaries(
    request: Request,
    state: State,
    who: Planner,
    file: Upload,
    level: Annotated[str, Form(pattern=LEVEL, description="Level of the cells, such as micro_grid")],
    code_field: Annotated[str, Form(max_length=100)],
    name_field: Name = None,
    parent_field: Name = None,
    parent_level: Annotated[str | None, Form(pattern=LEVEL)] = None,
    crs: Crs = None,
    tolerance_m: Annotated[float, Form(ge=0, le=MAX_TOLERANCE_M, allow_inf_nan=False)] = 0.0,
    merge_parts: Annotated[bool | None, Form()] = None,
    layer: Name = None,
    encoding: Name = None,
    valid_from: Annotated[Moment | None, Form(description="In force from then on; default: now")] = None,
    supersede: Annotated[bool, Form(description="Replace editions that were to begin later")] = False,
    accept: Annotated[list[str] | None, Form()] = None,
    note: Annotated[str, Form(max_length=500)] = "",
    commit: Commit = False,
) -> Response:
    """Import the cells of one level and publish them as a new edition.

    With ``commit`` and ``Prefer: respond-async`` the answer comes at once (202), and the address in
    ``Location`` tells how far it is.
    """
    content = content_of(file)
    upload = BoundaryUpload(
        level=level,
        code_field=code_field,
        name_field=name_field,
        parent_field=parent_field,
        parent_level=parent_level,
        crs=crs,
        tolerance_m=tolerance_m,
        merge_parts=merge_parts,
        layer=layer,
        encoding=encoding,
        valid_from=valid_from,
        supersede=supersede,
        accept=tuple(accept or ()),
        note=note or f"import of {file.filename}",
    )
    if commit and prefers_later(request):
        return begin(state, who, IMPORT_BOUNDARIES, subject=None, arguments=upload.as_dict(), content=content)
    report = upload.take_in(state.database, state.tilings, content, who=who.name, commit=commit)
    return json_answer(report.as_dict())


@router.post("/incidents")
def incidents(
    state: State,
    who: Annotated[Principal, roles(Role.PLANNER, Role.DISPATCHER)],
    file: Upload,
    source: Annotated[str, Form(min_length=1, max_length=100)],
    id_field: Name = None,
    lon_field: Name = None,
    lat_field: Name = None,
    time_field: Name = None,
    category_field: Name = None,
    crs: Crs = None,
    timezone: Timezone = "Asia/Shanghai",
    commit: Commit = False,
) -> dict[str, Any]:
    """Import incidents from CSV or xlsx and place each in its cell."""
    table = read_incidents(
        content_of(file),
        fields={
            "id": id_field,
            "occurred_at": time_field,
            "lon": lon_field,
            "lat": lat_field,
            "category": category_field,
        },
        crs=crs,
        timezone=timezone,
    )
    report = importing.import_incidents(
        state.database, state.tilings, table.frame, table.notes, source=source, who=who.name, commit=commit
    )
    return report.as_dict()


@router.post("/responders")
def responders(
    state: State, who: Planner, file: Upload, crs: Crs = None, commit: Commit = False
) -> dict[str, Any]:
    """Import responders: id, name, role, mode, home_cell_code, lon, lat, phone, capabilities."""
    table = read_responders(content_of(file), crs=crs)
    report = importing.import_responders(state.database, state.tilings, table, who=who.name, commit=commit)
    return report.as_dict()


@router.post("/shifts")
def shifts(
    state: State, who: Planner, file: Upload, timezone: Timezone = "Asia/Shanghai", commit: Commit = False
) -> dict[str, Any]:
    """Import shifts or a weekly rota."""
    table = read_shifts(content_of(file), timezone=timezone)
    report = importing.import_shifts(state.database, table, who=who.name, commit=commit)
    return report.as_dict()


@router.post("/demand")
def demand(
    state: State, who: Planner, file: Upload, crs: Crs = None, commit: Commit = False
) -> dict[str, Any]:
    """Import demand points: counts of households and residents by building."""
    table = read_demand(content_of(file), crs=crs)
    report = importing.import_demand(state.database, table, who=who.name, commit=commit)
    return report.as_dict()


@router.post("/sign-boards")
def sign_boards(
    state: State, who: Planner, file: Upload, crs: Crs = None, layer: Name = None, commit: Commit = False
) -> dict[str, Any]:
    """Import sign boards (网格公示牌): board, cell_code, lon, lat, printed_name, printed_owner, printed_on.

    A file of points such as GeoJSON will do too. Boards of the same number are said anew.
    """
    table = read_sign_boards(content_of(file), crs=crs, layer=layer)
    report = import_sign_boards(state.database, state.tilings, table, who=who.name, commit=commit)
    return report.as_dict()


@router.post("/roads")
def roads(
    state: State,
    who: Planner,
    file: Upload,
    name: Annotated[str, Form(min_length=1, max_length=100)],
    commit: Commit = False,
    anyway: Annotated[
        bool, Query(description="Put it in use even if no street lies within 50 km of any cell")
    ] = False,
) -> dict[str, Any]:
    """Import the streets of an OpenStreetMap extract (.osm.pbf)."""
    with NamedTemporaryFile(suffix=".osm.pbf") as copy:
        copy.write(content_of(file))
        copy.flush()
        report = importing.import_roads(
            state.database,
            state.tilings,
            Path(copy.name),
            name=name,
            who=who.name,
            commit=commit,
            anyway=anyway,
        )
    return report.as_dict()


def content_of(file: UploadFile) -> bytes:
    """Return what was uploaded; an empty file is refused."""
    content = file.file.read()
    if not content:
        raise InvalidInputError(
            Words("the file is empty", "文件为空"),
            [Fault("file", Words("choose a file with content", "请选择有内容的文件"))],
        )
    return content
