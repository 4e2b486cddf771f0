"""An incident as the desk sees it: facts, place, who answers for it, how it stands, what can be done."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from geo_service.errors import NotFoundError
from geo_service.services import catalogue, handling
from geo_service.services.ownership import OnDuty, owners_of
from geo_service.services.tiling import Tiling, Tilings, in_force_at
from geo_service.staffing.clocks import clocks, standard_from
from geo_service.staffing.life import RULES, WORDS_ZH, Move, Status, moves_from
from geo_service.store import boundaries, incidents, lives, photos, premises
from geo_service.store.database import Connection, Database

_PLACE = ("edition", "cell_code", "level", "how", "border_m", "runner_up_code")

MOVE_WORDS: Mapping[Move, str] = {
    Move.ACCEPT: "Accept",
    Move.DISPATCH: "Send somebody",
    Move.RECALL: "Recall",
    Move.ARRIVE: "Arrived",
    Move.HANDLE: "Handled",
    Move.CLOSE: "Close",
    Move.SUSPEND: "Suspend",
    Move.RESUME: "Resume",
    Move.RETURN: "Send back",
    Move.TRANSFER: "Hand over to others",
    Move.VOID: "Void",
    Move.REOPEN: "Reopen",
}


def moves_object(status: Status) -> list[dict[str, Any]]:
    """Return what can be done with an incident in a status, with words in both languages."""
    return [
        {
            "move": move.value,
            "zh": WORDS_ZH[move],
            "en": MOVE_WORDS[move],
            "needs_reason": RULES[move].needs_reason,
        }
        for move in moves_from(status)
    ]


def one(database: Database, tilings: Tilings, key: UUID, on_duty: OnDuty | None = None) -> dict[str, Any]:
    """Return an incident with its place, path, owner, standing and allowed moves.

    ``standing`` is null for what came as history. With ``on_duty`` owners are said to be on duty or not.

    Raises
    ------
    NotFoundError
        There is none with this id.
    """
    spans = tilings.spans()  # before a connection is held: who waits for a second one may wait for himself
    with database.reading() as connection:
        found = incidents.one(connection, key)
        if found is None:
            raise NotFoundError(f"there is no incident {key}")
        edition = next((one for one in spans if one.id == found["edition"]), None)
        if edition is None:  # put in force a moment ago
            edition = in_force_at(boundaries.spans_in_force(connection), found["occurred_at"])
        tiling = tilings.load(edition, connection) if edition and edition.id == found["edition"] else None
        whole = _whole(connection, tiling, found, on_duty)
        floor = found["floor"]
        to_floor_s = 0.0 if floor is None else catalogue.access_time(connection).to_floor_s(floor)
        return whole | {
            "to_floor_s": to_floor_s,
            "photos": photos.of(connection, key),
            "log": f"/v1/incidents/{key}/log",
        }


def _whole(
    connection: Connection, tiling: Tiling | None, found: dict[str, Any], on_duty: OnDuty | None
) -> dict[str, Any]:
    key, moment = found["id"], found["occurred_at"]
    cell_id = found.pop("cell_id")
    place: dict[str, Any] = {name: found.pop(name) for name in _PLACE}
    place["path"] = tiling.path_of_cell(cell_id) if tiling and cell_id is not None else []
    place["candidates"] = _candidates(tiling, found, place)
    place["runner_up_probability"] = next(
        (one["probability"] for one in place["candidates"] if one["cell_code"] == place["runner_up_code"]),
        None,
    )
    ids = on_duty.ids(connection) if on_duty is not None else None
    owners = (
        owners_of(connection, tiling, [cell_id], moment, ids)[0] if tiling else {"owner": None, "above": []}
    )
    inside = [] if found["lon"] is None else premises.holding(connection, [(found["lon"], found["lat"])])[0]
    standing = lives.several(connection, [key]).get(key)
    return {
        **found,
        "placement": place,
        **owners,
        "premises": inside,
        "standing": standing_of(standing, lives.clock(connection)),
    }


def standing_of(kept: lives.Kept | None, now: datetime) -> dict[str, Any] | None:
    """Return how a life stands at a moment, with what can be done; None for what came as history."""
    if kept is None:
        return None
    running = clocks(kept.life, standard_from(kept.standard), now)
    return with_moves(handling.Standing(kept, running, now))


def with_moves(standing: handling.Standing) -> dict[str, Any]:
    """Return how an incident stands, with what can be done."""
    status = standing.kept.life.status
    words = {"status_zh": WORDS_ZH[status], "moves": moves_object(status)}
    return handling.standing_object(standing) | words


def in_queue(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of the queue with how each incident stands."""
    kept = lives.several(connection, [row["id"] for row in rows])
    now = lives.clock(connection)
    hidden = {"rank", "due", "cell_id", "attributes"}
    return [
        {name: value for name, value in row.items() if name not in hidden}
        | {"standing": standing_of(kept.get(row["id"]), now)}
        for row in rows
    ]


def _candidates(
    tiling: Tiling | None, found: Mapping[str, Any], place: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the cells that may be meant under the accuracy, the likeliest first; none if it is not said."""
    if tiling is None or found["lon"] is None or not found["accuracy_m"] or place["how"] == "by_cell":
        return []
    likely = tiling.index.candidates(found["lon"], found["lat"], found["accuracy_m"])
    return [
        {"cell_code": str(tiling.leaf_codes[leaf]), "probability": round(probability, 4)}
        for leaf, probability in likely
    ]
