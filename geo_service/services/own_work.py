"""What somebody in the field sees of his own: his shift, his cells with their boards, where he is sent."""

from datetime import UTC, datetime
from typing import Any

from geo_service.errors import ForbiddenError, NotFoundError, Words
from geo_service.services import catalogue, handling, sign_boards
from geo_service.services.duty_book import Book
from geo_service.services.incident_views import with_moves
from geo_service.services.tiling import Tiling, Tilings
from geo_service.store import dispatches, incidents, lives, photos
from geo_service.store.database import Connection, Database
from geo_service.store.dispatches import Dispatch

#: Most of the open dispatches that are shown; the database lets nobody have more than one.
MOST = 20
_FACTS = ("occurred_at", "lon", "lat", "accuracy_m", "floor", "category", "urgency", "address")


def own_work(database: Database, tilings: Tilings, book: Book, responder_id: int) -> dict[str, Any]:
    """Return who somebody is, until when he is on duty, his cells and their boards, his open dispatches.

    Raises
    ------
    ForbiddenError
        He is no longer among the people of the roster.
    """
    row = book.row_of_id.get(responder_id)
    if row is None:
        raise ForbiddenError(Words("this key acts for somebody who has left", "该密钥关联的人员已离职"))
    with database.reading() as connection:
        now = lives.clock(connection)
        tiling = _in_force(tilings)
        found = dispatches.page(connection, limit=MOST, is_open=True, responder_id=responder_id)
        return {
            "now": now,
            "responder": {
                "code": book.codes[row],
                "name": book.names[row],
                "role": book.roles[row],
                "mode": book.modes[row].value,
            },
            **_shift(book, row, now),
            "cells": _cells(connection, tiling, book, row) if tiling else [],
            "tasks": [_task(connection, tilings, one) for one in found],
        }


def _in_force(tilings: Tilings) -> Tiling | None:
    try:
        return tilings.get()
    except NotFoundError:
        return None


def _shift(book: Book, row: int, now: datetime) -> dict[str, Any]:
    """Tell whether he is on duty and until when, and the post to which he is bound now or next."""
    duty = book.duty(now.timestamp())
    on = bool(duty.on[row])
    out: dict[str, Any] = {"on_duty": on, "until": _moment(duty.ends_s[row]) if on else None, "post": None}
    if duty.post[row] >= 0:
        name = book.post_name.get(int(duty.post[row]), "")
        out["post"] = {"name": name, "from": None, "until": _moment(duty.post_ends_s[row])}
    elif duty.next_post[row] >= 0:
        name = book.post_name.get(int(duty.next_post[row]), "")
        out["post"] = {"name": name, "from": _moment(duty.next_post_s[row]), "until": None}
    return out


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(float(at_s), UTC)


def _cells(connection: Connection, tiling: Tiling, book: Book, row: int) -> list[dict[str, Any]]:
    """Return the cells he holds, each with the path to it and its boards."""
    out = []
    for cell_id in book.held_cell[book.held_row == row].tolist():
        path = tiling.path_of_cell(int(cell_id))
        if not path:
            continue  # it is not in the edition in force
        judged = sign_boards.judged(connection, tiling, cell_code=path[-1]["code"])
        boards = [
            {
                "code": one.board.code,
                "kind": one.board.kind,
                "printed_name": one.board.printed_name,
                "printed_owner": one.board.printed_owner,
                "place": list(one.board.place) if one.board.place else None,
                "stale": bool(one.reasons),
            }
            for one in judged
            if one.board.cell[0] == path[-1]["level"]
        ]
        out.append({**path[-1], "path": path, "boards": boards})
    return out


def _task(connection: Connection, tilings: Tilings, one: Dispatch) -> dict[str, Any]:
    """Return a dispatch with what he must know of the incident."""
    found = incidents.one(connection, one.incident_id) or {}
    path: list[dict[str, str]] = []
    if found.get("cell_id") is not None:
        path = tilings.get(found["occurred_at"]).path_of_cell(found["cell_id"])
    names = {row["code"]: row for row in catalogue.categories(connection)}
    category = names.get(found.get("category", ""))
    return {
        "dispatch": one.as_dict(),
        "incident": {
            **{name: found.get(name) for name in _FACTS},
            "category_zh": category["name_zh"] if category else found.get("category"),
            "category_en": category["name_en"] if category else found.get("category"),
            "path": path,
            "photos": photos.of(connection, one.incident_id),
            "standing": with_moves(handling.standing(connection, one.incident_id)),
        },
    }
