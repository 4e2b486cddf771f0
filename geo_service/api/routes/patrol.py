"""Patrols as figures: streets patrolled and time by cell, and patrols against incidents."""

from typing import Annotated, Any

from fastapi import Query

from geo_service.api.access import COUNTS, roles
from geo_service.api.moments import Day
from geo_service.api.routes.cells import LevelCode
from geo_service.api.routing import Router
from geo_service.api.state import State
from geo_service.model import Principal, Role
from geo_service.services import patrol

router = Router(prefix="/v1", tags=["patrol"])

First = Annotated[Day, Query(alias="from", description="First local day")]
Last = Annotated[Day, Query(alias="to", description="Last local day, included")]


@router.get("/patrol/cells", dependencies=[COUNTS])
def patrol_cells(state: State, first: First, last: Last, level: LevelCode) -> dict[str, Any]:
    """Tell for each cell how much of its streets was patrolled, for how long and by how many person-times.

    Figures of a day stay when its tracks have aged out. ``share`` is the mean over the days counted.
    """
    tiling = state.tilings.get()
    with state.database.reading() as connection:
        frame, days = patrol.cell_figures(connection, tiling, level, first, last)
    return {"edition": tiling.edition.id, "level": level, "days": days, "cells": patrol.rows_of(frame)}


@router.get("/patrol/against-incidents", dependencies=[COUNTS])
def patrol_against_incidents(state: State, first: First, last: Last, level: LevelCode) -> dict[str, Any]:
    """Compare where patrols went with where incidents were: rank correlation, and each cell's lift.

    A lift above 1: the cell has more of the incidents than of the patrols; null: nobody patrols it.
    """
    tiling = state.tilings.get()
    with state.database.reading() as connection:
        frame, told = patrol.against_incidents(connection, tiling, level, first, last)
    return {
        "edition": tiling.edition.id,
        "level": level,
        "rank_correlation": told.rho,
        "p": told.p,
        "cells_compared": told.n_cells,
        "incidents": told.n_incidents,
        "cells": patrol.rows_of(frame),
    }


@router.put("/patrol/days/{day}")
def count_patrol_day(
    state: State, day: Day, who: Annotated[Principal, roles(Role.PLANNER, Role.DISPATCHER)]
) -> dict[str, Any]:
    """Count the patrols of a local day from its tracks; the same tracks are not counted again."""
    counted = patrol.count_day(state.database, state.ground, state.tilings, day, who=who.name)
    return counted.as_dict()
