"""Every error as RFC 9457 problem details: one shape, safe words, a page for each type.

What a caller sees comes from :class:`~geo_service.errors.GeoServiceError` alone. Anything else is a defect:
it is logged whole under a reference, and the caller gets the reference.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from geo_service import errors
from geo_service.api.html import problem_page
from geo_service.api.validation_words import in_both
from geo_service.errors import (
    BadRequestError,
    Fault,
    GeoServiceError,
    InvalidInputError,
    UnauthenticatedError,
    Words,
)

MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 200
_OUT_OF_BOUNDS = frozenset({"less_than_equal", "greater_than_equal"})
log = logging.getLogger("geo_service.api")


class MethodNotAllowedError(GeoServiceError):
    """The address exists, but not for this method; the header ``Allow`` names those it takes."""

    code, status, title = "method-not-allowed", 405, "Method not allowed"


class HeadersTooLargeError(GeoServiceError):
    """The request's headers are larger than a request of ours can be."""

    code, status, title = "headers-too-large", 431, "Headers too large"


class TooManyAttemptsError(GeoServiceError):
    """Too many unknown keys came from this address; ``Retry-After`` says when to come again."""

    code, status, title = "too-many-attempts", 429, "Too many attempts"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class InternalError(GeoServiceError):
    """A defect of ours. It is in the log under the reference given; tell the operator that reference."""

    code, status, title = "internal", 500, "Internal error"


class OtherHttpError(GeoServiceError):
    """The request was refused for the reason that its status names."""

    code: ClassVar[str] = "http"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "Refused"


class RefusalError(HTTPException):
    """Carries one of our errors through code that lets only HTTP exceptions pass (the body readers)."""

    def __init__(self, error: GeoServiceError) -> None:
        super().__init__(error.status, error.detail)
        self.error = error


def problem_types() -> dict[str, type[GeoServiceError]]:
    """Return every problem type by its code."""
    classes = [*vars(errors).values(), *globals().values()]
    tree = (c for c in classes if isinstance(c, type) and issubclass(c, GeoServiceError))
    return {c.code: c for c in tree if c is not GeoServiceError}


def problem_response(
    error: GeoServiceError,
    request_id: str,
    *,
    status: int | None = None,
    title: str | None = None,
    headers: Mapping[str, str] | None = None,
    visit: Request | None = None,
) -> Response:
    """Render an error as JSON, or as a page for a person.

    Parameters
    ----------
    error : GeoServiceError
        What went wrong.
    request_id : str
        Reference of the request.
    status, title
        Only where the type has none of its own.
    headers : mapping, optional
        Further headers.
    visit : Request, optional
        The request, if a page may be the answer: it is when the caller prefers HTML.
    """
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": title or error.title,
        "status": status or error.status,
        "detail": error.detail,
        "instance": f"urn:uuid:{request_id}",
    }
    if isinstance(error.detail, Words):
        body["detail_zh"] = error.detail.zh
    if error.faults:
        body["errors"] = [_safe(fault.as_dict()) for fault in error.faults[:MAX_FAULTS]]
        if len(error.faults) > MAX_FAULTS:
            body["errors_left_out"] = len(error.faults) - MAX_FAULTS
    body = _safe(body)
    as_page = visit is not None and prefers_page(visit)
    return Response(
        _as_page(body, visit) if as_page and visit else orjson.dumps(body),
        status_code=status or error.status,
        headers={**_own_headers(error), **({"Vary": "Accept"} if visit else {}), **(headers or {})},
        media_type="text/html" if as_page else MEDIA_TYPE,
    )


def register(app: FastAPI) -> None:
    """Have the application answer every error with a problem."""
    app.add_exception_handler(GeoServiceError, _on_our_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def request_id_of(request: Request) -> str:
    """Return the id that :mod:`geo_service.api.envelope` gave the request."""
    return str(request.scope.get("geo_service.request_id", "0" * 32))


# --------------------------------------------------------------------------------------------- handlers


async def _on_our_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GeoServiceError)  # noqa: S101 - registered for this type
    if error.status >= 500:
        # expected (a busy pool, a database that is down): its cause in one line, however many ask meanwhile
        cause = " ".join(str(error.__cause__ or "").split())[:200]
        log.error("%s: %s (%s)", request_id_of(request), error.detail, cause)
    is_api = request.url.path.startswith("/v1/")
    if isinstance(error, UnauthenticatedError) and not is_api and prefers_page(request):
        return RedirectResponse(f"/sign-in?next={quote(_address(request))}", 303)
    return problem_response(error, request_id_of(request), visit=request)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type
    return problem_response(validation_problem(error.errors()), request_id_of(request), visit=request)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type
    request_id = request_id_of(request)
    if isinstance(error, RefusalError):
        return problem_response(error.error, request_id, visit=request)
    # their words may come from any library, so only the status is taken over
    ours = {
        404: errors.NotFoundError(
            Words(
                "there is nothing at this address; /docs lists what there is",
                "此地址没有内容；可用的接口见 /docs",
            )
        ),
        405: MethodNotAllowedError(f"{request.method} is not possible here"),
        400: BadRequestError(Words("the body cannot be read", "请求正文无法读取")),
    }.get(error.status_code)
    if ours is not None:
        return problem_response(ours, request_id, headers=error.headers, visit=request)
    status = error.status_code
    phrase = HTTPStatus(status).phrase
    other = OtherHttpError(f"the request was refused: {phrase.lower()}")
    return problem_response(
        other, request_id, status=status, title=phrase, headers=error.headers, visit=request
    )


