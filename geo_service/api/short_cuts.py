"""Short cuts: a route's plain question is answered before routing, validation and compression.

Finding a route, reading parameters in general and the layers around them cost several times what a point's
cell does. A short cut stands behind the same checks of host, size and caller, and answers only what it can
answer at once and in full. Everything else, refusals too, is left to the route.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from geo_service.api.routing import GuardedRoute
from geo_service.api.state import AppState

#: From the query string, as it came, to the JSON of the answer; None leaves it to the route.
Quick = Callable[[AppState, bytes], bytes | None]
Endpoint = TypeVar("Endpoint", bound=Callable[..., object])

_MARK = "short_cut"


def short_cut(quick: Quick) -> Callable[[Endpoint], Endpoint]:
    """Give the endpoint of a GET route a short cut, which must not wait for anything."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _MARK, quick)
        return endpoint

    return mark


class _ShortCut(NamedTuple):
    route: GuardedRoute
    quick: Quick


class ShortCutMiddleware:
    """Takes the short cuts of the application's routes; what is no plain question goes on inwards."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._by_path: dict[str, _ShortCut] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once, or hand on."""
        body = self._answer(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if body is None:
            await self.app(scope, receive, send)
            return
        headers = [
            (b"content-length", str(len(body)).encode()),
            (b"content-type", b"application/json"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope) -> bytes | None:
        if self._by_path is None:  # only now are all routers in
            self._by_path = dict(_find(scope["app"].routes))
        cut = self._by_path.get(scope["path"])
        if cut is None or cut.route.access.recall(Request(scope)) is None:
            return None
        scope["route"] = cut.route  # for the access log
        return cut.quick(scope["app"].state.parts, scope["query_string"])


def _find(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, _ShortCut]]:
    for context in iter_route_contexts(list(routes)):
        route = context.original_route
        if isinstance(route, GuardedRoute) and hasattr(route.endpoint, _MARK):
            yield str(context.path), _ShortCut(route, getattr(route.endpoint, _MARK))
