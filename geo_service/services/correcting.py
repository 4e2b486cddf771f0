"""Correcting an incident: where it lies, what it is, how urgent; and what its reporter is told.

Nothing is forgotten: what was said before goes into a line of the log with what is said now. A correction
may change which cell answers and which response standard holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from geo_service.errors import Fault, InvalidInputError, NotFoundError, Words
from geo_service.services import handling, reporting
from geo_service.services.handling import Standing
from geo_service.services.intake import ancestors, codes_above, standards_now
from geo_service.services.placing import place
from geo_service.services.reporting import Found, Place
from geo_service.services.suspecting import Given, suspicions
from geo_service.services.tiling import Tiling, Tilings, in_force_at
from geo_service.staffing.clocks import choose, clocks_of, standard_object
from geo_service.staffing.life import ENDED, Status
from geo_service.store import boundaries, catalogue, incidents, lives, placements
from geo_service.store.database import Connection, Database
from geo_service.store.lives import Kept, Line

#: A reply in one of these tells the outcome: it closes the loop.
OUTCOMES = ENDED | {Status.HANDLED}


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a change, why, on which revision, and the key under which it is done once."""

    who: str
    reason: str = ""
    revision: int | None = None
    request_key: str | None = None


def locate(
    database: Database,
    tilings: Tilings,
    key: UUID,
    where: Place,
    asked: Asked,
    *,
    more: Mapping[str, Any] | None = None,
) -> Standing:
    """Say anew where an incident lies: it is placed anew, and its response standard chosen anew.

    Parameters
    ----------
    where : Place
        A point, a building, a cell, or nothing: then nobody knows any more.
    more : mapping, optional
        What is said with it: ``accuracy_m``, ``floor``, ``address``.

    Raises
    ------
    NotFoundError
        No such incident is being handled.
    ConflictError
        It has moved on.
    InvalidInputError
        The place is not one, or the key was used for another request.
    UnavailableError
        Boundaries are being published that concern it; try again.
    """
    with database.writing() as connection:
        # before anything is locked: a publisher who waits for us must not be waited for
        boundaries.intake_lock().ask(connection)
        kept = _agreed(connection, key, asked, "locate")
        if kept is None:
            return handling.standing(connection, key)
        (found,) = reporting.look_up(connection, [where], [""])
        if isinstance(found, list):
            raise InvalidInputError(Words("the place does not fit", "位置有误"), found)
        before = _before(connection, key)
        tiling = _tiling(connection, tilings, before["occurred_at"])
        values = _values(found, dict(more or {}))
        spoken = values.get("floor", before["floor"]) is not None or bool(values.get("address"))
        values["flags"] = _flags(connection, where, found, tiling, before["flags"], spoken=spoken)
        incidents.put_elsewhere(connection, key, (found.lon, found.lat), values)
        placements.take_back(connection, key)
        if tiling is not None:
            named = np.array([-1 if found.named_cell_id is None else found.named_cell_id], dtype=np.int64)
            place(connection, tiling, [key], np.array([[found.lon, found.lat]]), named)
        return _write(connection, tilings, kept, move="locate", before=before, asked=asked)


def correct(
    database: Database, tilings: Tilings, key: UUID, values: Mapping[str, Any], asked: Asked
) -> Standing:
    """Change ``category``, ``urgency``, ``address`` or ``floor``; the response standard is chosen anew.

    Raises
    ------
    NotFoundError, ConflictError
        As :func:`locate`.
    InvalidInputError
        The values change nothing.
    """
    with database.writing() as connection:
        kept = _agreed(connection, key, asked, "correct")
        if kept is None:
            return handling.standing(connection, key)
        before = _before(connection, key)
        changed = {name: value for name, value in values.items() if before[name] != value}
        if not changed:
            message = Words("this changes nothing", "没有任何改动")
            raise InvalidInputError(message, [Fault("", message)])
        if "category" in changed:
            code = changed["category"]
            known = not code or catalogue.families_question([code]).ask(connection)
            others = [flag for flag in before["flags"] if flag["flag"] != "category"]
            changed["flags"] = others if known else [*others, reporting.UNKNOWN_CATEGORY]
        incidents.correct(connection, key, changed)
        return _write(connection, tilings, kept, move="correct", before=before, asked=asked)


