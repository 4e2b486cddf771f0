"""Answers that may be kept: an ETag on each, and 304 for who has it already."""

import hashlib

from starlette.requests import Request
from starlette.responses import Response


def tagged(
    request: Request, body: bytes | str, mark: str, media_type: str, *, cache_control: str = "no-cache"
) -> Response:
    """Return the body with an ETag of ``mark`` and its digest, or 304 when the caller has it.

    ``no-cache`` lets a browser keep the answer but ask each time whether it still holds.
    """
    content = body.encode() if isinstance(body, str) else body
    etag = f'W/"{mark}-{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": etag, "Cache-Control": cache_control}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
