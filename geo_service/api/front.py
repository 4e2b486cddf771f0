"""The front door: threads and connections for nothing but reports, who calls, and what is in force.

However many slow questions hold all the others, a report gets in. The connections are ``state.front``.
"""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from anyio import to_thread

from geo_service.api.state import AppState

P = ParamSpec("P")
T = TypeVar("T")


async def run_at_front(state: AppState, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a thread of the front door."""
    return await to_thread.run_sync(partial(function, *args, **kwargs), limiter=state.front_threads)


def at_front(route: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Have a route run in a thread of the front door; it takes ``state``."""

    @wraps(route)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        state = kwargs["state"]
        assert isinstance(state, AppState)  # noqa: S101 - routes are called by name
        return await run_at_front(state, route, *args, **kwargs)

    return run
