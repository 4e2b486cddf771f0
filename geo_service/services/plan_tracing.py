"""Drawing along features: the line of ``cut_along`` is taken to the streets, water or railways near it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry import lattice
from geo_service.geometry.measure import length_m, metres_per_degree
from geo_service.geometry.tracing import MAX_WITHIN_M, trace
from geo_service.planning.along import FEATURES, WITHIN_M
from geo_service.planning.arguments import Arguments
from geo_service.services.plan_state import PlanState
from geo_service.store import linework
from geo_service.store.database import Connection

VERB = "cut_along"
MAX_LINE_M = 50_000.0

_WATER = ("river", "stream", "canal", "waterway")
_RAILWAY = ("railway",)
_LINE_KINDS = {"water": ("waterway", "water"), "railway": _RAILWAY}


def resolve(
    connection: Connection, state: PlanState, verb: str, arguments: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the arguments of a verb; for ``cut_along`` with the line that follows the features.

    Raises
    ------
    InvalidInputError
        No such feature runs there, or it breaks off: the fault has the place; or an argument is wrong.
    """
    if verb != VERB:
        return arguments
    if "traced" in arguments:
        message = "the traced line is found here; give the line that was drawn"
        raise InvalidInputError(message, [Fault("traced", message)])
    read = Arguments(arguments)
    cell, line = read.cell("cell"), lattice.to_degrees(read.line("line"))
    features, within_m = read.text("features"), read.number("within_m")
    _ = read.text("code"), read.text("name")
    read.done()
    within_m = WITHIN_M if within_m is None else within_m
    if features not in FEATURES:
        message = f"give one of: {', '.join(FEATURES)}"
        raise InvalidInputError(message, [Fault("features", message, value=features)])
    if not 0 < within_m <= MAX_WITHIN_M:
        message = Words(
            f"give a distance of at most {MAX_WITHIN_M:g} metres", f"距离须大于 0，不超过 {MAX_WITHIN_M:g} 米"
        )
        raise InvalidInputError(message, [Fault("within_m", message, value=within_m)])
    state.redraw.register.require(cell)
    if float(length_m([shapely.LineString(line)])[0]) > MAX_LINE_M:
        message = Words(
            f"draw at most {MAX_LINE_M / 1000:g} km at once", f"一次最多画 {MAX_LINE_M / 1000:g} 公里"
        )
        raise InvalidInputError(message, [Fault("line", message)])
    found = _traced(connection, features, line, within_m)
    traced = np.round(lattice.to_degrees(found), 7).tolist()
    return {**arguments, "within_m": within_m, "traced": traced}


def _traced(
    connection: Connection, features: str, line: NDArray[np.float64], within_m: float
) -> NDArray[np.int64]:
    west, south, east, north = shapely.LineString(line).bounds
    dx, dy = 1.1 * within_m / np.array(metres_per_degree((south + north) / 2))
    box = (west - dx, south - dy, east + dx, north + dy)
    if features == "street":
        return trace(linework.streets(connection, box).tolist(), line, within_m).ij
    drawn = shapely.get_parts(linework.features(connection, _LINE_KINDS[features], box))
    dimension = shapely.get_dimensions(drawn)
    barred = linework.barriers(connection, _WATER if features == "water" else _RAILWAY, box)
    try:
        return trace([*barred, *drawn[dimension == 1]], line, within_m).ij
    except InvalidInputError:
        shores = shapely.boundary(drawn[dimension == 2])
        if len(shores) == 0:
            raise
    return trace(shores.tolist(), line, within_m).ij
