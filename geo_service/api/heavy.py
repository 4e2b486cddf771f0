"""Readings that take seconds of a core: few at once, in threads of their own.

Whoever asks for another one waits without holding a thread, so that the desk and the locating of places are
answered meanwhile.
"""

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from anyio import to_thread

from geo_service.api.state import AppState

P = ParamSpec("P")
T = TypeVar("T")


def heavy(route: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Have a route run in one of the few threads for heavy readings; it takes ``state``."""

    @wraps(route)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        state = kwargs["state"]
        assert isinstance(state, AppState)  # noqa: S101 - routes are called by name
        return await heavily(state, partial(route, *args, **kwargs))

    return run


async def heavily(state: AppState, work: Callable[[], T]) -> T:
    """Do the heavy part of a route in one of those threads; what comes before it does not wait for one."""
    return await to_thread.run_sync(work, limiter=state.heavy_threads)
