"""An incident as the desk sees it: facts, place, who answers for it, how it stands, what can be done."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from geo_service.errors import NotFoundError
from geo_service.model import Edition
from geo_service.services import catalogue, handling
from geo_service.services.ownership import owners_question
from geo_service.services.tiling import Tiling, Tilings
from geo_service.staffing.clocks import clocks
from geo_service.staffing.life import RULES, WORDS_ZH, Move, Status, moves_from
from geo_service.store import boundaries, incidents, lives, photos, premises
from geo_service.store.at_once import ask_at_once
from geo_service.store.database import Connection, Database

_PLACE = ("edition", "cell_code", "level", "how", "border_m", "runner_up_code")
_HIDDEN = frozenset({"cell_id", *_PLACE})

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


@cache
def moves_object(status: Status) -> list[dict[str, Any]]:
    """Return what can be done with an incident in a status, with words in both languages; to be read only."""
    return [
        {
            "move": move.value,
            "zh": WORDS_ZH[move],
            "en": MOVE_WORDS[move],
            "needs_reason": RULES[move].needs_reason,
        }
        for move in moves_from(status)
    ]


def one(
    database: Database, tilings: Tilings, key: UUID, on_duty: frozenset[int] | None = None
) -> dict[str, Any]:
    """Return an incident with its place, path, owner, standing and allowed moves.

    ``standing`` is null for what came as history. With ``on_duty`` (ids) owners are said to
    be on duty or not.

    Raises
    ------
    NotFoundError
        There is none with this id.
    """
    spans = tilings.spans()  # before a connection is held: who waits for a second one may wait for himself
    with database.reading() as connection:
        whole = _whole(connection, tilings, spans, [key], on_duty).get(key)
        if whole is None:
            raise NotFoundError(f"there is no incident {key}")
        floor = whole["floor"]
        to_floor_s = 0.0 if floor is None else catalogue.access_time(connection).to_floor_s(floor)
        return whole | {
            "to_floor_s": to_floor_s,
            "photos": photos.of(connection, key),
            "log": f"/v1/incidents/{key}/log",
        }


def several(database: Database, tilings: Tilings, keys: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return incidents by id, each with its place, path, owner, standing and allowed moves."""
    spans = tilings.spans()
    with database.reading() as connection:
        return _whole(connection, tilings, spans, keys, None)


def _whole(
    connection: Connection,
    tilings: Tilings,
    spans: list[Edition],
    keys: Sequence[UUID],
    on_duty: frozenset[int] | None,
) -> dict[UUID, dict[str, Any]]:
    found = incidents.several(connection, keys)
    if any(one["edition"] not in {span.id for span in spans} for one in found.values()):
        spans = boundaries.spans_in_force(connection)  # one was put in force a moment ago
    edition_of = {span.id: span for span in spans}
    tiling_of = {
        key: tilings.load(edition_of[one["edition"]], connection) if one["edition"] in edition_of else None
        for key, one in found.items()
    }
    asked = [(tiling_of[key], one["cell_id"], one["occurred_at"]) for key, one in found.items()]
    located = {key: (one["lon"], one["lat"]) for key, one in found.items() if one["lon"] is not None}
    moments = [found[key]["occurred_at"] for key in located]
    owners, grounds, now = ask_at_once(
        connection,
        owners_question(asked, on_duty),
        premises.holding_question(list(located.values()), moments),
        lives.clock_question(),
    )
    ground_of = dict(zip(located, grounds, strict=True))
    standings = lives.several(connection, list(found))
    accepted = lives.accepted_by(connection, list(found))
    return {
        key: whole(
            one,
            tiling_of[key],
            owner=owner,
            ground=ground_of.get(key, []),
            standing=standing_of(standings.get(key), now),
            accepted=accepted.get(key),
        )
        for (key, one), owner in zip(found.items(), owners, strict=True)
    }


def whole(
    facts: Mapping[str, Any],
    tiling: Tiling | None,
    *,
    owner: Mapping[str, Any],
    ground: Sequence[Mapping[str, Any]],
    standing: Mapping[str, Any] | None,
    accepted: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return an incident with all that belongs to it.

    Parameters
    ----------
    facts : mapping
        As :func:`geo_service.store.incidents.several` gives them.
    tiling : Tiling or None
        The boundaries in force when it happened.
    owner : mapping
        ``owner`` and ``above``.
    ground : sequence of mapping
        The premises on which it lies.
    standing, accepted : mapping or None
        How it stands, and who accepted it.
    """
    return {
        **{name: value for name, value in facts.items() if name not in _HIDDEN},
        "placement": _place(facts, tiling),
        **owner,
        "premises": ground,
        "standing": standing,
        "accepted_by": accepted,
    }


def _place(found: Mapping[str, Any], tiling: Tiling | None) -> dict[str, Any]:
    place: dict[str, Any] = {name: found[name] for name in _PLACE}
    cell_id = found["cell_id"]
    place["path"] = tiling.path_of_cell(cell_id) if tiling and cell_id is not None else []
    beside = tiling.id_of_cell(found["level"], found["runner_up_code"]) if tiling and found["level"] else None
    place["runner_up_name"] = _name_of(tiling, beside)
    place["candidates"] = _candidates(tiling, found, place)
    place["runner_up_probability"] = next(
        (one["probability"] for one in place["candidates"] if one["cell_code"] == place["runner_up_code"]),
        None,
    )
    return place


def standing_of(kept: lives.Kept | None, now: datetime) -> dict[str, Any] | None:
    """Return how a life stands at a moment, with what can be done; None for what came as history."""
    if kept is None:
        return None
    running = clocks(kept.life, handling.standard_of(kept), now)
    return with_moves(handling.Standing(kept, running, now))


def with_moves(standing: handling.Standing) -> dict[str, Any]:
    """Return how an incident stands, with what can be done."""
    status = standing.kept.life.status
    words = {"status_zh": WORDS_ZH[status], "moves": moves_object(status)}
    return handling.standing_object(standing) | words


def listed(
    connection: Connection,
    tiling: Tiling | None,
    rows: list[dict[str, Any]],
    hidden: frozenset[str] = frozenset({"cell_id"}),
) -> list[dict[str, Any]]:
    """Return rows of a list with how each incident stands, who accepted it, and what its cell is called."""
    kept = lives.several(connection, [row["id"] for row in rows])
    accepted = lives.accepted_by(connection, list(kept))
    now = lives.clock(connection)
    shown = [name for name in rows[0] if name not in hidden] if rows else []
    return [
        {name: row[name] for name in shown}
        | {
            "standing": standing_of(kept.get(row["id"]), now),
            "accepted_by": accepted.get(row["id"]),
            "cell_name": _name_of(tiling, row["cell_id"]),
        }
        for row in rows
    ]


def _name_of(tiling: Tiling | None, cell_id: int | None) -> str | None:
    """Return what a cell is called in an edition; None if it has no such cell."""
    path = tiling.path_of_cell(cell_id) if tiling is not None and cell_id is not None else []
    return path[-1]["name"] or None if path else None


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
