"""Near the door (就近就亲就便): give each cell to a lead by travel time, so many to a lead and no more.

A transport problem with whole numbers: each lead is as many seats as it may hold, each cell takes one seat,
and the sum of travel times is least. Solved exactly (Crouse 2016, as in scipy), so the answer is an optimum
and the same each time.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from geo_service.errors import Fault, InvalidInputError

_MAX_FAULTS = 20
_MAX_ENTRIES = 50_000_000


def nearest_leads(
    cost_ms: ArrayLike, *, cap: int, weight: ArrayLike | None = None, balanced: bool = True
) -> NDArray[np.int32]:
    """Assign each cell to a lead.

    Parameters
    ----------
    cost_ms : (n, l) array_like
        Travel time of each lead to each cell; negative, infinite or NaN where he cannot get there.
    cap : int
        Cells that one lead may have at most.
    weight : (n,) array_like, optional
        How much a cell's travel time counts (its households); 1 each without it. A cell without households
        still counts a little, so that it too goes to the nearest.
    balanced : bool
        Give each lead n / l cells, rounded down or up. Otherwise only the cap binds.

    Returns
    -------
    (n,) int32
        Lead of each cell: of all assignments one whose weighted travel time is least.

    Raises
    ------
    InvalidInputError
        There are more cells than the leads may hold, or some cells cannot be reached by leads with room.
    """
    cost = np.asarray(cost_ms, dtype=np.float64)
    if cost.ndim != 2:
        raise InvalidInputError("Travel times must be a table, cells by leads.")
    n, leads = cost.shape
    cap = min(cap, n)
    if n == 0:
        return np.empty(0, dtype=np.int32)
    _check_room(n, leads, cap)
    reached = np.isfinite(cost) & (cost >= 0.0)
    importance = np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64)
    if importance.shape != (n,) or not (np.isfinite(importance) & (importance >= 0.0)).all():
        raise InvalidInputError("Weights must be numbers of at least 0, one for each cell.")
    importance = np.maximum(importance, 1e-3 * max(1.0, float(importance.max())))
    lowest, highest = (n // leads, -(-n // leads)) if balanced else (0, cap)
    if (n + leads * highest) * leads * highest > _MAX_ENTRIES:
        raise InvalidInputError(
            "So many cells and leads cannot be assigned at once; do it township by township."
        )
    seats = np.repeat(np.arange(leads), highest)
    may_stay_free = np.tile(np.arange(highest) >= lowest, leads)
    table = np.where(reached, cost * importance[:, None], np.inf)[:, seats]
    empty = np.where(may_stay_free, 0.0, np.inf)
    table = np.vstack((table, np.tile(empty, (len(seats) - n, 1))))
    try:
        _, seat = linear_sum_assignment(table)
    except ValueError:  # no assignment has a finite sum
        raise InvalidInputError("Not every cell can be given to a lead.", _unreached(reached)) from None
    return np.asarray(seats[seat[:n]], dtype=np.int32)


def _check_room(n: int, leads: int, cap: int) -> None:
    if leads == 0:
        raise InvalidInputError("There are no leads.")
    if cap * leads < n:
        message = f"{leads} leads need room for {-(-n // leads)} cells each at least"
        raise InvalidInputError(f"{n} cells are too many.", [Fault("cap", message, value=cap)])


def _unreached(reached: NDArray[np.bool_]) -> list[Fault]:
    alone = np.flatnonzero(~reached.any(axis=1))[:_MAX_FAULTS]
    if alone.size == 0:
        return [Fault("cost_ms", "the leads who can get there have no room; raise the cap or do not balance")]
    return [Fault("cost_ms", "no lead can get to this cell", row=int(row) + 1) for row in alone]
