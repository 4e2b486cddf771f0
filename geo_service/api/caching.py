"""Answers that may be kept: an ETag on each, and 304 for who has it already; and those that may not."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

#: The headers that a key or session comes in.
CREDENTIALS = "Authorization, X-API-Key, Cookie"


def json_answer(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body as JSON, without an ETag: what was done, or would be."""
    return Response(_json(body), status, headers, "application/json")


def tagged_json(request: Request, body: Any, mark: Any, *, strong: bool = False) -> Response:
    """Return a body as JSON with its ETag; see :func:`tagged`."""
    return tagged(request, _json(body), str(mark), "application/json", strong=strong)


def _json(body: Any) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def tagged(
    request: Request,
    body: bytes | str,
    mark: str,
    media_type: str,
    *,
    for_ever: bool = False,
    strong: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the body with an ETag of ``mark`` and its digest, or 304 when the caller has it.

    The digest changes whenever the body does. The tag is weak, as the same body may be sent compressed;
    ``strong`` is for what is named in ``If-Match``, which compares strong ones only.

    A browser may keep the answer but asks each time whether it still holds; with ``for_ever`` (the address
    names the content by a mark of it) it does not. What took a key to see is kept by that caller alone.
    """
    content = body.encode() if isinstance(body, str) else body
    etag = f'{"" if strong else "W/"}"{mark}-{hashlib.sha256(content).hexdigest()[:16]}"'
    is_keyed = getattr(request.state, "principal", None) is not None
    kept = "max-age=31536000, immutable" if for_ever else "no-cache"
    told = {"ETag": etag, "Cache-Control": f"{'private' if is_keyed else 'public'}, {kept}"}
    if is_keyed:
        told["Vary"] = CREDENTIALS
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=told)
    return Response(content, media_type=media_type, headers={**told, **(headers or {})})