def validation_problem(found: Sequence[Mapping[str, Any]]) -> GeoServiceError:
    """Turn what the validator found into one error with all its faults.

    Faults of parameters alone are 400, as OGC's standards ask; as soon as the body has one, 422.
    """
    faults = [_fault(item) for item in found]
    if any(item["type"] == "json_invalid" for item in found):
        return BadRequestError(Words("the body is not JSON", "请求内容不是 JSON"), faults)
    if any(item["loc"][:1] == ("body",) for item in found):
        words = Words("the body does not fit; each fault is listed", "请求内容有误，逐项列出如下")
        return InvalidInputError(words, faults)
    return BadRequestError(
        Words("a parameter does not fit; each fault is listed", "参数有误，逐项列出如下"), faults
    )


def _fault(item: Mapping[str, Any]) -> Fault:
    place, *inner = item["loc"] or ("",)
    if item["type"] == "json_invalid":
        position = inner[0] if inner else 0
        error = item["ctx"]["error"]
        return Fault("", Words(f"at character {position}: {error}", f"第 {position} 个字符处不是 JSON"))
    value = item.get("input")
    shown = None if item["type"] == "missing" or isinstance(value, dict | list | bytes) else value
    english = str(item["msg"])
    if place not in {"body", "query", "path"}:
        english = f"{english} ({place})"
    message = in_both(item["type"], english, item.get("ctx"))
    if inner[-1:] == ["lat"] and item["type"] in _OUT_OF_BOUNDS:
        order = Words("; longitude comes first, are the two swapped?", "；经度在前，是否与纬度写反了？")
        message = Words(message + order, getattr(message, "zh", "") + order.zh)
    return Fault("".join(_steps(inner)), message, value=shown)


def _steps(location: Sequence[str | int]) -> Iterator[str]:
    """Write a location as a JSON path: ``features[3].geometry``."""
    for number, step in enumerate(location):
        if isinstance(step, int):
            yield f"[{step}]"
        else:
            yield f".{step}" if number else str(step)


def _own_headers(error: GeoServiceError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = 'Bearer realm="geo_service"'
    if isinstance(error, TooManyAttemptsError):
        headers["Retry-After"] = str(error.retry_after_s)
    elif error.status == 503:
        headers["Retry-After"] = "5"
    return headers


def prefers_page(request: Request) -> bool:
    """Tell whether a person's browser asks: it reads something and likes HTML better than JSON."""
    if request.method not in {"GET", "HEAD"}:
        return False
    likes = _liking(request.headers.get("accept", ""))
    json_types = ("application/json", MEDIA_TYPE)
    return likes.get("text/html", 0.0) > max(likes.get(kind, 0.0) for kind in json_types)


def _liking(accept: str) -> dict[str, float]:
    """Read which media types a header ``Accept`` names, and how much each is liked (RFC 9110, 12.5.1)."""
    likes = {}
    for entry in accept.split(",")[:50]:
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        try:
            likes[kind] = float(weights[0]) if weights else 1.0
        except ValueError:
            likes[kind] = 0.0
    return likes


def _as_page(problem: Mapping[str, Any], request: Request) -> bytes:
    """Write a problem as a page, in the language that the address asks for."""
    english = request.query_params.get("lang") == "en"
    return problem_page(problem, _address(request), "en" if english else "zh").encode()


def _address(request: Request) -> str:
    """Return path and query of a request."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _safe(value: Any) -> Any:
    """Make a value fit for JSON: no lone surrogate, NaN or infinity, no integer beyond 64 bits."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)[:120]
    if isinstance(value, Mapping):
        return {_safe(str(key)): _safe(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(inner) for inner in value]
    return value
