"""What a request may weigh, and for which host it may be meant. Checked before anything else."""

import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geo_service.api.problems import HeadersTooLargeError, RefusalError, problem_response
from geo_service.errors import BadRequestError, GeoServiceError, TooLargeError, Words

MAX_JSON_BYTES = 1_000_000
MAX_UPLOAD_BYTES = 20_000_000
#: A change of a plan may carry the new borders of a township, drawn between its buildings.
_CHANGES = re.compile(r"/v1/plans/[0-9]+/changes")
#: Files, and reports as a stream of lines.
_LARGE = ("multipart/form-data", "application/x-ndjson")
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
_MAX_LENGTH_DIGITS = 12
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})


class LimitsMiddleware:
    """Refuses what is too large or malformed with as little work as can be.

    Parameters
    ----------
    app : ASGI application
        What comes after.
    hosts : collection of str
        Names the ``Host`` header may give, without port; empty for any. A service on loopback answers only
        to loopback's names: otherwise a page anywhere could point its own name at 127.0.0.1 and read it.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] = ()) -> None:
        self.app = app
        self.hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, count the body while it is read, hand on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = body_limit(scope["path"], headers)
        error = _header_fault(scope, headers, self.hosts) or _length_fault(headers, limit)
        if error is not None:
            # the body stays unread, so the connection is of no use any more
            response = problem_response(
                error, scope["geo_service.request_id"], headers={"Connection": "close"}
            )
            await response(scope, receive, send)
            return
        await self.app(scope, _counted(receive, limit), send)


def body_limit(path: str, headers: Headers) -> int:
    """Return how many bytes the body may have: files, streams of reports and drafts may be large."""
    is_upload = headers.get("content-type", "").lower().startswith(_LARGE)
    return MAX_UPLOAD_BYTES if is_upload or _CHANGES.fullmatch(path) else MAX_JSON_BYTES


def _counted(receive: Receive, limit: int) -> Receive:
    """Count what arrives: a chunked body states no length beforehand."""
    taken = 0

    async def counting() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > limit:
                raise RefusalError(_too_large(limit))
        return message

    return counting


def _length_fault(headers: Headers, limit: int) -> GeoServiceError | None:
    length = headers.get("content-length")
    if length is None:
        return None
    if not (length.isascii() and length.isdigit()):
        return BadRequestError(Words("Content-Length is no number", "Content-Length 不是数字"))
    # more digits than any limit has: Python itself refuses to read a number of thousands of them
    is_large = len(length) > _MAX_LENGTH_DIGITS or int(length) > limit
    return _too_large(limit) if is_large else None


def _too_large(limit: int) -> TooLargeError:
    words = Words(
        f"the body may have {limit:,} bytes; JSON up to {MAX_JSON_BYTES:,}, "
        f"a file (multipart/form-data), reports as application/x-ndjson or a change of a plan "
        f"up to {MAX_UPLOAD_BYTES:,}",
        f"正文至多 {limit:,} 字节：JSON 至多 {MAX_JSON_BYTES:,}，"
        f"文件、application/x-ndjson 上报与方案改动至多 {MAX_UPLOAD_BYTES:,}",
    )
    return TooLargeError(words)


def _header_fault(scope: Scope, headers: Headers, hosts: frozenset[str]) -> GeoServiceError | None:
    raw: list[tuple[bytes, bytes]] = scope["headers"]
    if len(raw) > MAX_HEADERS or sum([len(name) + len(value) for name, value in raw]) > MAX_HEADER_BYTES:
        return HeadersTooLargeError(f"at most {MAX_HEADERS} headers and {MAX_HEADER_BYTES:,} bytes of them")
    names = [name for name, _ in raw]
    if names.count(b"host") > 1 or names.count(b"content-length") > 1:
        return BadRequestError(
            Words("Host and Content-Length may be given once", "Host 与 Content-Length 只能各给一次")
        )
    if hosts and _host_name(headers.get("host", "")) not in hosts:
        return BadRequestError(
            Words(
                f"this service listens on loopback and answers to {', '.join(sorted(hosts))} only",
                f"本服务只在本机监听，只应答 {'、'.join(sorted(hosts))}",
            )
        )
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        return BadRequestError(Words("the address holds a NUL character", "地址中含有 NUL 字符"))
    return None


def _host_name(host: str) -> str:
    name = host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0]
    return name.lower()
