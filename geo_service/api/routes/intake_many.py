"""Many reports at once: a stream of lines (NDJSON), or a table (CSV, xlsx)."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import File, Form, Query, Response, UploadFile
from pydantic import ValidationError
from starlette.requests import Request

from geo_service.api.access import roles
from geo_service.api.front import at_front, run_at_front
from geo_service.api.problems import validation_problem
from geo_service.api.reports import Key, Report
from geo_service.api.routes.incidents import source_of
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import BadRequestError, Fault, InvalidInputError, Words
from geo_service.formats.incidents import read_incidents
from geo_service.model import Principal, Role
from geo_service.services import reporting, table_places
from geo_service.services.intake import take_in
from geo_service.services.streaming import CHUNK, LineIntake

router = Router(prefix="/v1/incidents", tags=["incidents"])

Sender = Annotated[Principal, roles(Role.DISPATCHER, Role.DEVICE)]
NDJSON = "application/x-ndjson"
MAX_LINE_BYTES = 20_000
#: Lines in a stream, blank ones too: one that is refused costs as much as one that is taken.
MAX_LINES = 50_000
_TOO_LONG = Words(f"a line may have {MAX_LINE_BYTES:,} bytes", f"每行最多 {MAX_LINE_BYTES:,} 字节")
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"content": {NDJSON: {}}, "description": "A line for each line, and the counts in the last"}
}


@router.post("/stream", response_class=Response, responses=_ANSWER)
async def report_stream(
    request: Request,
    state: State,
    who: Sender,
    source: Annotated[Key | None, Query(description="Another source than the caller: for gateways")] = None,
) -> Response:
    """Report incidents as NDJSON, a report on each line, up to 50,000 lines and 20 MB.

    Each is as in ``POST /v1/incidents``, and is taken or refused by itself. What is answered with an id is
    stored; after a broken line the whole stream may be sent again. The last line of the answer has the
    counts and, of too long a stream, ``not_read``: how many of the last lines are to be sent anew.
    """
    intake = LineIntake(
        state.front, state.tilings, source=source_of(who, source), who=who.name, read=read_line
    )
    answers: list[bytes] = []
    not_read = 0
    async for lines in _chunks(request.stream()):
        if intake.tally.received >= MAX_LINES:
            not_read += len(lines)
            continue
        answers += [orjson.dumps(one) for one in await run_at_front(state, intake.take, lines)]
    counts = intake.tally.as_dict() | ({"not_read": not_read} if not_read else {})
    answers.append(orjson.dumps(counts))
    return Response(b"\n".join(answers) + b"\n", media_type=NDJSON)


@router.post("/table")
@at_front
def report_table(
    state: State,
    who: Sender,
    file: Annotated[UploadFile, File(description="CSV or xlsx, at most 20 MB")],
    source: Annotated[Key | None, Form()] = None,
    crs: Annotated[str | None, Form(max_length=20)] = None,
    timezone: Annotated[str, Form(max_length=64, description="Of moments that carry none")] = "Asia/Shanghai",
) -> dict[str, Any]:
    """Report the incidents of a table: id, occurred_at, lon, lat, category, urgency, channel, floor, address.

    Where a row has no coordinates, ``building`` (its id, or its address word for word) or ``cell_code`` (with
    ``cell_level`` where levels share codes) says where it was; without any it waits to be located.

    Somebody will go there: they get lives with clocks (history goes in by ``/v1/imports/incidents``). All are
    stored or none; a row is known by its id, so the same table again changes nothing. The answer counts, and
    names the rows ``in_no_cell`` and those ``unlocated``, the first hundred of each.
    """
    content = file.file.read()
    if not content:
        fault = Fault("file", Words("choose a file with content", "请选择有内容的文件"))
        raise InvalidInputError(Words("the file is empty", "文件是空的"), [fault])
    frame = read_incidents(content, crs=crs, timezone=timezone, places=True).frame
    reports, faults = table_places.from_table(state.front, frame)
    if faults:
        words = Words(f"{len(faults)} fault(s) in the table", f"表中有 {len(faults)} 处错误，未写入任何内容")
        raise InvalidInputError(words, faults)
    prefixes = [f"rows[{row}]." for row in frame["row"]]
    prepared = reporting.prepare(state.front, state.tilings, reports, prefixes=prefixes)
    rows = reporting.strictly(prepared)
    name = source_of(who, source)
    done = take_in(state.front, state.tilings, rows, source=name, who=who.name, live=True)
    return done.as_dict() | table_places.outside(state.front, frame, done.ids)


async def _chunks(stream: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Cut a stream into lists of whole lines."""
    lines: list[bytes] = []
    rest = b""
    async for part in stream:
        *whole, rest = (rest + part).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise BadRequestError(_TOO_LONG, [Fault("", _TOO_LONG)])
        lines += whole
        while len(lines) >= CHUNK:
            yield lines[:CHUNK]
            lines = lines[CHUNK:]
    if rest:
        lines.append(rest)
    if lines:
        yield lines


def read_line(line: bytes) -> reporting.Report | list[Fault]:
    """Read one line of a stream; what is wrong with it comes as faults."""
    if len(line) > MAX_LINE_BYTES:
        return [Fault("", _TOO_LONG)]
    try:
        given = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return [Fault("", Words(f"this is not JSON: {error.msg}", "此行不是 JSON"))]
    if b"\\u0000" in line:
        return [Fault("", Words("take \\u0000 out of the text", "请去掉文字中的 \\u0000"))]
    return read_report(given)


def read_report(given: Any) -> reporting.Report | list[Fault]:
    """Read one report that is parsed already."""
    try:
        report = Report.model_validate(given)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        return list(validation_problem(found).faults)
    if report.source_id is None:
        return [Fault("source_id", Words("give the source's own id", "请填写来源自己的编号"))]
    return report.made(report.source_id)
