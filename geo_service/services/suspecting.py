"""Suspecting a wrong datum: a point that lies where nothing can be, and would fit in another datum.

Maps made in China show GCJ-02, some BD-09; both lie some hundred metres off WGS84. Who reads a coordinate
from one and sends it as another is off by that much. What is found is told with the guess; a point is never
moved. Decided by three readings of a place: it *fits* in a building, it may do on land, it does not in water
or outside all cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.geometry.crs import BD09, CGCS2000, GCJ02, WGS84, Datum, to_wgs84
from geo_service.services.tiling import Tiling
from geo_service.store import reporting
from geo_service.store.at_once import Question
from geo_service.store.database import Connection
from geo_service.store.reporting import GroundUnder

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


class Suspects:
    """Points that may be in another datum than was said.

    Parameters
    ----------
    given : sequence of Given
        None for what has no point.
    """

    def __init__(self, given: Sequence[Given | None]) -> None:
        self._count = len(given)
        self._asked = {i: one for i, one in enumerate(given) if one is not None and _may_be_confused(one)}
        self._places_deg = np.empty((0, len(CONFUSED), 2))
        if self._asked:
            xy = np.array([(one.x, one.y) for one in self._asked.values()])
            self._places_deg = np.stack([to_wgs84(xy, datum) for datum in CONFUSED], axis=1)

    @property
    def question(self) -> Question[GroundUnder]:
        """What must be known of the ground."""
        return reporting.ground_question(self._places_deg.reshape(-1, 2))

    def flags(self, ground: GroundUnder, tilings: Sequence[Tiling | None]) -> list[list[dict[str, Any]]]:
        """Return for each point what is suspected: nothing, or a flag with the guess and where it would lie.

        ``tilings`` has for each point the boundaries in force at its moment; None where none were.
        """
        out: list[list[dict[str, Any]]] = [[] for _ in range(self._count)]
        rank = _ranks(ground, self._places_deg, [tilings[i] for i in self._asked])
        for row, (i, one) in enumerate(self._asked.items()):
            said = CONFUSED.index(WGS84 if one.datum == CGCS2000 else one.datum)
            was = int(rank[row, said])
            if was >= (NEAR if one.speaks_of_building else LAND):
                continue
            others = [k for k in range(len(CONFUSED)) if k != said]
            best = max(others, key=lambda k: rank[row, k])  # of equals the first
            if rank[row, best] >= (LAND if was == NOWHERE else BUILDING):
                out[i].append(_flag(CONFUSED[best], self._places_deg[row, best], int(rank[row, best]), was))
        return out


def suspicions(
    connection: Connection, given: Sequence[Given], tilings: Sequence[Tiling | None]
) -> list[list[dict[str, Any]]]:
    """Return for each point what is suspected, as :meth:`Suspects.flags`."""
    suspects = Suspects(given)
    return suspects.flags(suspects.question.ask(connection), tilings)


def _may_be_confused(one: Given) -> bool:
    """Tell whether a point is in a datum that is taken for another, in the country where that happens."""
    said = WGS84 if one.datum == CGCS2000 else one.datum
    return said in CONFUSED and _WEST <= one.x <= _EAST and _SOUTH <= one.y <= _NORTH


def _ranks(
    ground: GroundUnder, places_deg: NDArray[np.float64], tilings: Sequence[Tiling | None]
) -> NDArray[np.int64]:
    """Return (n, datums): how well each place fits."""
    n, datums, _ = places_deg.shape
    in_water, in_building, near = (
        found.reshape(n, datums) for found in (ground.in_water, ground.in_building, ground.near_building)
    )
    in_cell = np.ones((n, datums), dtype=bool)
    for tiling in {id(one): one for one in tilings if one is not None}.values():
        mine = np.array([one is tiling for one in tilings])
        leaf, _on_edge = tiling.index.leaf_of(places_deg[mine].reshape(-1, 2))
        in_cell[mine] = (leaf >= 0).reshape(-1, datums)
    rank = np.where(in_cell & ~in_water, LAND, NOWHERE)
    rank[(rank == LAND) & near] = NEAR
    rank[in_cell & in_building] = BUILDING
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
