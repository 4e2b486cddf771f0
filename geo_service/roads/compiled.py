"""One decorator for compiled kernels, so that the rest of the room need not know whether numba is there."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np

numba: Any = None
with suppress(ImportError):
    import numba

P = ParamSpec("P")
R = TypeVar("R")

Whole: TypeAlias = int | np.integer[Any]
"""A whole number in a kernel, of whichever width it comes."""

HAVE_NUMBA: bool = numba is not None


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel: exact, without the interpreter's lock, cached on disk where the disk lets us.

    Without numba the function is returned as it is: still right, but slow, so callers ask
    :data:`HAVE_NUMBA` and take :mod:`geo_service.roads.plain` instead.
    """
    if numba is None:  # pragma: no cover - see above
        return function
    try:
        return cast("Callable[P, R]", numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # no writable place for the cache (read-only image): compile in memory
        return cast("Callable[P, R]", numba.njit(nogil=True)(function))
