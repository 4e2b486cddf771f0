"""Suspecting a wrong datum: a point that lies where nothing can be, and would fit in another datum.

Maps made in China show GCJ-02, some BD-09; both lie some hundred metres off WGS84. Who reads a coordinate
from one and sends it as another is off by that much. What is found is told with the guess; a point is never
moved. Decided by three readings of a place: it *fits* in a building, it may do on land, it does not in water
or outside all cells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.geometry.crs import BD09, CGCS2000, GCJ02, WGS84, Datum, to_wgs84
from geo_service.services.tiling import Tiling
from geo_service.store import reporting
from geo_service.store.database import Connection

#: Where somebody may have mistaken one datum for another; the first that fits is the guess.
CONFUSED = (GCJ02, BD09, WGS84)
#: Roughly China: elsewhere nobody uses GCJ-02.
_WEST, _SOUTH, _EAST, _NORTH = 72.0, 0.8, 137.9, 55.9
#: How well a place fits: not at all, on land, near a building, in one.
NOWHERE, LAND, NEAR, BUILDING = range(4)


@dataclass(frozen=True, slots=True)
class Given:
    """A point as it came: coordinates, their datum, and whether the report speaks of a building."""

    x: float
    y: float
    datum: Datum
    speaks_of_building: bool


def suspicions(
    connection: Connection, given: Sequence[Given], tiling_of: Callable[[int], Tiling | None]
) -> list[list[dict[str, Any]]]:
    """Return for each point what is suspected, as flags: empty, or one with the guess and where it would lie.

    ``tiling_of`` gives the boundaries in force at the moment of a report by its number; None where none were.
    """
    out: list[list[dict[str, Any]]] = [[] for _ in given]
    readings = [(i, datum) for i, one in enumerate(given) for datum in _readings(one)]
    if not readings:
        return out
    lonlat_deg = np.array([_place(given[i], datum) for i, datum in readings])
    rank = _ranks(connection, readings, lonlat_deg, tiling_of, given)
    for i, one in enumerate(given):
        mine = [k for k, (number, _) in enumerate(readings) if number == i]
        if not mine or rank[mine[0]] >= (NEAR if one.speaks_of_building else LAND):
            continue
        enough = LAND if rank[mine[0]] == NOWHERE else BUILDING
        better = [k for k in mine[1:] if rank[k] >= enough]
        if better:
            best = max(better, key=lambda k: rank[k])  # of equals the first
            out[i].append(_flag(readings[best][1], lonlat_deg[best], rank[best], rank[mine[0]]))
    return out


def _readings(one: Given) -> tuple[Datum, ...]:
    """Return the datum that was said, then those it may be mistaken for; none where nobody mistakes them."""
    said = WGS84 if one.datum == CGCS2000 else one.datum
    if said not in CONFUSED or not (_WEST <= one.x <= _EAST and _SOUTH <= one.y <= _NORTH):
        return ()
    return said, *(datum for datum in CONFUSED if datum != said)


def _place(one: Given, datum: Datum) -> NDArray[np.float64]:
    place: NDArray[np.float64] = to_wgs84(np.array([[one.x, one.y]]), datum)[0]
    return place


def _ranks(
    connection: Connection,
    readings: Sequence[tuple[int, Datum]],
    lonlat_deg: NDArray[np.float64],
    tiling_of: Callable[[int], Tiling | None],
    given: Sequence[Given],
) -> NDArray[np.int64]:
    ground = reporting.ground_under(connection, lonlat_deg)
    in_cell = np.ones(len(readings), dtype=bool)
    numbers = np.array([number for number, _ in readings])
    for number in range(len(given)):
        mine = np.flatnonzero(numbers == number)
        tiling = tiling_of(number) if len(mine) else None
        if tiling is not None:
            in_cell[mine] = tiling.index.leaf_of(lonlat_deg[mine])[0] >= 0
    rank = np.where(in_cell & ~ground.in_water, LAND, NOWHERE)
    rank[(rank == LAND) & ground.near_building] = NEAR
    rank[in_cell & ground.in_building] = BUILDING
    return rank


def _flag(guess: Datum, place: NDArray[np.float64], rank: int, was: int) -> dict[str, Any]:
    where = "in water or outside all cells" if was == NOWHERE else "far from any building"
    return {
        "flag": "datum",
        "guess": str(guess),
        "lon": round(float(place[0]), 7),
        "lat": round(float(place[1]), 7),
        "certainty": "high" if rank == BUILDING else "low",
        "why": f"the point lies {where}; taken as {guess} it would fit",
    }
