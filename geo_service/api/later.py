"""``Prefer: respond-async`` (RFC 7240): the work becomes a job, and the answer says where to look for it."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from geo_service.api.caching import json_answer
from geo_service.api.idempotency import Once
from geo_service.api.state import AppState
from geo_service.model import Principal

#: What routes declare that may answer so.
LATER_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {}}},
    202: {"content": {"application/json": {}}, "description": "A job has begun; see Location"},
}
#: When to ask for the first time how far a job is.
ASK_AGAIN_S = 1


def prefers_later(request: Request) -> bool:
    """Tell whether the caller wants an answer at once, and the work done later."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    return any(one.partition(";")[0].strip().lower() == "respond-async" for one in preferences)


def begin(
    state: AppState,
    who: Principal,
    kind: str,
    *,
    subject: str | None,
    arguments: Mapping[str, Any],
    content: bytes | None = None,
    once: Once | None = None,
) -> Response:
    """Queue a job and answer 202 with its address.

    Raises
    ------
    ConflictError
        There is an unfinished job for the same subject.
    """
    with state.database.writing() as connection:
        job_id = state.jobs.submit(
            connection, kind, subject=subject, arguments=arguments, who=who.name, content=content
        )
        address = f"/v1/jobs/{job_id}"
        headers = {
            "Location": address,
            "Preference-Applied": "respond-async",
            "Retry-After": str(ASK_AGAIN_S),
        }
        answer = json_answer({"id": job_id, "job": address, "state": "queued"}, status=202, headers=headers)
        if once is not None:
            once.keep(connection, answer)
    state.jobs.wake()
    return answer
