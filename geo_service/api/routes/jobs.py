"""Jobs: work that outlasts a request. How far it is, what came of it, and cancelling it."""

from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import Path, Query, Response

from geo_service.api.access import roles
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.errors import ForbiddenError, NotFoundError, Words
from geo_service.model import Principal, Role
from geo_service.services.jobs import state_of
from geo_service.store import audit, jobs
from geo_service.store.database import Connection
from geo_service.store.jobs import JobRow

router = Router(prefix="/v1", tags=["jobs"])

Reader = Annotated[Principal, roles(Role.PLANNER, Role.LEADER)]
#: Whoever may have something made by a job; a key for a part of the town meets none but its own.
Asker = Annotated[Principal, roles(Role.PLANNER, Role.LEADER, Role.DISPATCHER)]
JobId = Annotated[int, Path(ge=1, le=2**31 - 1)]
JSON_ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {}}}}
FILE_ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}
#: When to ask again for a job that has not ended.
ASK_AGAIN_S = 1


def job_object(row: JobRow) -> dict[str, Any]:
    """Return a job as JSON: its result when it is done, a problem document when it failed."""
    state = state_of(row)
    return {
        "id": row.id,
        "kind": row.kind,
        "subject": row.subject,
        "state": state,
        "cancelling": row.cancel_wanted and row.state == "running",
        "progress": {
            "phase": row.phase,
            "done": row.done,
            "total": row.total,
            "share": round(row.done / row.total, 4) if row.total else None,
        },
        "result": row.result,
        "problem": row.problem,
        "who": row.who,
        "attempts": row.attempts,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
    }


def _answer(body: Any, *, ended: bool) -> Response:
    headers = {"Cache-Control": "no-store"} | ({} if ended else {"Retry-After": str(ASK_AGAIN_S)})
    return Response(orjson.dumps(body), headers=headers, media_type="application/json")


def _seen(connection: Connection, who: Principal, job_id: int) -> JobRow:
    """Return a job that somebody may know of: with a key for a part of the town, one he asked for."""
    row = jobs.get(connection, job_id)
    if who.scope and row.who != who.name:  # as if there were none
        raise NotFoundError(f"there is no job {job_id}")
    return row


@router.get("/jobs", responses=JSON_ANSWER, response_class=Response)
def list_jobs(
    state: State,
    _: Reader,
    subject: Annotated[str | None, Query(max_length=100, description="What it is done to: plan 3")] = None,
    before: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only jobs with a smaller id")] = 0,
    limit: Annotated[int, Query(ge=1, description="At most 100")] = 50,
) -> Response:
    """List jobs, the newest first; ``next`` is where older ones are, if there may be some."""
    limit = min(limit, 100)
    with state.database.reading() as connection:
        rows = jobs.every(connection, before=before, limit=limit, subject=subject)
    body: dict[str, Any] = {"jobs": [job_object(row) for row in rows]}
    if len(rows) == limit:
        asked = {"before": rows[-1].id, "limit": limit} | ({} if subject is None else {"subject": subject})
        body["next"] = f"/v1/jobs?{urlencode(asked)}"
    return _answer(body, ended=True)


@router.get("/jobs/{job_id}", responses=JSON_ANSWER, response_class=Response)
def get_job(state: State, who: Asker, job_id: JobId) -> Response:
    """Give a job: its state, how far it is, its result or why it failed.

    States: queued, running, done, failed, cancelled; interrupted is one whose process has ended, until the
    next process takes it up. A key for a part of the town sees the jobs that it asked for.
    """
    with state.database.reading() as connection:
        row = _seen(connection, who, job_id)
    return _answer(job_object(row), ended=row.ended_at is not None)


@router.get("/jobs/{job_id}/file", responses=FILE_ANSWER, response_class=Response)
def get_job_file(state: State, who: Asker, job_id: JobId) -> Response:
    """Give the file that a job made, such as a monthly report; it is there for seven days after its end."""
    with state.database.reading() as connection:
        _seen(connection, who, job_id)
        made = jobs.file(connection, job_id)
    if made is None:
        message = Words(
            f"job {job_id} has no file: it makes none, has not ended, or ended more than seven days ago",
            f"任务 {job_id} 没有文件：不产生文件、尚未完成，或完成已超过七天",
        )
        raise NotFoundError(message)
    headers = {
        "Content-Disposition": f'attachment; filename="{made.name}"',
        "Cache-Control": "private, no-store",
    }
    return Response(made.content, headers=headers, media_type=made.media_type)


@router.post("/jobs/{job_id}/cancel", responses=JSON_ANSWER, response_class=Response)
def cancel_job(state: State, who: Asker, job_id: JobId) -> Response:
    """Cancel a job: one that waits at once; one that runs soon, and nothing of it is written.

    Only who asked for a job, or an admin, cancels it.
    """
    with state.database.writing() as connection:
        row = _seen(connection, who, job_id)
        if row.who != who.name and who.role is not Role.ADMIN:
            message = Words(
                f"job {job_id} is {row.who}'s; only {row.who} or an admin cancels it",
                f"任务 {job_id} 由 {row.who} 提交，只有本人或管理员能取消",
            )
            raise ForbiddenError(message)
        jobs.cancel(connection, job_id)
        audit.record(connection, who.name, "job.cancel", f"job {job_id}")
        row = jobs.get(connection, job_id)
    return _answer(job_object(row), ended=row.ended_at is not None)