def reply(
    database: Database, key: UUID, asked: Asked, *, words: str, channel: str, at: datetime | None = None
) -> Standing:
    """Write down what the reporter was told; told the outcome, the loop is closed.

    Raises
    ------
    NotFoundError, ConflictError
        As :func:`locate`.
    InvalidInputError
        He cannot have been told before he reported, or the key was used for another request.
    """
    with database.writing() as connection:
        kept = _agreed(connection, key, asked, "reply")
        if kept is None:
            return handling.standing(connection, key)
        now = lives.present(connection, key)
        moment = now if at is None else min(at, now)
        if moment < kept.life.reported_at:
            message = Words("give a moment not before the report", "回复时间不能早于上报时间")
            raise InvalidInputError(message, [Fault("at", message, value=at)])
        is_outcome = kept.life.status in OUTCOMES
        details = {"channel": channel, "outcome": is_outcome}
        line = _line(kept, "reply", moment, Asked(asked.who, words, None, asked.request_key), details)
        after = replace(kept, replied_at=moment) if is_outcome else kept
        return handling.write(connection, after, line, now)


def _agreed(connection: Connection, key: UUID, asked: Asked, move: str) -> Kept | None:
    """Return the life, locked; None when the same request was carried out before."""
    kept = lives.get(connection, key, lock=True)
    if lives.has_line(connection, key, asked.request_key, moves=[move], who=asked.who):
        return None
    handling.require_revision(kept, asked.revision)
    return kept


def _before(connection: Connection, key: UUID) -> dict[str, Any]:
    found = incidents.for_change(connection, key)
    if found is None:
        raise NotFoundError(Words(f"there is no incident {key}", f"没有编号为 {key} 的事件"))
    return found


def _tiling(connection: Connection, tilings: Tilings, moment: datetime) -> Tiling | None:
    edition = in_force_at(boundaries.spans_in_force(connection), moment)
    return tilings.load(edition, connection) if edition else None


def _values(found: Found, more: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that a new place sets; the accuracy of the former place is not that of the new."""
    return {
        "accuracy_m": more.pop("accuracy_m", None),
        "named_cell_id": found.named_cell_id,
        "building": found.building,
        "datum": str(found.datum),
        **({"address": found.address} if found.address else {}),
        **more,
    }


def _flags(
    connection: Connection,
    where: Place,
    found: Found,
    tiling: Tiling | None,
    former: list[dict[str, Any]],
    *,
    spoken: bool,
) -> list[dict[str, Any]]:
    """Return what is suspected of the new place; what else was flagged stays."""
    others = [flag for flag in former if flag["flag"] != "datum"]
    if where.x is None or where.y is None:
        return others
    point = Given(where.x, where.y, found.datum, spoken)
    return others + suspicions(connection, [point], [tiling])[0]


def _write(
    connection: Connection, tilings: Tilings, kept: Kept, *, move: str, before: dict[str, Any], asked: Asked
) -> Standing:
    """Choose the standard anew and write the line: what was said before, and what now."""
    after = _before(connection, kept.incident_id)
    standards, above = standards_now(connection)
    tiling = _tiling(connection, tilings, after["occurred_at"])
    cell_id = tiling.id_of_cell(after["level"], after["cell_code"]) if tiling and after["cell_code"] else None
    codes = codes_above(tiling, cell_id) if tiling and cell_id is not None else ()
    standard = choose(standards, ancestors(after["category"], above), after["urgency"], codes)
    changed = [name for name in incidents.CHANGEABLE if before[name] != after[name]]
    details: dict[str, Any] = {
        "before": {name: before[name] for name in changed},
        "after": {name: after[name] for name in changed},
    }
    chosen = standard_object(standard)
    if clocks_of(chosen) != clocks_of(kept.standard):  # also under the same code: its clocks run anew
        details["standard"] = {"before": kept.standard["code"], "after": standard.code}
    now = lives.present(connection, kept.incident_id)
    line = _line(kept, move, now, asked, details)
    return handling.write(connection, replace(kept, standard=chosen), line, now)


def _line(kept: Kept, move: str, at: datetime, asked: Asked, details: dict[str, Any]) -> Line:
    status = kept.life.status.value
    return Line(at, asked.who, move, status, status, asked.reason.strip(), details, asked.request_key)
