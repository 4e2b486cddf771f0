"""Declaring that a piece of a cell is meant to lie apart (插花地登记): who says so, why and until when."""

from collections.abc import Callable
from datetime import date
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault, InvalidInputError, Words
from geo_service.geometry.rules_shape import parts_of
from geo_service.planning.register import CellKey
from geo_service.services.plan_state import PlanState
from geo_service.services.rulebook import day_of
from geo_service.services.tiling import Tiling
from geo_service.store import audit, exclaves, plans
from geo_service.store.database import Connection
from geo_service.store.exclaves import ExclaveRow

Place = tuple[float, float]


def declare_live(
    connection: Connection,
    tiling: Tiling,
    cell: CellKey,
    *,
    place: Place | None,
    who: str,
    why: str,
    until: date,
) -> list[int]:
    """Declare pieces of a cell that is in force; see :func:`declare_in_plan`."""

    def outline() -> BaseGeometry | None:
        if cell[0] not in tiling.levels:
            return None
        cells = tiling.at_level(cell[0])
        return next(
            (shape for code, shape in zip(cells["code"], cells["geom"], strict=True) if code == cell[1]), None
        )

    made = _declare(connection, None, cell, outline, place=place, who=who, why=why, until=until)
    plans.step_on_open(connection)
    return made


def declare_in_plan(
    connection: Connection,
    plan_id: int,
    state: PlanState,
    cell: CellKey,
    *,
    place: Place | None,
    who: str,
    why: str,
    until: date,
) -> list[int]:
    """Declare pieces of a cell of a plan; they hold in the plan, and everywhere once it is published.

    Parameters
    ----------
    connection : Connection
    plan_id : int
    state : PlanState
        Held by the caller.
    cell : (level, code)
    place : (lon, lat) or None
        In the piece that is meant, EPSG:4326; None means all pieces that lie apart now.
    who, why : str
    until : date
        The last day on which it holds.

    Returns
    -------
    list of int
        Numbers of the declarations, one for each piece.

    Raises
    ------
    InvalidInputError
        There is no such cell, it lies in one piece, the place is in none that lies apart, or the day is past.
    ConflictError
        The plan is published or dropped.
    """

    def outline() -> BaseGeometry | None:
        return state.outline(cell) if state.redraw.register.get(cell) is not None else None

    made = _declare(connection, plan_id, cell, outline, place=place, who=who, why=why, until=until)
    plans.step_on(connection, plan_id)  # so that those who look on are told
    return made


def _declare(
    connection: Connection,
    plan_id: int | None,
    cell: CellKey,
    outline: Callable[[], BaseGeometry | None],
    *,
    place: Place | None,
    who: str,
    why: str,
    until: date,
) -> list[int]:
    if until < day_of(connection):
        advice = Words("give a day to come", "有效期须是以后的日期")
        raise InvalidInputError(
            Words("the declaration has ended already", "登记的有效期已过"),
            [Fault("until", advice, value=until)],
        )
    shape = outline()
    if shape is None:
        message = Words(f"there is no {cell[0]} {cell[1]}", f"没有网格 {cell[1]}")
        raise InvalidInputError(message, [Fault("cell", message, value=cell[1])])
    parts, land = parts_of(shape)
    meant = [k for k in range(1, len(parts)) if place is None or parts[k].intersects(shapely.Point(place))]
    if not meant:
        raise _nothing_apart(len(parts), cell, place)
    made = [
        exclaves.declare(
            connection,
            cell,
            plan_id=plan_id,
            place=_deep_inside(parts[k]),
            area_m2=float(land[k]),
            who=who,
            why=why,
            until=until,
        )
        for k in meant
    ]
    details: dict[str, Any] = {"cell": list(cell), "why": why, "until": until.isoformat(), "plan_id": plan_id}
    for number in made:
        audit.record(connection, who, "exclave.declare", f"exclave {number}", details)
    return made


def _nothing_apart(pieces: int, cell: CellKey, place: Place | None) -> InvalidInputError:
    if pieces < 2:
        message = Words(f"{cell[0]} {cell[1]} lies in one piece", f"网格 {cell[1]} 连成一片，没有插花地")
        return InvalidInputError(message, [Fault("cell", message, value=cell[1])])
    message = Words(
        "the place lies in no piece that is apart from the rest of the cell; its main part needs no word",
        "该位置不在与主体分离的部分之内；主体无需登记",
    )
    return InvalidInputError(message, [Fault("place", message, place=place)])


def _deep_inside(piece: BaseGeometry) -> BaseGeometry:
    """Return the point farthest from a piece's border: it stays inside when that is redrawn a little."""
    return shapely.Point(shapely.get_coordinates(shapely.maximum_inscribed_circle(piece))[0])


def withdraw(connection: Connection, number: int, *, who: str) -> ExclaveRow:
    """End a declaration now; it stays on record.

    Raises
    ------
    NotFoundError, ConflictError
        There is none of that number; it was withdrawn before.
    """
    row = exclaves.withdraw(connection, number, who)
    if row.plan_id is not None and plans.get(connection, row.plan_id).status == "open":
        plans.step_on(connection, row.plan_id)
    else:
        plans.step_on_open(connection)  # so that those who look at one are told
    audit.record(connection, who, "exclave.withdraw", f"exclave {number}", {"cell": [row.level, row.code]})
    return row


def as_dict(row: ExclaveRow) -> dict[str, Any]:
    """Return a declaration as a JSON object."""
    return {
        "id": row.id,
        "plan_id": row.plan_id,
        "cell": [row.level, row.code],
        "place": [round(row.place.x, 7), round(row.place.y, 7)],
        "area_m2": round(row.area_m2, 1),
        "who": row.who,
        "why": row.why,
        "until": row.until.isoformat(),
        "at": row.at,
        "withdrawn_by": row.withdrawn_by,
        "withdrawn_at": row.withdrawn_at,
    }
