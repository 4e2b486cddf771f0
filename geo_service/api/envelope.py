"""Around every request: an id, security headers, HEAD, a line in the access log, and the last safety net."""

import logging
import time
import uuid

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geo_service.api.problems import InternalError, problem_response
from geo_service.web.assets import STATIC_URL

log = logging.getLogger("geo_service.api")
access_log = logging.getLogger("geo_service.access")

_CONTENT = (
    "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; script-src 'self'{inline}; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
CONTENT_SECURITY = _CONTENT.format(inline="")
#: Folium writes its scripts into the page. What a page shows of data is escaped by maps/, not by this.
MAP_CONTENT_SECURITY = _CONTENT.format(inline=" 'unsafe-inline'")

# as they go over the wire, because this is done for every answer
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(self)"),
)
_POLICY = (b"content-security-policy", CONTENT_SECURITY.encode())
_MAP_POLICY = (b"content-security-policy", MAP_CONTENT_SECURITY.encode())
#: Parts of an address that say which map, but of nobody where; x and y of a tile would.
_HARMLESS = frozenset({"kind", "level", "edition", "z"})
_PRIVATE = (b"cache-control", b"private, no-store")
_OURS = frozenset({name for name, _ in _HEADERS} | {_POLICY[0], _PRIVATE[0]})


class EnvelopeMiddleware:
    """The outermost layer; what goes wrong further in and is not an error of ours becomes a bare 500."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            await self.app(scope, receive, exchange.send)
        except Exception as error:
            # the log has it all, the caller a reference
            log.exception("%s: %s", exchange.request_id, type(error).__name__)
            if exchange.status:
                raise  # half an answer is out: the connection must break, so that nobody takes it for whole
            detail = f"an internal error; it is logged under {exchange.request_id}"
            visit = Request(scope) if scope["method"] == "GET" else None
            response = problem_response(InternalError(detail), exchange.request_id, visit=visit)
            await response(scope, receive, exchange.send)
        finally:
            exchange.write_log()


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.request_id = uuid.uuid4().hex
        self.status = 0
        self._size = 0
        self._started = time.perf_counter()
        self._scope = scope
        self._send = send
        self._method = scope["method"]
        if self._method == "HEAD":
            scope["method"] = "GET"
        scope["geo_service.request_id"] = self.request_id

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on: headers added, the body of an answer to HEAD left out."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            self._add_headers(headers)
            message = {**message, "headers": headers}
        elif message["type"] == "http.response.body":
            self._size += len(message.get("body", b""))
            if self._method == "HEAD":
                message = {**message, "body": b""}
        await self._send(message)

    def _add_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Add what the answer does not say for itself."""
        said = [name for name, _ in headers if name in _OURS]
        wanted = [*_HEADERS, _MAP_POLICY if self._scope["path"].startswith("/maps") else _POLICY]
        if "principal" in self._scope.get("state", {}):
            wanted.append(_PRIVATE)
        headers += [header for header in wanted if header[0] not in said] if said else wanted
        headers.append((b"x-request-id", self.request_id.encode()))

    def _what_was_asked(self) -> str:
        """Return the route's pattern with what is harmless filled in, or the name of a file of ours."""
        if (route := self._scope.get("route")) is not None and hasattr(route, "path"):
            pattern: str = route.path
            for name, value in self._scope.get("path_params", {}).items():
                if name in _HARMLESS and self.status < 400:  # then it is one of the few values there are
                    pattern = pattern.replace(f"{{{name}}}", str(value))
            return pattern
        is_file = self._scope["path"].startswith(f"{STATIC_URL}/") and self.status in {200, 304}
        return self._scope["path"] if is_file else "-"

    def write_log(self) -> None:
        """Write the line: never the address as it came, which may hold somebody's coordinates.

        Files of ours are worth a line to whoever looks for a fault only: a page asks for a dozen of them.
        """
        what = self._what_was_asked()
        level = logging.DEBUG if what.startswith(f"{STATIC_URL}/") else logging.INFO
        if not access_log.isEnabledFor(level):
            return
        principal = self._scope.get("state", {}).get("principal")
        access_log.log(
            level,
            "%s %s %s %.1f ms %d bytes by %s [%s]",
            self._method,
            what,
            self.status or "aborted",
            (time.perf_counter() - self._started) * 1000,
            self._size,
            f"key {principal.id}" if principal else "-",
            self.request_id,
        )
