"""The settings of the dispatcher's desk, and whose phone is whose."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from geo_service.errors import Fault, ForbiddenError, InvalidInputError, NotFoundError, Words
from geo_service.model import Principal, Role
from geo_service.staffing.desk import Desk
from geo_service.store import audit, boundaries, principals, staffing
from geo_service.store import desk as store
from geo_service.store.database import Connection, Database

#: How long another process's change of the settings may go unseen.
TTL_S = 5.0


@dataclass(frozen=True, slots=True)
class DeskSet:
    """The settings of one version; version 0 is what the program comes with."""

    version: int
    desk: Desk
    who: str
    at: datetime | None


class Desks:
    """The settings now, at most :data:`TTL_S` old."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: tuple[float, DeskSet] | None = None

    def get(self) -> Desk:
        """Return the settings."""
        kept = self._kept
        if kept is None or time.monotonic() - kept[0] > TTL_S:
            return self.read().desk
        return kept[1].desk

    def read(self) -> DeskSet:
        """Ask the database."""
        with self._database.reading() as connection:
            version, given, who, at = store.settings(connection)
        found = DeskSet(version, Desk.from_kept(given), who, at)
        self._kept = (time.monotonic(), found)
        return found

    def set(self, given: Mapping[str, Any], *, after: int, who: str) -> DeskSet:
        """Set them: what is left out is as the program has it.

        Raises
        ------
        InvalidInputError
            Each fault names the setting.
        ConflictError
            Somebody set them since version ``after``.
        """
        desk = Desk.from_mapping(given)
        with self._database.writing() as connection:
            levels = [level.code for level in boundaries.levels(connection)]
            if desk.local_level and desk.local_level not in levels:
                words = f"there is no such level; use one of: {', '.join(levels)}"
                raise InvalidInputError(
                    Words("the settings of the desk are not in order", "值守设置有误"),
                    [Fault("local_level", words, value=desk.local_level)],
                )
            version = store.set_settings(connection, given, after=after, who=who)
            audit.record(connection, who, "desk.set", f"desk {version}", dict(given))
        return self.read()


def acts_for(connection: Connection, who: Principal) -> int:
    """Return the responder for whom a worker's key acts.

    Raises
    ------
    ForbiddenError
        For nobody: an admin has not linked the key yet.
    """
    found = store.responder_of(connection, who.id)
    if found is None:
        raise ForbiddenError(
            Words(
                "this key acts for nobody: ask an admin to link it with a responder",
                "该密钥尚未关联人员，请联系管理员关联",
            )
        )
    return found


def own_only(connection: Connection, who: Principal) -> int | None:
    """Return the responder to whom the caller is confined; None for those who may act for all."""
    return acts_for(connection, who) if who.role is Role.WORKER else None


def link(database: Database, principal_id: int, code: str | None, *, by: str) -> None:
    """Let a key act for a responder, or (None) for nobody.

    Raises
    ------
    NotFoundError
        There is no such key, or no such responder.
    """
    with database.writing() as connection:
        held = principals.one(connection, principal_id)
        responder_id = None if code is None else _responder_id(connection, code)
        store.link(connection, principal_id, responder_id)
        details = {"responder": code, "name": held.principal.name}
        audit.record(connection, by, "key.link", f"key {principal_id}", details)


def require_responder(database: Database, code: str) -> None:
    """Raise NotFoundError unless there is a responder of this code."""
    with database.reading() as connection:
        _responder_id(connection, code)


def _responder_id(connection: Connection, code: str) -> int:
    responder_id = staffing.responder_ids(connection).get(code)
    if responder_id is None:
        raise NotFoundError(Words(f"there is no responder {code!r}", f"没有编号为 {code} 的人员"))
    return responder_id
