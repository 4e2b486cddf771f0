"""Duplicates: the same thing reported twice is proposed by the service and merged by a person only."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from geo_service.errors import ConflictError, Fault, InvalidInputError, Words
from geo_service.services import handling
from geo_service.services.correcting import Asked
from geo_service.services.handling import Standing
from geo_service.staffing.life import Move, advance
from geo_service.store import lives, queue
from geo_service.store.database import Connection, Database
from geo_service.store.lives import Kept, Line

WITHIN_M = 100.0
WITHIN_S = 2 * 3600


def merge(database: Database, key: UUID, of: UUID, asked: Asked) -> Standing:
    """Merge an incident into the one that it repeats: it is void, and points there.

    Raises
    ------
    NotFoundError
        One of the two is not being handled.
    ConflictError
        The other one is itself a duplicate, this one has duplicates, or it stands where it cannot be void.
    InvalidInputError
        Both are the same.
    """
    if key == of:
        message = Words("an incident cannot repeat itself", "事件不能与自身合并")
        raise InvalidInputError(message, [Fault("of", message, value=str(of))])
    with database.writing() as connection:
        both = _locked(connection, key, of)
        if _is_done(connection, key, asked):
            return handling.standing(connection, key)
        _refuse_chain(connection, both[key], both[of])
        _refuse_older(both[key], asked)
        reason = asked.reason.strip() or f"duplicate of {of}"
        kept = both[key]
        moment = lives.present(connection, key)
        after = replace(kept, life=advance(kept.life, Move.VOID, moment, reason=reason), duplicate_of=of)
        details = {"duplicate_of": str(of)}
        done = _write(connection, kept, after, replace(asked, reason=reason), move="void", details=details)
        _tell(connection, both[of], "merge", asked, {"duplicate": str(key)})
        return done


def unmerge(database: Database, key: UUID, asked: Asked) -> Standing:
    """Undo a merge: the incident is open again.

    Raises
    ------
    NotFoundError
        It is not being handled.
    ConflictError
        It is no duplicate.
    """
    with database.reading() as connection:
        of = lives.get(connection, key).duplicate_of
    if of is None:
        message = Words("the incident is no duplicate of another", "该事件没有并入其他事件")
        raise ConflictError(message, [Fault("", message)])
    with database.writing() as connection:
        both = _locked(connection, key, of)
        if _is_done(connection, key, asked):
            return handling.standing(connection, key)
        kept = both[key]
        if kept.duplicate_of != of:
            raise ConflictError(Words("somebody has changed this just now", "刚刚有人改动过，请刷新"))
        _refuse_older(kept, asked)
        reason = asked.reason.strip() or "no duplicate after all"
        moment = lives.present(connection, key)
        after = replace(kept, life=advance(kept.life, Move.REOPEN, moment, reason=reason), duplicate_of=None)
        details = {"no_duplicate_of": str(of)}
        done = _write(connection, kept, after, replace(asked, reason=reason), move="reopen", details=details)
        _tell(connection, both[of], "unmerge", asked, {"duplicate": str(key)})
        return done


def _locked(connection: Connection, *keys: UUID) -> dict[UUID, Kept]:
    """Lock lives in order of their ids: two who merge crosswise wait, and do not block each other."""
    return {key: lives.get(connection, key, lock=True) for key in sorted(keys)}


def _is_done(connection: Connection, key: UUID, asked: Asked) -> bool:
    return asked.request_key is not None and lives.has_line(connection, key, asked.request_key)


def _refuse_older(kept: Kept, asked: Asked) -> None:
    if asked.revision is not None and asked.revision != kept.revision:
        message = Words(
            f"the incident has moved on: it is at revision {kept.revision}",
            f"该事件已有变化：现为第 {kept.revision} 次修订",
        )
        raise ConflictError(message, [Fault("revision", message, value=asked.revision)])


def _refuse_chain(connection: Connection, kept: Kept, of: Kept) -> None:
    if of.duplicate_of is not None:
        message = Words(
            f"that one is itself a duplicate of {of.duplicate_of}: name that",
            f"对方本身已并入 {of.duplicate_of}：请并入那一件",
        )
        raise ConflictError(message, [Fault("of", message, value=str(of.incident_id))])
    if others := queue.duplicates_of(connection, kept.incident_id):
        message = Words(
            f"{len(others)} incident(s) were merged into this one: keep it, and merge the other into it",
            f"已有 {len(others)} 件并入本件：请保留本件，将对方并入本件",
        )
        raise ConflictError(message, [Fault("of", message, value=str(of.incident_id))])


def _write(
    connection: Connection, before: Kept, after: Kept, asked: Asked, *, move: str, details: dict[str, Any]
) -> Standing:
    line = Line(
        after.life.last_at or after.life.reported_at,
        asked.who,
        move,
        before.life.status.value,
        after.life.status.value,
        asked.reason,
        details,
        asked.request_key,
    )
    return handling.write(connection, after, line, lives.clock(connection))


def _tell(connection: Connection, kept: Kept, move: str, asked: Asked, details: dict[str, Any]) -> None:
    """Write into the log of the incident that stays."""
    now, status = lives.present(connection, kept.incident_id), kept.life.status.value
    line = Line(now, asked.who, move, status, status, asked.reason.strip(), details)
    handling.write(connection, kept, line, now)
