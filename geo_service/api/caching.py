"""Answers that may be kept: an ETag on each, and 304 for who has it already."""

import hashlib

from starlette.requests import Request
from starlette.responses import Response

#: The headers that a key or session comes in.
CREDENTIALS = "Authorization, X-API-Key, Cookie"


def tagged(
    request: Request, body: bytes | str, mark: str, media_type: str, *, for_ever: bool = False
) -> Response:
    """Return the body with an ETag of ``mark`` and its digest, or 304 when the caller has it.

    A browser may keep the answer but asks each time whether it still holds; with ``for_ever`` (the address
    names the content by a mark of it) it does not. What took a key to see is kept by that caller alone.
    """
    content = body.encode() if isinstance(body, str) else body
    etag = f'W/"{mark}-{hashlib.sha256(content).hexdigest()[:16]}"'
    is_keyed = getattr(request.state, "principal", None) is not None
    kept = "max-age=31536000, immutable" if for_ever else "no-cache"
    headers = {"ETag": etag, "Cache-Control": f"{'private' if is_keyed else 'public'}, {kept}"}
    if is_keyed:
        headers["Vary"] = CREDENTIALS
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
