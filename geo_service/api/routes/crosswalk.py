"""Crosswalk by upload: another agency's grids against a level of ours; nothing is stored."""

from typing import Annotated

from fastapi import File, Form, Response, UploadFile

from geo_service.api.caching import json_answer
from geo_service.api.moments import Moment
from geo_service.api.routes.plans import JSON_ANSWER, Reader
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.formats.boundaries import read_boundaries
from geo_service.geometry.crosswalk import SLIVER_M
from geo_service.services.crosswalk import compare

router = Router(prefix="/v1", tags=["boundaries"])

Name = Annotated[str | None, Form(max_length=100)]


@router.post("/crosswalk", responses=JSON_ANSWER, response_class=Response)
def crosswalk(
    state: State,
    _: Reader,
    file: Annotated[UploadFile, File(description="The agency's boundaries, at most 20 MB")],
    level: Annotated[str, Form(max_length=32, description="Our level to compare with, such as grid")],
    code_field: Annotated[str, Form(max_length=100)],
    name_field: Name = None,
    crs: Annotated[
        str | None, Form(max_length=20, description="WGS84, CGCS2000, GCJ02, BD09 or EPSG:n")
    ] = None,
    layer: Name = None,
    encoding: Name = None,
    sliver_m: Annotated[float, Form(gt=0, le=1000, allow_inf_nan=False)] = SLIVER_M,
    as_of: Annotated[Moment | None, Form(description="The edition in force then; default: now")] = None,
) -> Response:
    """Compare an agency's grids with ours (多网合一): matrix, best matches, conflicts, a common grid."""
    content = file.file.read()
    if not content:
        raise InvalidInputError(
            Words("the file is empty", "文件为空"),
            [Fault("file", Words("choose a file with content", "请选择有内容的文件"))],
        )
    table = read_boundaries(
        content, code_field=code_field, name_field=name_field, crs=crs, layer=layer, encoding=encoding
    )
    tiling = state.tilings.get(as_of=as_of)
    with state.database.reading() as connection:
        found = compare(connection, tiling, table, level, sliver_m=sliver_m)
    return json_answer(found.as_dict())
